"""Scores of maps against masks: by hand, against xaitimesynth, the oracle and chance."""

import numpy as np
import pytest
import xaitimesynth.metrics as reference
from sklearn.metrics import average_precision_score

from ecghelpers.truth import (
    SCORES,
    auroc,
    average_precision,
    edge_chance_ms,
    edge_error_ms,
    lead_accuracy,
    mass_accuracy,
    pointing_game,
    rank_accuracy,
    score_table,
    time_accuracy,
)
from ecghelpers.truth.floor_maps import knowing_nothing, shifted

RNG = np.random.default_rng(5)


def _masks(records=30, leads=12, samples=60):
    masks = np.zeros((records, leads, samples), np.uint8)
    for mask in masks:
        at, width = RNG.integers(0, samples - 8), RNG.integers(2, 8)
        mask[RNG.integers(0, leads, 2), at : at + width] = 1
    return masks


def test_scores_by_hand():
    maps = np.array([[[4.0, -3, 2, 1], [0, 0, 0, 0]]])
    masks = np.array([[[1, 0, 1, 0], [0, 0, 0, 0]]])
    assert mass_accuracy(maps, masks) == pytest.approx(6 / 10)
    assert rank_accuracy(maps, masks) == pytest.approx(1 / 2)  # 4 is in, 3 is out
    assert pointing_game(maps, masks) == 1
    assert lead_accuracy(maps, masks) == 1
    assert time_accuracy(maps[:, ::-1], masks) == pytest.approx(6 / 10)
    assert average_precision(maps, masks) == pytest.approx((1 + 2 / 3) / 2)
    assert auroc(maps, masks) == pytest.approx((6 + 5) / 12)


def test_points_that_tie_count_as_a_draw_among_them_would():
    maps, masks = np.zeros((1, 1, 8)), np.zeros((1, 1, 8))
    maps[0, 0, 0] = 1
    masks[0, 0, [1, 2]] = 1
    assert rank_accuracy(maps, masks) == pytest.approx((2 / 7) / 2)  # one place left, 7 tie for it
    assert auroc(maps, masks) == pytest.approx(5 / 12)
    maps[0, 0, 1] = 1
    assert pointing_game(maps, masks) == pytest.approx(0.5)


@pytest.mark.parametrize("sparse", [False, True])
def test_scores_agree_with_xaitimesynth(sparse):
    masks = _masks()
    maps = RNG.normal(size=masks.shape) + masks * RNG.uniform(0, 2, (30, 1, 1))
    if sparse:
        maps[:, 3:] = 0
        masks[:, 0, 5] = 1
    series = {
        "metadata": {"n_samples": 30, "n_timesteps": 720, "n_dimensions": 1},
        "feature_masks": {"planted_dim0": masks.reshape(30, -1).astype(bool)},
    }
    given = np.abs(maps).reshape(30, -1, 1)

    def theirs(score):
        return np.array(list(score(given, series, average="per_sample").values()))

    close = {"rtol": 0, "atol": 1e-9}
    np.testing.assert_allclose(
        mass_accuracy(maps, masks), theirs(reference.relevance_mass_accuracy), **close
    )
    if not sparse:  # of points that tie they take any
        np.testing.assert_allclose(
            rank_accuracy(maps, masks), theirs(reference.relevance_rank_accuracy), **close
        )
    np.testing.assert_allclose(pointing_game(maps, masks), theirs(reference.pointing_game), **close)
    # Theirs orders points of equal false-positive rate by chance, which moves it a little.
    np.testing.assert_allclose(auroc(maps, masks), theirs(reference.auc_roc_score), atol=0.01)
    exact = [
        average_precision_score(m.ravel(), np.abs(a).ravel())
        for a, m in zip(maps, masks, strict=True)
    ]
    np.testing.assert_allclose(average_precision(maps, masks), exact, rtol=1e-12)
    # Theirs starts at precision 1 and joins points by lines: for K points without ties, about 1 / K
    # more; with ties, more than that.
    lift = theirs(reference.auc_pr_score) - average_precision(maps, masks)
    assert lift.min() >= -1e-9
    assert sparse or (lift < 1.5 / masks.sum((1, 2))).all()


@pytest.mark.parametrize("name", SCORES)
def test_the_oracle_scores_one_and_random_maps_score_chance(name):
    masks = _masks(400, 12, 60)
    score = SCORES[name]
    np.testing.assert_allclose(score.compute(masks.astype(float), masks), 1)
    found = score.compute(RNG.normal(size=masks.shape), masks)
    error = found - score.chance(masks)
    assert abs(error.mean()) < 3 * error.std() / np.sqrt(400)
    assert error.std() > 0


@pytest.mark.parametrize("name", SCORES)
def test_what_cannot_be_judged_is_nan_and_spoils_no_other_record(name):
    masks = _masks(5)
    maps = RNG.normal(size=masks.shape)
    whole = SCORES[name].compute(maps, masks)
    maps[1], masks[2], maps[3, 0, 0] = 0, 0, np.nan
    found = SCORES[name].compute(maps, masks)
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True, False])
    np.testing.assert_array_equal(found[[0, 4]], whole[[0, 4]])
    assert SCORES[name].compute(maps[:0], masks[:0]).shape == (0,)
    with pytest.raises(ValueError, match="the same for both"):
        SCORES[name].compute(maps, masks[:, :3])


