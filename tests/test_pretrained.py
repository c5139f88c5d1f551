"""Pretrained networks are what their cards say, or are refused in one line."""

import json
import re
import shutil
import subprocess
import sys

import forked
import numpy as np
import pandas as pd
import pytest
import toy
from safetensors.torch import load_file, save_file

from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.data.reading import block_of, measured_readings
from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation import performance
from ecghelpers.measurement import LABELS_VERSION
from ecghelpers.network import pretrained
from ecghelpers.network.model import StevenNet
from ecghelpers.network.prediction import predict
from ecghelpers.paths import Results

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
def test_a_pretrained_network_errs_as_its_card_says(unseen, target, model):
    medians, targets = unseen
    card, truth = pretrained.read_card(target, model), targets[:, list(TARGETS).index(target)]
    known = np.isfinite(truth)
    network = StevenNet().eval()  # a reader who knows nothing of cards
    network.load_state_dict(load_file(pretrained.folder() / target / f"model{model}.safetensors"))
    found = performance.model_errors(truth[known], predict(network, medians[known]))
    assert found["n"] == card["first_test"]["n"]
    assert found["mae"] == pytest.approx(card["first_test"]["mae"], rel=0.01)
    assert found["rmse"] == pytest.approx(card["first_test"]["rmse"], rel=0.01)


@pytest.mark.parametrize(("target", "model"), NETWORKS)
def test_cards_are_complete(target, model):
    card = pretrained.read_card(target, model)
    assert card["test"]["n"] >= 1500 and card["data"]["test_seed"] != card["data"]["seed"]
    assert len(card["history"]) == sum(part["epochs"] for part in card["training"])
    assert card["trunk"] in ("apart", "together")
    assert {"version", "machine", "hours", "made_by", "sha256"} <= set(card)


def refusal(place, target="qt", model=1) -> str:
    with pytest.raises(ValueError) as refused:
        pretrained.load_network(target, model, "cpu", place)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 500
    return str(refused.value)


def test_networks_that_do_not_exist_are_refused(copied):
    assert "'qtc'; choose one of VentRate" in refusal(copied, "qtc")
    assert "qt model 0 (available for qt: 1" in refusal(copied, model=0)
    assert "available for pr: none" in refusal(copied, "pr")


def test_weights_that_are_not_the_cards_are_refused(copied):
    weights = copied / "qt" / "model1.safetensors"
    whole, changed = weights.read_bytes(), load_file(weights)
    changed["fc1.bias"] += 1
    save_file(changed, weights)
    for content in (weights.read_bytes(), whole[:-5], b""):
        weights.write_bytes(content)
        assert "model1.json" in refusal(copied)
    weights.unlink()
    assert "missing" in refusal(copied)


def test_cards_that_are_none_are_refused(copied):
    path = copied / "qt" / "model1.json"
    card = json.loads(path.read_text())
    without = {key: value for key, value in card.items() if key != "sha256"}
    for content in ("", "[]", *map(json.dumps, [without, card | {"target": "pr"}])):
        path.write_text(content)
        assert "model1" in refusal(copied)


def test_notebooks_take_a_pretrained_network_and_say_so(smoke, tmp_path):
    """02 to 04 of the profile reference, on the few records of the profile smoke."""
    (tmp_path / "data").mkdir()
    for path in (smoke.medians, smoke.events):
        shutil.copy(path, tmp_path / "data")
    for name in ("02_train", "03_evaluate", "04_heatmaps"):
        process = forked.start(name, results=str(tmp_path), network="pretrained")
        process.join()
        assert process.exitcode == 0, name
    paths = Results(tmp_path)
    errors = pd.read_csv(paths.metrics).set_index("split").mae
    card = pretrained.read_card("qt")
    assert errors.test < 4 * card["test"]["mae"]  # of a dozen records
    history = json.loads((paths.model_dir("qt", 1) / "training.json").read_text())["history"]
    assert history == card["history"]
    assert paths.attributions("qt", 1).exists()


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
    script = tmp_path / "mine.py"
    script.write_text(re.search(r"```python\n(.*?)```", readme, re.S)[1], encoding="utf-8")
    environment = toy.environment(PYTHONPATH=str(installed))
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "heatmap.png").stat().st_size > 10_000
    code = "from ecghelpers.network import pretrained; print(pretrained.folder())"
    where = [sys.executable, "-P", "-c", code]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.stdout.startswith(str(installed))
