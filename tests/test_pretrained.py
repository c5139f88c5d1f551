"""Pretrained networks are what their cards say, or are refused in one line."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import toy
from refusals import refused
from safetensors.torch import load_file, save_file

from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.data.reading import block_of, measured_readings
from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation import performance
from ecghelpers.measurement import LABELS_VERSION
from ecghelpers.network import pretrained
from ecghelpers.network.model import StevenNet
from ecghelpers.network.prediction import predict

FIRST = 200
NETWORKS = [(target, model) for target in TARGETS for model in pretrained.models(target)]


@pytest.fixture(scope="module")
def unseen():
    """The first test ECGs of the cards, made anew: median beats and targets."""
    ids = record_ids(0, FIRST, pretrained.read_card("qt")["data"]["test_seed"])
    eight = synthesize(ids)
    block, _ = block_of(ids, measured_readings(eight, 500))
    return block.medians, block.targets


@pytest.fixture
def copied(tmp_path):
    """A copy of the networks of one target, to be damaged."""
    shutil.copytree(pretrained.folder() / "qt", tmp_path / "qt")
    return tmp_path


@pytest.mark.parametrize(("target", "model"), NETWORKS)
def test_a_pretrained_network_errs_as_its_complete_card_says(unseen, target, model):
    medians, targets = unseen
    card, truth = pretrained.read_card(target, model), targets[:, list(TARGETS).index(target)]
    known = np.isfinite(truth)
    network = StevenNet().eval()  # a reader who knows nothing of cards
    network.load_state_dict(load_file(pretrained.folder() / target / f"model{model}.safetensors"))
    found = performance.model_errors(truth[known], predict(network, medians[known]))
    assert found["n"] == card["first_test"]["n"]
    assert found["mae"] == pytest.approx(card["first_test"]["mae"], rel=0.01)
    assert found["rmse"] == pytest.approx(card["first_test"]["rmse"], rel=0.01)
    assert card["test"]["n"] >= 1500 and card["data"]["test_seed"] != card["data"]["seed"]
    assert len(card["history"]) == sum(part["epochs"] for part in card["training"])
    assert card["trunk"] in ("apart", "together")
    assert {"version", "machine", "hours", "made_by", "sha256"} <= set(card)


def test_networks_that_do_not_exist_are_refused(copied):
    for target, model, said in (
        ("qtc", 1, "'qtc'; choose one of VentRate"),
        ("qt", 0, "qt model 0 (available for qt: 1"),
        ("pr", 1, "available for pr: none"),
    ):
        with refused(said):
            pretrained.load_network(target, model, "cpu", copied)


def test_damaged_weights_and_cards_are_refused(copied):
    weights, card = (copied / "qt" / f"model1.{suffix}" for suffix in ("safetensors", "json"))
    whole, changed, known = weights.read_bytes(), load_file(weights), json.loads(card.read_text())
    weights.unlink()
    with refused("missing"):
        pretrained.load_network("qt", 1, "cpu", copied)
    save_file(changed | {"fc1.bias": changed["fc1.bias"] + 1}, weights)
    contents = [(weights, content) for content in (weights.read_bytes(), whole[:-5], b"")]
    others = [known | {"target": "pr"}, {key: v for key, v in known.items() if key != "sha256"}]
    contents += [(card, text.encode()) for text in ("", "[]", *map(json.dumps, others))]
    for path, content in contents:
        weights.write_bytes(whole)
        path.write_bytes(content)
        with refused("model1"):
            pretrained.load_network("qt", 1, "cpu", copied)


def test_other_data_is_said():
    card = pretrained.read_card("pr")
    card["data"]["labels_version"] = LABELS_VERSION
    assert pretrained.other_data(card, {"source": "gan"}) == ""
    assert "from wfdb" in pretrained.other_data(card, {"source": "wfdb"})
    card["data"]["labels_version"] = LABELS_VERSION - 1
    assert f"version {LABELS_VERSION - 1}" in pretrained.other_data(card, {"source": "gan"})


def test_the_readme_s_lines_run_from_an_installed_package_elsewhere(tmp_path):
    """As after pip install: away from the repository, without a main guard."""
    source, installed = tmp_path / "source", tmp_path / "installed"
    for name in ("ecghelpers", "networks"):
        shutil.copytree(toy.ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(toy.ROOT / name, source)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, *install, "--target", installed, source], check=True)
    readme = (toy.ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(.*?)```", readme, re.S)[1]
    lines += "from ecghelpers.network import pretrained\nprint(pretrained.folder())\n"
    script = tmp_path / "mine.py"
    script.write_text(lines, encoding="utf-8")
    environment = toy.environment(PYTHONPATH=str(installed))
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "heatmap.png").stat().st_size > 10_000
    assert done.stdout.splitlines()[-1].startswith(str(installed))
