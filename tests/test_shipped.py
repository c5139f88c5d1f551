"""The networks that come with the project: they are what their cards say, or are refused."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import toy
from forked import forkserver, run_notebook
from safetensors.torch import load_file, save_file

from ecghelpers import shipped
from ecghelpers.config import Results
from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.data.parallel import measured_block
from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation import performance
from ecghelpers.measurement import LABELS_VERSION
from ecghelpers.prediction import predict
from ecghelpers.run import parameter_files
from ecghelpers.truth.plants import PLANTS, fingerprint

FIRST = 200
NETWORKS = [(target, 1) for target in TARGETS] + [("qt", k) for k in shipped.models("qt")[1:]]


@pytest.fixture(scope="module")
def unseen():
    """The first test ECGs of the cards, made anew: median beats and targets."""
    ids = record_ids(0, FIRST, shipped.read_card("qt")["data"]["test_seed"])
    eight = synthesize(ids)
    block = measured_block(ids, eight, 500)
    return block.medians, block.targets


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the networks of one target, to be damaged."""
    shutil.copytree(shipped.folder() / "qt", tmp_path / "qt")
    monkeypatch.setattr(shipped, "BESIDE", tmp_path)
    return tmp_path / "qt"


@pytest.mark.parametrize(("target", "model"), NETWORKS)
def test_a_shipped_network_errs_as_its_card_says(unseen, target, model):
    medians, targets = unseen
    card, truth = shipped.read_card(target, model), targets[:, list(TARGETS).index(target)]
    known = np.isfinite(truth)
    network = shipped.load_network(target, model, device="cpu")
    found = performance.model_errors(truth[known], predict(network, medians[known]))
    assert found["n"] == card["first_test"]["n"]
    assert found["mae"] == pytest.approx(card["first_test"]["mae"], rel=0.01)
    assert found["rmse"] == pytest.approx(card["first_test"]["rmse"], rel=0.01)


@pytest.mark.parametrize("plant", PLANTS)
def test_a_shipped_network_reads_its_plant_and_no_other(unseen, plant):
    medians, targets = unseen
    labels = targets[:, list(TARGETS).index("qt")]
    seed = parameter_files.read_yaml(parameter_files.PARAMETERS / "reference.yaml")["seed"]
    card = shipped.planted_card(plant, fingerprint(plant, seed))
    known = np.isfinite(labels)
    ids = [f"unseen {number}" for number in np.flatnonzero(known)]
    planted = PLANTS[plant].plant(medians[known], ids, seed, labels[known])
    network = shipped.network_of(card, device="cpu")
    found = performance.model_errors(planted.values, predict(network, planted.beats))
    assert found["r2"] > 0.9 and card["test"]["r2"] > 0.95
    assert found["mae"] == pytest.approx(card["test"]["mae"], rel=0.3)
    assert len(card["history"]) == card["training"][0]["epochs"]
    assert shipped.planted_card(plant, fingerprint(plant, seed + 1)) is None


@pytest.mark.parametrize(("target", "model"), NETWORKS)
def test_sixteen_bits_cost_next_to_nothing_and_the_card_is_complete(target, model):
    card = shipped.read_card(target, model)
    assert card["test"]["mae"] == pytest.approx(card["test_32_bit"]["mae"], rel=0.005)
    assert card["test"]["n"] > 4000 and card["data"]["test_seed"] != card["data"]["seed"]
    assert len(card["history"]) == sum(part["epochs"] for part in card["training"])
    assert {"version", "machine", "hours", "made_by", "sha256"} <= set(card)
    assert all(shipped.describe(card).values())


def test_what_is_missing_damaged_or_of_another_card_is_told_in_one_line(copied):
    weights, card = copied / "model1.safetensors", copied / "model1.json"
    whole, told = weights.read_bytes(), []

    def refused(target="qt", model=1):
        with pytest.raises(ValueError) as error:
            shipped.load_network(target, model)
        told.append(str(error.value))
        return told[-1]

    assert "VentRate" in refused("qtc")
    assert "model 4" in refused(model=4) and "there is: 1" in told[-1]
    weights.write_bytes(whole[:-100])
    assert "damaged" in refused()
    weights.write_bytes(whole)
    changed = load_file(weights)
    changed["fc1.bias"] += 1
    save_file(changed, weights)
    assert "not the network that" in refused()
    weights.unlink()
    assert "is missing" in refused()
    card.write_text("{")
    assert "not the card" in refused()
    card.write_text(json.dumps([1]))
    assert "not the card" in refused()
    assert all("\n" not in line and len(line) < 400 for line in told)


def test_a_profile_that_wants_more_networks_than_there_are_is_refused(monkeypatch, tmp_path):
    shutil.copytree(parameter_files.PARAMETERS, tmp_path / "parameters")
    monkeypatch.setattr(parameter_files, "PARAMETERS", tmp_path / "parameters")
    profile = tmp_path / "parameters" / "reference.yaml"
    assert parameter_files.load("reference", ["qt"])["models"] == 1
    profile.write_text(re.sub(r"models: 1\b", "models: 9", profile.read_text()))
    with pytest.raises(ValueError, match="qt model .* does not come with the project"):
        parameter_files.load("reference", ["qt"])


def test_notebooks_take_a_shipped_network_and_say_so(smoke, tmp_path):
    """02 to 04 of the profile reference, on the few records of the profile smoke."""
    (tmp_path / "data").mkdir()
    shutil.copy(smoke.medians, tmp_path / "data")
    few = {"heatmap_records": 2, "smoothgrad_draws": 2, "gradientshap_draws": 2}
    common = {"results": str(tmp_path), "target": "qt", "network": "shipped"} | few
    process = forkserver().Process(target=_run_all, args=(common,))
    process.start()
    process.join()
    assert process.exitcode == 0
    paths = Results(tmp_path)
    errors = pd.read_csv(paths.metrics).set_index("split").mae
    card = shipped.read_card("qt")
    assert errors.test < 4 * card["test"]["mae"]  # of a dozen records
    history = json.loads((paths.model_dir("qt", 1) / "training.json").read_text())["history"]
    assert history == card["history"]
    assert paths.attributions("qt", 1).exists()


def _run_all(parameters):
    for name in ("02_train", "03_evaluate", "04_heatmaps"):
        run_notebook(name, parameters)


def test_other_data_is_said():
    card = shipped.read_card("pr")
    card["data"]["labels_version"] = LABELS_VERSION
    assert shipped.other_data(card, {"source": "gan"}) == ""
    assert "from wfdb" in shipped.other_data(card, {"source": "wfdb"})
    card["data"]["labels_version"] = LABELS_VERSION - 1
    assert f"version {LABELS_VERSION - 1}" in shipped.other_data(card, {"source": "gan"})


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
    where = [sys.executable, "-P", "-c", "from ecghelpers import shipped; print(shipped.folder())"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.stdout.startswith(str(installed))
