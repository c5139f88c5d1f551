"""Measures in closed form, control maps, and tests of paired differences."""

import numpy as np
import pytest
from refusals import refused
from scipy.stats import spearmanr

from ecghelpers.evaluation import metrics
from ecghelpers.evaluation.controls import control_maps, mean_of_others
from ecghelpers.evaluation.statistics import LEAST, PairedTest, holm, sign_flip_test, verdicts

RNG = np.random.default_rng(0)


def test_the_true_map_finds_everything_and_the_wrong_place_nothing():
    truth = np.zeros((1, 12, 600))
    truth[0, 7, 100:140] = np.hanning(40)
    assert metrics.share_found(-3 * truth, truth) == pytest.approx(1)
    assert metrics.share_found(np.roll(truth, 100, axis=2), truth) == pytest.approx(0)
    assert np.isnan(metrics.share_found(truth, 0 * truth)[0])
    graded = np.array([[[1.0, 0.5, 0.2, 0.05]]])  # three points exceed a tenth of the largest
    marked = np.array([[[1.0, 1.0, 0.0, 1.0]]])
    assert metrics.share_found(marked, graded) == pytest.approx(1.55 / 1.7)


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


def test_p_and_verdicts_by_hand():
    """All positive: of 2^(n-1) patterns up to a common sign only one is as extreme."""
    assert sign_flip_test(np.ones(6)).p == pytest.approx(1 / 32)
    assert sign_flip_test(np.array([3.0, 1, -1])).p == pytest.approx(3 / 4)
    assert sign_flip_test(np.array([])).p == 1 and np.isnan(sign_flip_test(np.array([])).mean)
    assert sign_flip_test(np.array([1.0, np.nan, 1.0])).mean == 1
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])
    for error, verdict in ((0.0, "yes"), (0.0015, "unclear")):  # where other draws could decide
        assert verdicts([PairedTest(1.0, 0.1, 2.0, 0.049, error)]) == [verdict]


@pytest.mark.parametrize("records", [1, 3, 5])
def test_too_few_records_never_give_a_verdict(records):
    test = sign_flip_test(np.full(records, 7.0))
    assert records < LEAST and verdicts([test]) == ["unclear"] and test.high == np.inf


@pytest.mark.parametrize("records", [6, 8, 32])
def test_without_an_effect_five_in_a_hundred_are_believed_at_most(records):
    random = np.random.default_rng(records)
    draws = [sign_flip_test(random.standard_t(3, records)) for _ in range(400)]
    believed = np.mean([verdicts([test]) != ["unclear"] for test in draws])
    covered = np.mean([test.low <= 0 <= test.high for test in draws])
    assert believed <= 0.075 and covered >= 0.925
    p = np.sort([test.p for test in draws])  # uniform, but for steps: never too small too often
    assert (p >= np.arange(400) / 400 - 0.08).all()


def test_interval_and_p_agree_and_a_true_effect_is_found():
    random = np.random.default_rng(0)
    for size in (8, 40):
        values = random.normal(0.8, 1, size)
        test = sign_flip_test(values)
        assert test.low < test.mean < test.high
        assert (test.p < 0.05) == (test.low > 0 or test.high < 0)
        assert sign_flip_test(values - test.high - 1e-6).p <= 0.05
        assert sign_flip_test(values - test.mean).p > 0.9
    assert verdicts([sign_flip_test(values), sign_flip_test(-values)]) == ["yes", "no"]


def test_records_of_one_patient_count_once():
    values = np.repeat([1.0, 1.2, 0.9], 20)
    assert verdicts([sign_flip_test(values)]) == ["yes"]
    assert verdicts([sign_flip_test(values, np.repeat(list("abc"), 20))]) == ["unclear"]
    with refused("groups"):
        sign_flip_test(values, ["a"])
