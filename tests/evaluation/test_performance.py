"""Errors of the networks of a results folder."""

import json

import numpy as np
import pytest
from small_networks import beats, medians_of, steven_net

from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation.performance import origins, score_models, score_network
from ecghelpers.network.model import save_model
from ecghelpers.network.prediction import predict
from ecghelpers.paths import Results


@pytest.fixture
def data():
    targets = np.random.default_rng(0).normal(400, 20, (9, len(TARGETS)))
    return medians_of(
        beats(9, dtype=np.int16), split=["train", "validation", "test"] * 3, targets=targets
    )


def test_errors_are_computed_once_per_network(tmp_path, data):
    results = Results(tmp_path)
    network = steven_net().float()
    path = results.network("qt", 1)
    save_model(path, network)
    rows = score_network(results, data, "qt", 1, "cpu")
    test = data.split == "test"
    error = predict(network, data.medians[test]) - data.target("qt")[test]
    assert rows[-1]["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    stored = path.with_name("metrics.json")
    content = json.loads(stored.read_text())
    content["errors"][-1]["mae"] = 7.0  # to see whether it is read or computed
    stored.write_text(json.dumps(content))
    table = score_models(results, data, "cpu")
    assert list(table) == ["target", "model", "split", "n", "mae", "rmse", "r2"]
    assert table.mae.iloc[-1] == 7
    save_model(path, steven_net(seed=3).float())
    assert score_network(results, data, "qt", 1, "cpu")[-1]["mae"] not in (7, rows[-1]["mae"])
    stored.write_text("{")
    assert score_models(results, data, "cpu").mae.iloc[-1] != 7


def test_a_network_of_another_source_is_named(tmp_path, data):
    results, network = Results(tmp_path), steven_net().float()
    for target, source in (("qt", "gan"), ("pr", "files")):
        settings = {"settings": json.dumps({"source": source})}
        save_model(results.network(target, 1), network, settings)
    data.attributes["source"] = "files"
    pr, qt = origins(results, data)
    assert "this run's" in pr and "source gan" in qt and "from files" in qt
