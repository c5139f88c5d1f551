"""Tests of paired differences: exact values by hand, and how often chance alone is believed."""

import numpy as np
import pytest

from ecghelpers.evaluation.statistics import LEAST, PairedTest, holm, sign_flip_test, verdicts


def test_p_by_hand():
    """All positive: of 2^(n-1) patterns up to a common sign only one is as extreme."""
    assert sign_flip_test(np.ones(6)).p == pytest.approx(1 / 32)
    assert sign_flip_test(np.array([3.0, 1, -1])).p == pytest.approx(3 / 4)
    assert sign_flip_test(np.array([])).p == 1 and np.isnan(sign_flip_test(np.array([])).mean)
    assert sign_flip_test(np.array([1.0, np.nan, 1.0])).mean == 1


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
    with pytest.raises(ValueError, match="groups"):
        sign_flip_test(values, ["a"])


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])


def test_what_other_draws_could_decide_is_unclear():
    for error, verdict in ((0.0, "yes"), (0.0015, "unclear")):
        assert verdicts([PairedTest(1.0, 0.1, 2.0, 0.049, error)]) == [verdict]
