"""Filters: what they take away, and what they leave alone."""

import numpy as np
import pytest
from simulated_ecg import ecg, noise

from ecghelpers.measurement.filters import remove_baseline, remove_mains, to_500_hz

TIME_S = np.arange(5000) / 500


@pytest.mark.parametrize("rate_hz", [250, 257, 360, 1000])
def test_resampled_sine_is_the_sine(rate_hz):
    time_s = np.arange(10 * rate_hz) / rate_hz
    resampled = to_500_hz(np.sin(2 * np.pi * 7 * time_s)[None], rate_hz)
    assert resampled.shape == (1, 5000)
    expected = np.sin(2 * np.pi * 7 * TIME_S)
    np.testing.assert_allclose(resampled[0, 100:-100], expected[100:-100], atol=0.02)


def test_constant_and_slow_cosine_are_removed():
    slow = 300 + 200 * np.cos(2 * np.pi * 0.3 * (TIME_S + 0.001))  # six half periods in 10 s
    np.testing.assert_allclose(remove_baseline(slow[None]), 0, atol=0.5)


def test_faster_than_the_baseline_is_kept():
    fast = np.cos(2 * np.pi * 2 * (TIME_S + 0.001))[None]
    np.testing.assert_allclose(remove_baseline(fast), fast, atol=1e-9)


@pytest.mark.parametrize("hz", [50, 60, 49.85, 50.23, 59.9])
def test_hum_is_removed(hz):
    plain = ecg() + noise((8, 5000))
    hum = 80 * np.sin(2 * np.pi * hz * TIME_S + np.arange(8)[:, None])
    left = remove_mains(plain + hum) - plain
    assert np.abs(left).mean() < 0.1 * np.abs(hum).mean()


def test_only_the_humming_lead_is_touched():
    plain = ecg() + noise((8, 5000))
    humming = plain.copy()
    humming[2] += 80 * np.sin(2 * np.pi * 50 * TIME_S)
    changed = (remove_mains(humming) != humming).any(axis=1)
    assert changed.tolist() == [False, False, True, False, False, False, False, False]
