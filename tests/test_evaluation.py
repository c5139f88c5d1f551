"""Errors, curves, intervals and verdicts, against figures worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from ecghelpers import evaluation
from ecghelpers.evaluation import (
    aopc,
    area,
    bootstrap_weights,
    error_curves,
    mean_interval,
    model_errors,
    perturbation_table,
    verdict_sentence,
    wave_mass,
)

RNG = np.random.default_rng(2)


def test_model_errors_by_hand():
    found = model_errors(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 8]))
    assert found["n"] == 4 and found["mae"] == 1 and found["rmse"] == 2
    assert found["r2"] == pytest.approx(1 - 16 / 5)
    with pytest.raises(ValueError, match="no records"):
        model_errors(np.array([]), np.array([]))


def test_area_is_the_mean_height():
    assert area(np.array([0.0, 2.0, 4.0]), 2) == 2
    assert area(np.array([[5.0] * 11]), 10)[0] == 5


def test_aopc_by_hand():
    assert aopc(np.array([[10.0, 12, 7]]))[0] == pytest.approx(2.5)


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    covered = 0
    for trial in range(200):
        sample = RNG.normal(3, 1, 40)
        _, low, high = mean_interval(sample, bootstrap_weights(40, trial))
        covered += low <= 3 <= high
    assert 180 <= covered <= 199


def curves(rise: float, n: int = 60, steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and predictions whose error grows by `rise` a step, on top of a shared spread."""
    spread = np.random.default_rng(0).normal(0, 5, (n, 1))
    return np.zeros(n), np.abs(spread) + rise * np.arange(steps + 1)[None]


def test_error_curves_start_together_and_hold_the_mean():
    truth, steep = curves(2.0)
    found = error_curves(truth, {"saliency": steep, "random": curves(1.0)[1]})
    mean, low, high = found["saliency"]
    np.testing.assert_allclose(mean, np.abs(steep).mean(0))
    assert (low <= mean).all() and (mean <= high).all()
    assert found["random"][0][0] == mean[0]


def test_the_verdict_is_paired_against_random():
    truth, level = curves(1.0)
    noisy = level + RNG.normal(0, 0.5, level.shape)
    found = perturbation_table(
        truth,
        {"saliency": curves(1.2)[1], "deeplift": curves(0.9)[1], "smoothgrad": noisy}
        | {"random": level},
        "qt",
        sd=10,
    ).set_index("method")
    assert list(found.loc[["saliency", "deeplift", "random"], "beats_random"]) == ["yes", "no", ""]
    assert found.loc["smoothgrad", "beats_random"] == "unclear"
    assert found.loc["saliency", "gain"] == pytest.approx(0.2 * 15)
    assert found.loc["saliency", "aopc"] == pytest.approx(1.2 * 15.5)
    assert found.loc["saliency", "aopc_sd"] == pytest.approx(1.2 * 15.5 / 10)
    rise = 1.2 * np.arange(5 + 1).mean()
    assert found.loc["saliency", "auc5"] == pytest.approx(level[:, 0].mean() + rise)
    assert {f"auc{k}_low" for k in (5, 10, 15, 25)} <= set(found)


def test_the_sentence_names_every_method_once():
    table = pd.DataFrame(
        {
            "target": "qt",
            "method": ["saliency", "deeplift", "random"],
            "beats_random": ["yes", "unclear", ""],
        }
    )
    found = verdict_sentence(table, str.upper)
    expected = "QT interval — better than random: SALIENCY; not told apart from random: DEEPLIFT."
    assert found == expected


def test_wave_mass_by_hand():
    maps = np.zeros((2, 12, 600))
    maps[:, 0, 110], maps[:, 5, 230], maps[:, 7, 400], maps[:, 8, 10] = 1, -2, 4, 1
    fiducials = np.array([[100, 149, 210, 259, 350, 449], [np.nan, np.nan, 210, 259, 350, 449]])
    found = wave_mass(maps, fiducials)
    np.testing.assert_allclose(
        found.loc[0, ["P", "QRS", "T", "elsewhere"]], [1 / 8, 2 / 8, 4 / 8, 1 / 8]
    )
    np.testing.assert_allclose(found.loc[0, ["time_P", "time_T"]], [50 / 600, 100 / 600])
    assert np.isnan(found.loc[1, "P"]) and found.loc[1, "QRS"] == 2 / 8


def test_a_map_of_zeros_has_no_shares():
    found = wave_mass(np.zeros((1, 12, 600)), np.array([[100, 149, 210, 259, 350, 449]]))
    assert found[["P", "QRS", "T", "elsewhere"]].isna().all(None)


def test_bootstrap_weights_are_reproducible_and_sum_to_one():
    first = bootstrap_weights(17, 3)
    np.testing.assert_array_equal(first, bootstrap_weights(17, 3))
    np.testing.assert_allclose(first.sum(1), 1, rtol=1e-5)
    assert first.shape == (evaluation.RESAMPLES, 17)
