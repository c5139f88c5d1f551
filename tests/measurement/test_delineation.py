"""Delineation: corners and quantiles in closed form, edges of simple beats."""

import numpy as np
import pytest
from simulated_ecg import T_UV, beat, half_sine

from ecghelpers.measurement.corners import TIME, corner, quantile, steepest_fall
from ecghelpers.measurement.delineation import delineate, qrs_edges


def test_corner_of_a_ramp_is_where_it_ends():
    ends = np.array([300, 330])
    wave = np.clip(ends[:, None] - TIME, 0, 60).astype(float)
    found = corner(wave, ends - 50.0, ends + 70.0)
    np.testing.assert_allclose(found, ends, atol=8)
    assert found[1] - found[0] == pytest.approx(30)


def test_edges_move_by_as_much_as_the_waves_do():
    """Shifted by parts of a sample, the end of T and the onset of P move smoothly: no jumps."""
    qt = np.array([delineate(placed(qt=400 + ms), 900)["toffset"] for ms in np.arange(0, 8, 0.5)])
    np.testing.assert_allclose(np.diff(qt), 0.25, atol=0.12)
    pr = np.array([delineate(placed(pr=160 + ms), 900)["ponset"] for ms in np.arange(0, 8, 0.5)])
    np.testing.assert_allclose(np.diff(pr), -0.25, atol=0.12)


def test_corner_stays_between_its_limits():
    wave = -TIME[None].astype(float)
    assert 100 <= corner(wave, np.array([100]), np.array([140]))[0] <= 140


def test_steepest_fall_is_found_within_limits_only():
    wave = np.where(TIME < 200, 10.0, 0) + np.where(TIME < 400, 100.0, 0)
    first, last = np.array([0, 0]), np.array([300, 599])
    np.testing.assert_allclose(
        steepest_fall(np.stack((wave, wave)), first, last), [200, 400], atol=1
    )


def test_quantile_is_linear_and_weighted():
    values, equal = np.array([3.0, 1.0, 2.0]), np.ones(3)
    assert quantile(values, equal, 0.5) == pytest.approx(2)
    assert quantile(values, equal, 2 / 3) == pytest.approx(2.5)
    assert quantile(values, np.array([1e6, 1, 1]), 0.5) == pytest.approx(3, abs=1e-3)
    assert quantile(np.array([7.0]), np.array([2.0]), 0.8) == 7


def placed(**shape):
    """The simulated beat (8, 600) with R at sample 240; QRS onset at 240 - qrs / 4."""
    qrs = shape.get("qrs", 92)
    return beat((TIME - 240) * 2.0 + qrs / 2, **shape)


@pytest.mark.parametrize("qrs", [72, 92, 120, 160])
def test_qrs_edges(qrs):
    onset, offset = qrs_edges(placed(qrs=qrs))
    assert onset == pytest.approx(240 - qrs / 4, abs=5)
    assert offset == pytest.approx(240 + qrs / 4, abs=6)


def test_offset_of_the_whole_beat_shifts_the_fiducials():
    base, moved = delineate(placed(), 900), delineate(np.roll(placed(), 7, axis=1), 900)
    for name, at in base.items():
        assert moved[name] - at == pytest.approx(7, abs=1.5), name


def test_level_of_a_lead_changes_nothing():
    base = delineate(placed(), 900)
    assert delineate(placed() + 500 * np.arange(8)[:, None], 900) == pytest.approx(base, abs=1e-6)


@pytest.mark.parametrize("scale", [-1.0, 5.0])
def test_scale_changes_nothing(scale):
    assert delineate(scale * placed(), 900) == pytest.approx(delineate(placed(), 900), abs=1e-6)


def test_biphasic_t_ends_with_its_second_lobe():
    monophasic = delineate(placed(t=0.6), 900)["toffset"]
    lobe = -0.4 * np.outer(T_UV, half_sine((TIME - 240) * 2.0 + 46, 370, 450))
    assert delineate(placed(t=0.6) + lobe, 900)["toffset"] == pytest.approx(monophasic + 25, abs=12)


def test_no_room_for_p_and_t_at_a_very_fast_rate():
    at = delineate(placed(p=0, t=0), 210)
    assert np.isnan(at["ponset"]) and np.isnan(at["toffset"]) and np.isnan(at["tonset"])
    assert np.isfinite(at["qonset"])
