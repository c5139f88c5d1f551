"""Verdicts follow from intervals, controls void what they pass, and intervals cover."""

import numpy as np
import pandas as pd
import pytest

from ecghelpers.evaluation import review
from ecghelpers.evaluation.agreement import long_table
from ecghelpers.evaluation.known_networks import SCORE_COLUMNS

RNG = np.random.default_rng(0)
IDS = [f"r{n}" for n in range(12)]


def _table(means, part="agreement", score="donors", targets=("qt", "pr"), spread=0.03):
    """The review of methods that score `means` in all 12 ECGs, but for noise."""

    def one():
        values = {(m, score): mean + RNG.normal(0, spread, 12) for m, mean in means.items()}
        return long_table(part, values, IDS)

    return review.put_together(review.from_truth({(t, 1): one() for t in targets}, {}))


def _verdicts(table, test):
    rows = table[(table.target == "all") & (table.test == test)]
    return rows.set_index("method").verdict.to_dict()


def test_a_method_has_to_reach_half_the_ceiling_and_beat_the_controls():
    means = {"saliency": 0.8, "smoothgrad": 0.45, "deeplift": 0.1, "voltage": 0.3, "slope": 0.2}
    found = _verdicts(_table(means | {"ceiling": 0.9, "random": 0.0}), "change matters")
    assert found["saliency"] == "passes" and found["deeplift"] == "fails"
    assert found["smoothgrad"] == "unclear" and found["voltage"] == "fails"
    assert found["random"] == "fails" and found["ceiling"] == ""
    means = {"saliency": 0.6, "voltage": 0.35, "slope": 0.6, "random": 0}
    near = _verdicts(_table(means), "change matters")
    assert near["saliency"] == ""  # |slope| passes: the column is void


@pytest.mark.parametrize("control", ["voltage", "slope", "random"])
def test_a_control_that_passes_voids_the_column_visibly(control):
    table = _table({"saliency": 0.9, "voltage": 0.0, "slope": 0.0, "random": 0.0} | {control: 0.8})
    assert review.voided(table) == {"change matters": [control]}
    found = _verdicts(table, "change matters")
    assert found[control] == "passes" and found["saliency"] == ""


def test_a_method_that_does_not_surely_beat_a_control_is_unclear():
    values = {"saliency": RNG.normal(0.6, 0.02, 12), "slope": np.tile([0.2, 0.9], 6)}
    values = {(method, "donors"): v for method, v in values.items()}
    table = review.put_together(
        review.from_truth({("qt", 1): long_table("agreement", values, IDS)}, {})
    )
    assert _verdicts(table, "change matters") == {"saliency": "unclear", "slope": "unclear"}


def test_small_is_good_where_weights_are_shuffled():
    means = {"saliency": 0.05, "guided_backprop": 0.8, "voltage": 1.0}
    found = _verdicts(_table(means, "weights", "all_layers"), "depends on all layers")
    assert found == {"saliency": "passes", "guided_backprop": "fails", "voltage": "fails"}


def test_a_map_that_does_not_show_what_matters_is_not_this_ecgs_own():
    values = {("saliency", "donors"): 0.8, ("voltage", "donors"): 0.0, ("voltage", "own"): 0.1}
    values |= {("saliency", "own"): 0.2, ("random", "donors"): 0.0}
    values |= {("deeplift", "donors"): 0.8, ("deeplift", "own"): 0.1}
    noisy = {key: mean + RNG.normal(0, 0.02, 12) for key, mean in values.items()}
    tables = {("qt", 1): long_table("agreement", noisy, IDS)}
    table = review.put_together(review.from_truth(tables, {}))
    found = _verdicts(table, "specific to this ECG")
    assert found == {"saliency": "passes", "deeplift": "unclear", "voltage": "fails"}


