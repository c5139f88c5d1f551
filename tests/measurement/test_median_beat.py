"""Beats: found where they are, and only the dominant ones are used."""

import numpy as np
import pytest
from simulated_ecg import ecg, noise

from ecghelpers.measurement.median_beat import detect, find_beats

QRS_PEAK_MS = 46


@pytest.mark.parametrize("rr", [350, 500, 850, 1400, 1900])
def test_every_beat_is_detected_at_its_place(rr):
    onsets = np.arange(300, 9900, rr)
    found = 2 * detect(ecg(onsets, qt=min(400, rr - 90), p=rr > 400) + noise((8, 5000)))
    assert len(found) == len(onsets)
    np.testing.assert_allclose(found, onsets + QRS_PEAK_MS, atol=30)


ONSETS = np.arange(300, 9900, 850)
STEPS = np.eye(8)[:, [4]] * np.where(np.arange(5000) % 500 < 250, 4000, -4000)


@pytest.mark.parametrize(
    "traces",
    [
        ecg(ONSETS, t=3.0),
        ecg(np.delete(ONSETS, 5)) + 0.35 * ecg(ONSETS[5:6]),
        ecg(ONSETS) + STEPS,
    ],
    ids=["tall T waves", "a small beat", "steps in one lead"],
)
def test_each_beat_is_counted_once(traces):
    assert len(detect(traces + noise((8, 5000)))) == len(ONSETS)
    assert len(detect(0 * traces)) == 0


def test_premature_beats_are_not_used():
    onsets = np.arange(300, 9900, 850)
    onsets[5] -= 250
    early = (onsets[5] + QRS_PEAK_MS) / 2
    beats = find_beats(ecg(onsets) + noise((8, 5000)))
    whole = np.count_nonzero((beats.r >= 240) & (beats.r < 4640))
    assert np.abs(beats.r - early).min() <= 2
    assert whole - 2 <= beats.used <= whole - 1  # its forerunner's window holds it
