"""Errors, curves, intervals and verdicts, against figures worked out by hand."""

import json

import numpy as np
import pytest
from refusals import refused
from small_networks import beats, medians_of, steven_net

from ecghelpers.ecg import BEAT_SHAPE, TARGETS
from ecghelpers.evaluation import performance, published
from ecghelpers.evaluation.performance import model_errors, origins, score_network
from ecghelpers.evaluation.published import aopc, area, perturbation_table
from ecghelpers.evaluation.statistics import mean_interval
from ecghelpers.network.model import save_model
from ecghelpers.network.prediction import predict
from ecghelpers.paths import Results

RNG = np.random.default_rng(2)


def test_model_errors_areas_and_aopc_by_hand():
    found = model_errors(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 8]))
    assert found["n"] == 4 and found["mae"] == 1 and found["rmse"] == 2
    assert found["r2"] == pytest.approx(1 - 16 / 5)
    with refused("no records"):
        model_errors(np.array([]), np.array([]))
    with refused("prediction holds NaN"):
        model_errors(np.ones(4), np.full(4, np.nan))
    assert area(np.array([0.0, 2.0, 4.0]), 2) == 2
    assert area(np.array([[5.0] * 11]), 10)[0] == 5
    assert aopc(np.array([[10.0, 12, 7]]))[0] == pytest.approx(2.5)


def curves(rise: float, n: int = 60, steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and predictions whose error grows by `rise` a step, on top of a shared spread."""
    spread = np.random.default_rng(0).normal(0, 5, (n, 1))
    return np.zeros(n), np.abs(spread) + rise * np.arange(steps + 1)[None]


def test_an_interval_over_patients_is_wider_than_one_over_their_records():
    values = np.repeat(RNG.normal(0, 1, 10), 8)
    records = mean_interval(values)
    patients = mean_interval(values, np.repeat(np.arange(10), 8))
    assert patients[2] - patients[1] > 1.5 * (records[2] - records[1])


def test_two_records_give_no_verdict_and_one_has_no_sd():
    values, splits = np.arange(3.0)[:, None], ["train", "train", "test"]
    records = medians_of(np.zeros((3, *BEAT_SHAPE)), split=splits, targets=values)
    alone = performance.test_sd(records)
    assert np.isnan(list(alone.values())).all()
    for records, sd in ((2, 1.0), (1, alone["qt"])):
        truth, level = curves(1.0, n=records)
        given = {"saliency": curves(9.0, n=records)[1], "random": level}
        row = perturbation_table(truth, given, "qt", sd).set_index("method").loc["saliency"]
        assert row.beats_random == "unclear" and np.isnan(row.aopc_sd) == (records == 1)


def test_the_verdict_is_paired_against_random_and_nan_gives_an_error():
    truth, level = curves(1.0)
    for spoilt, name in ((truth * np.nan, "truth"), (truth, "saliency")):
        with refused(f"{name} holds NaN"):
            perturbation_table(spoilt, {"saliency": level * np.nan, "random": level}, "qt", 1.0)
    given = {"saliency": curves(1.2)[1], "deeplift": curves(0.9)[1], "random": level}
    given["smoothgrad"] = level + np.random.default_rng(1).normal(0, 0.5, level.shape)
    found = perturbation_table(truth, given, "qt", sd=10).set_index("method")
    assert list(found.loc[["saliency", "deeplift", "random"], "beats_random"]) == ["yes", "no", ""]
    assert found.loc["smoothgrad", "beats_random"] == "unclear"
    patients = np.arange(len(truth)) // 12  # five of them
    few = perturbation_table(truth, given, "qt", sd=10, groups=patients)
    assert set(few.beats_random) == {"unclear", ""}
    auc5 = level[:, 0].mean() + 1.2 * np.arange(5 + 1).mean()
    wanted = {"gain": 0.2 * 15, "aopc": 1.2 * 15.5, "aopc_sd": 1.2 * 15.5 / 10, "auc5": auc5}
    assert found.loc["saliency", list(wanted)].to_dict() == pytest.approx(wanted)
    assert {f"auc{k}_low" for k in (5, 10, 15, 25)} <= set(found)


def test_curves_are_resumed_only_for_the_same_beats(tmp_path, monkeypatch):
    computed, compute = [], published.perturbation_curve

    def counted(*given, **options):
        computed.append(given)
        return compute(*given, **options)

    def perturbed(medians):
        maps = {"random": np.random.default_rng(0).normal(size=medians.shape)}
        given = (medians_of(medians, targets=1), "qt", maps, tmp_path / "perturbation.h5")
        curves = published.perturb(steven_net(), *given, steps=2)
        return curves.prediction["random"]

    monkeypatch.setattr(published, "perturbation_curve", counted)
    two = beats(2, seed=3, dtype=np.int16)
    np.testing.assert_array_equal(first := perturbed(two), perturbed(two))
    assert len(computed) == 1
    assert (perturbed(two[::-1].copy()) != first).any() and len(computed) == 2


@pytest.fixture
def data():
    targets = np.random.default_rng(0).normal(400, 20, (9, len(TARGETS)))
    splits = ["train", "validation", "test"] * 3
    return medians_of(beats(9, dtype=np.int16), split=splits, targets=targets)


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
    again = score_network(results, data, "qt", 1, "cpu")
    assert list(again[-1]) == ["target", "model", "split", "n", "mae", "rmse", "r2"]
    assert again[-1]["mae"] == 7
    save_model(path, steven_net(seed=3).float())
    assert score_network(results, data, "qt", 1, "cpu")[-1]["mae"] not in (7, rows[-1]["mae"])
    stored.write_text("{")
    assert score_network(results, data, "qt", 1, "cpu")[-1]["mae"] != 7


def test_a_network_of_another_source_is_named(tmp_path, data):
    results, network = Results(tmp_path), steven_net().float()
    for target, source in (("qt", "gan"), ("pr", "files")):
        settings = {"settings": json.dumps({"source": source})}
        save_model(results.network(target, 1), network, settings)
    data.attributes["source"] = "files"
    pr, qt = origins(results, data)
    assert "this run's" in pr and "source gan" in qt and "from files" in qt