def test_the_edge_error_is_the_distance_in_ms():
    edges = np.array([[100.0, 400], [150, 300], [np.nan, 300], [200, 210]])
    maps = np.zeros((4, 12, 600))
    maps[0, 3, [104, 394]] = 1, -2  # 4 and 6 samples off: 8 and 12 ms
    maps[1, :, 150], maps[1, :, 152], maps[1, :, 300] = 3, 4, 1  # one peak of two, the other weak
    maps[2] = maps[3] = 1
    found = edge_error_ms(maps, edges)
    assert found[0] == pytest.approx(10) and found[1] == pytest.approx(1, abs=1)
    assert np.isnan(found[2]) and np.isfinite(found[3])


def test_the_edge_errors_chance_is_that_of_peaks_anywhere():
    assert edge_chance_ms(np.array([[300.0]]), 600) == pytest.approx(300, rel=0.05)
    assert edge_chance_ms(np.array([[0.0]]), 600) == pytest.approx(600, rel=0.05)
    assert np.isnan(edge_chance_ms(np.array([[np.nan, 3]]), 600))
    draw = np.random.default_rng(3)
    edges = np.stack([draw.integers(100, 250, 60), draw.integers(300, 500, 60)], 1).astype(float)
    found = edge_error_ms(draw.normal(size=(60, 12, 600)), edges)
    assert abs(found.mean() - edge_chance_ms(edges, 600)) < 3 * found.std() / np.sqrt(60)


def _planted(records=40):
    """Masks at another time in every record, and a map that marks them faintly in noise."""
    masks = np.zeros((records, 12, 600), np.uint8)
    edges = RNG.integers(100, 500, (records, 1))
    for mask, (at,) in zip(masks, edges, strict=True):
        mask[4, at - 10 : at + 11] = 1
    right = np.abs(RNG.normal(size=masks.shape)) + 3 * masks
    return masks, edges.astype(float), right, [f"r{i}" for i in range(records)]


def test_the_table_tells_right_maps_from_wrong_ones():
    masks, edges, right, ids = _planted()
    noise = RNG.normal(size=masks.shape)
    wrong = shifted(right, 9, ids)
    maps = {"right": right, "wrong": wrong, "random": noise}
    table = score_table(maps, masks, ids, edges=edges).set_index(["method", "score"])
    assert (table.loc["oracle", "value"].drop("edge_ms") == 1).all()
    assert table.loc[("oracle", "edge_ms"), "value"] < 2
    assert table.loc[("blurred oracle", "rank"), "value"] > 0.9
    for score in ("mass", "rank", "auroc", "auprc", "time", "edge_ms"):
        assert table.loc[("right", score), "over_shifted_low"] > 0, score
        assert table.loc[("right", score), "over_other_low"] > 0, score
        assert not table.loc[("wrong", score), "over_shifted_low"] > 0, score
        assert not table.loc[("wrong", score), "over_other_low"] > 0, score
        assert np.isnan(table.loc[("random", score), "over_shifted"])
    for score in ("mass", "rank", "auroc", "auprc", "lead", "time"):
        row = table.loc[("random", score)]
        assert row.low <= row.chance <= row.high, score
    assert (table["n"] == 40).all()
    assert table.loc[("shifted", "rank"), "value"] < 0.1 < table.loc[("right", "rank"), "value"]


def test_chance_of_a_map_times_the_beat_is_that_of_random_numbers_times_the_beat():
    """Where the truth is tall, such a map marks it whatever the network: chance must say so."""
    masks, _, _, ids = _planted()
    beats = RNG.normal(0, 100, masks.shape) + 800.0 * masks
    other = [f"another {name}" for name in ids]
    maps = {
        "times": knowing_nothing(masks.shape, 1, other, beats),
        "plain": knowing_nothing(masks.shape, 1, other),
    }
    table = score_table(maps, masks, ids, beats_uv=beats, multiplied=["times"])
    table = table.set_index(["method", "score"])
    assert table.loc[("times", "rank"), "chance"] > 0.5 > table.loc[("plain", "rank"), "chance"]
    for score in ("mass", "rank", "auroc", "auprc", "lead", "time"):
        for method in maps:
            row = table.loc[(method, score)]
            assert row.low - 0.01 <= row.chance <= row.high + 0.01, (method, score)


def test_a_map_that_marks_nothing_counts_as_chance_would():
    """A method that is zero for half of the records must not be judged by the other half."""
    masks, _, right, ids = _planted()
    right[::2] = 0
    table = score_table({"half": right}, masks, ids).set_index("score")
    row = table[table.method == "half"].loc["rank"]
    whole = (
        score_table({"half": right[1::2]}, masks[1::2], ids[1::2]).set_index("score").loc["rank"]
    )
    assert row["n"] == 40
    assert row.value == pytest.approx((whole.value.iloc[0] + row.chance) / 2, rel=1e-6)


def test_a_map_that_is_right_for_the_average_record_is_not_better_than_another_records():
    masks = np.zeros((30, 12, 600), np.uint8)
    masks[:, 4, 200:220] = 1
    maps = {"fixed": np.abs(RNG.normal(size=masks.shape)) + 3 * masks}
    table = score_table(maps, masks, [f"r{i}" for i in range(30)])
    table = table.set_index(["method", "score"])
    assert table.loc[("fixed", "rank"), "over_shifted_low"] > 0
    assert table.loc[("fixed", "rank"), "over_other_p"] > 0.05


@pytest.mark.parametrize("records", [0, 1])
def test_too_few_records_leave_cells_empty(records):
    masks, edges, right, ids = _planted(records)
    table = score_table({"right": right}, masks, ids, edges=edges)
    table = table.set_index(["method", "score"])
    assert table.loc["right", "low"].isna().all()
    assert (table.loc["right", "n"] == records).all()
    assert np.isnan(table.loc[("right", "mass"), "over_other"])
