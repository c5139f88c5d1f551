"""Closed forms of the measures, and what controls may never reach."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from ecghelpers.evaluation import metrics
from ecghelpers.evaluation.controls import control_maps, mean_of_others

RNG = np.random.default_rng(0)


def test_the_true_map_finds_everything_and_the_wrong_place_nothing():
    truth = np.zeros((1, 12, 600))
    truth[0, 7, 100:140] = np.hanning(40)
    assert metrics.share_found(-3 * truth, truth) == pytest.approx(1)
    assert metrics.share_found(np.roll(truth, 100, axis=2), truth) == pytest.approx(0)
    assert np.isnan(metrics.share_found(truth, 0 * truth)[0])


def test_ties_are_worth_a_draw_among_them():
    mask = np.zeros((1, 2, 50))
    mask[0, 0, :5] = 1
    assert metrics.share_found(np.ones((1, 2, 50)), mask) == pytest.approx(5 / 100)
    some = np.zeros((1, 2, 50))
    some[0, 0, :10] = 1  # ten marked alike, five of them right
    assert metrics.share_found(some, mask) == pytest.approx(0.5)


def test_correlations_agree_with_scipy_and_are_nan_for_constant_maps():
    a, b = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(3, 4, 5)).round(1)
    expected = [spearmanr(x.ravel(), y.ravel())[0] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(metrics.spearman(a, b), expected)
    expected = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(metrics.pearson(a, b), expected)
    constant = np.full((1, 4, 5), 0.3)
    assert np.isnan(metrics.spearman(constant, a[:1])[0])
    assert np.isnan(metrics.pearson(constant, a[:1])[0])
    assert np.isnan(metrics.pearson(a[:1] * np.nan, a[:1])[0])


def test_reliability_is_the_correlation_that_more_draws_would_repeat():
    """Classical test theory: reliability of a mean of k draws is k·s² / (k·s² + e²)."""
    signal = RNG.normal(size=(200, 1, 360))
    draws = signal + RNG.normal(size=(200, 4, 360)) * 1.5
    expected = 4 / (4 + 1.5**2)
    assert metrics.reliability(draws).mean() == pytest.approx(expected, abs=0.03)
    assert np.isnan(metrics.reliability(draws[:, :1])).all()


def test_control_maps_know_nothing_they_should_not():
    beats = RNG.normal(size=(4, 12, 600))
    saliency = RNG.normal(size=beats.shape)
    maps = control_maps(beats, saliency)
    np.testing.assert_allclose(maps["voltage"], np.abs(beats))
    np.testing.assert_allclose(maps["mean_map"][0], np.abs(saliency[1:]).mean(0))
    assert np.isnan(mean_of_others(beats[:1])).all()
