"""What is printed of an ECG: QTc and axes against closed forms."""

import numpy as np
import pytest

from ecghelpers.ecg import TARGETS, twelve_leads
from ecghelpers.views.printout import axis, measurements, qtc


def heart_vector(degrees: float, drift: float = 0.0) -> np.ndarray:
    """A beat (12, 600) whose QRS vector, at samples 200 to 240, points one way.

    Leads I and II are its projections at 0 and 60 degrees (Einthoven); drift: µV a sample.
    """
    size = np.zeros(600)
    size[200:241] = 1000 * np.sin(np.linspace(0, np.pi, 41))
    eight = np.zeros((8, 600))
    for row, at in ((0, 0), (1, 60)):
        eight[row] = size * np.cos(np.radians(degrees - at)) + drift * np.arange(600)
    return twelve_leads(eight)


@pytest.mark.parametrize("degrees", [-150, -90, -30, 0, 45, 60, 90, 120, 179])
def test_axis_is_the_direction_of_the_heart_vector(degrees):
    assert axis(heart_vector(degrees), 200, 240) == pytest.approx(degrees, abs=0.01)
    assert axis(heart_vector(degrees, drift=2.0), 200, 240) == pytest.approx(degrees, abs=0.01)


def test_no_wave_has_no_axis():
    beat = heart_vector(60)
    assert np.isnan([axis(beat, *ends) for ends in ((np.nan, 240), (200, 201), (300, 340))]).all()


def test_qtc_is_qt_at_sixty_and_closed_forms_elsewhere():
    assert qtc(400, 60) == (400, 400)
    assert qtc(400, 60 / 0.64) == (pytest.approx(400 / 0.64 ** (1 / 3)), pytest.approx(500))
    assert all(np.isnan(qtc(np.nan, 60))) and all(np.isnan(qtc(400, np.nan)))


def test_all_that_a_printout_has_in_its_order():
    targets = dict.fromkeys(TARGETS, 100.0) | {"qt": 400.0, "VentRate": 60.0}
    rows = measurements(heart_vector(60), (np.nan, np.nan, 200, 240, 300, 400), targets, {}, {})
    labels = [row["label"] for row in rows]
    assert labels[:8] == [
        *("Heart rate", "PR interval", "QRS duration", "QT interval"),
        *("QTc Fridericia", "QTc Bazett", "P axis", "QRS axis"),
    ]
    values = {row["label"]: row["value"] for row in rows}
    assert values["QTc Bazett"] == 400 and values["QRS axis"] == pytest.approx(60, abs=0.01)
    assert np.isnan(values["P axis"])
    assert {row["name"] for row in rows} == {"", *TARGETS}
