"""The delineator: pooling in closed form, edges that follow the waves, invariances, batches."""

import numpy as np
import pytest
from simulated_ecg import T_UV, beat, half_sine

from ecghelpers.ecg import twelve_leads
from ecghelpers.measurement import delineator

TIME_MS = 2.0 * (np.arange(600) - 240)


def placed(later_ms=0.0, rr=900, **shape):
    """A simulated beat (12, 600) with R at sample 240, and the beats before and after it."""
    middle = shape.get("qrs", 92) / 2
    times = [TIME_MS + middle - later_ms + k * rr for k in (-1, 0, 1)]
    return twelve_leads(sum(beat(time, **shape) for time in times))


def edges(*beats, rr=900):
    usable = np.ones((len(beats), 12), bool)
    return delineator.delineate(np.stack(beats), usable, np.full(len(beats), rr))[0]


def at_point(*points):
    """Weights (1, lead, 1, POINTS) of one at a point each."""
    return np.eye(delineator.POINTS)[list(points)][None, :, None]


def test_pooled_quantile_in_closed_form():
    """Half of a point's weight lies before its centre, and a lead is a quarter of the pool."""
    first = delineator.STEP * (100 + 0.5 - delineator.PAD) - 0.5
    for share, samples in ((0.125, 0), (0.375, 10), (0.25 + 0.125 / 2, 9.5), (0.875, 30)):
        found = delineator.pooled_quantile(at_point(100, 105, 110, 115), np.array([share]))
        assert found[0, 0] == pytest.approx(first + samples)


def test_edges_move_smoothly_as_the_waves_do():
    """By parts of a sample: no jumps."""
    steps = np.arange(0, 8, 0.5)
    end = edges(*(placed(qt=400 + ms) for ms in steps))[:, 5]
    onset = edges(*(placed(pr=160 + ms) for ms in steps))[:, 0]
    np.testing.assert_allclose(np.diff(end), 0.25, atol=0.2)
    np.testing.assert_allclose(np.diff(onset), -0.25, atol=0.2)


def test_level_of_a_lead_and_the_scale_change_nothing():
    plain = placed()
    lifted, larger, turned = plain + 500 * np.arange(12)[:, None], 5 * plain, -plain
    found = edges(plain, lifted, larger, turned)
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=1)  # 50 µV are added to the scale
    np.testing.assert_allclose(found[3], found[0], atol=3)


def test_edges_do_not_depend_on_the_batch_or_on_leads_left_out():
    one, other = placed(), placed(qrs=120, qt=430)
    together = edges(one, other)
    np.testing.assert_allclose(together, np.vstack([edges(one), edges(other)]), atol=1e-3)
    broken = one.copy()
    broken[7] = 3000 * np.random.default_rng(0).normal(size=600)
    usable = np.ones((2, 12), bool)
    usable[:, 7] = False
    pair, _ = delineator.delineate(np.stack((one, broken)), usable, np.full(2, 900))
    np.testing.assert_allclose(pair[0], pair[1], atol=1e-3)


def test_biphasic_t_ends_with_its_second_lobe():
    lobe = -0.4 * np.outer(T_UV, half_sine(TIME_MS + 46, 370, 450))
    plain, biphasic = edges(placed(t=0.6), placed(t=0.6) + twelve_leads(lobe))[:, 5]
    assert biphasic == pytest.approx(plain + 25, abs=12)