def test_trainings_are_compared_over_targets_however_many_ecgs_there_are():
    table = _table({"saliency": 0.2}, "trainings", "consistent", ("qt", "pr", "qrs"), spread=0.001)
    rows = table.set_index("target")
    assert set(rows.unit_of_n) == {"target"} and dict(rows.n) == {
        "qt": 1,
        "pr": 1,
        "qrs": 1,
        "all": 3,
    }
    assert rows.verdict["all"] == "fails" and rows.verdict["qt"] == "unclear"
    assert np.isnan(rows.low["qt"])


def test_targets_are_pooled_for_each_ecg_and_patients_stay_together():
    table = _table({"saliency": 0.8, "voltage": 0.1}, targets=("qt", "pr", "qrs"))
    rows = table[(table.method == "saliency") & (table.test == "change matters")]
    rows = rows.set_index("target")
    assert set(rows.index) == {"qt", "pr", "qrs", "all"}
    assert (rows.n == 12).all() and set(rows.unit_of_n) == {"ECG"}
    assert rows.value["all"] == pytest.approx(rows.value[["qt", "pr", "qrs"]].mean())
    values = {("saliency", "donors"): np.repeat(RNG.normal(0.8, 0.1, 3), 4)}
    patients = {record: f"p{n // 4}" for n, record in enumerate(IDS)}
    of_three = review.from_truth({("qt", 1): long_table("agreement", values, IDS)}, patients)
    assert of_three[0]["unit_of_n"] == "patient" and of_three[0]["n"] == 3
    assert np.isnan(of_three[0]["low"])


def _known(found, kinds=("level", "contrast"), places=10):
    rows = [
        (kind, f"{place}-{run}", method, score, value + RNG.normal(0, 0.02), 12)
        for kind in kinds
        for place in range(1, places + 1)
        for run in (1, 2)
        for (method, score), value in found.items()
    ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def test_known_readouts_count_places_and_judge_markers_by_their_difference():
    scores = {("saliency", "contribution"): 0.9, ("voltage", "contribution"): 0.0}
    scores["random", "contribution"] = 0.2
    marked = {("saliency", "marker"): 0.9, ("voltage", "marker"): 0.7}
    ignored = {("saliency", "marker"): 0.0, ("voltage", "marker"): 0.7}
    every = [_known(scores), _known(marked, ["shortcut"]), _known(ignored, ["decoy"])]
    table = review.put_together(review.from_known(pd.concat(every)))
    found = _verdicts(table, "known contribution")
    assert found == {"saliency": "passes", "voltage": "fails", "random": "fails"}
    assert _verdicts(table, "shortcut exposed") == {"saliency": "passes", "voltage": "fails"}
    assert _verdicts(table, "decoy ignored") == {"saliency": "", "voltage": "fails"}
    row = table[(table.test == "known contribution") & (table.target == "all")].iloc[0]
    assert row.n == 10 and row.unit_of_n == "place" and row.chance == pytest.approx(0.2, abs=0.02)
    one = review.from_known(_known(scores, ["level"], places=1))
    assert one[0]["verdict"] == "unclear" and np.isnan(one[0]["low"])


def test_intervals_over_places_cover_the_true_mean():
    """The networks of a place are alike, kinds differ, and not all are admitted."""
    inside, runs = 0, 400
    kind, place = (part.ravel() for part in np.indices((3, 16)))
    for _ in range(runs):
        alike = RNG.normal(0, 0.1, 16)[place]
        values = np.array([0.3, 0.8, 0.9])[kind] + alike + RNG.normal(0, 0.05, 48)
        values[RNG.random(48) < 0.25] = np.nan
        networks = pd.DataFrame({"kind": kind, "place": place, "value": values})
        found = review.over_places(networks)
        inside += found["low"] <= 2 / 3 <= found["high"]
    assert 0.92 < inside / runs < 0.98
    alone = review.over_places(
        pd.DataFrame({"kind": "level", "place": [1, 2], "value": [0.4, np.nan]})
    )
    assert alone["n"] == 1 and alone["value"] == 0.4 and np.isnan(alone["low"])
    assert review.over_places(networks[:0])["n"] == 0


def test_without_a_test_the_review_is_empty():
    assert list(review.put_together([]).columns) == review.COLUMNS
