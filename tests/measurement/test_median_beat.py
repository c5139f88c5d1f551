"""Beats: found where they are, and only the dominant ones are used."""

import numpy as np
import pytest
from simulated_ecg import ecg, noise

from ecghelpers.measurement.median_beat import detect, find_beats, median_over_beats

QRS_PEAK_MS = 46


@pytest.mark.parametrize("rr", [350, 500, 850, 1400, 1900])
def test_every_beat_is_detected_at_its_place(rr):
    onsets = np.arange(300, 9900, rr)
    found = 2 * detect(ecg(onsets, qt=min(400, rr - 90), p=rr > 400) + noise((8, 5000)))
    assert len(found) == len(onsets)
    np.testing.assert_allclose(found, onsets + QRS_PEAK_MS, atol=30)


def test_tall_t_waves_are_not_beats():
    onsets = np.arange(300, 9900, 900)
    assert len(detect(ecg(onsets, t=3.0) + noise((8, 5000)))) == len(onsets)


def test_small_beat_is_searched_for():
    onsets = np.arange(300, 9900, 850)
    small = 0.35 * ecg(onsets[5:6])
    traces = ecg(np.delete(onsets, 5)) + small + noise((8, 5000))
    assert len(detect(traces)) == len(onsets)


def test_steps_in_one_lead_are_not_beats():
    onsets = np.arange(300, 9900, 850)
    traces = ecg(onsets) + noise((8, 5000))
    traces[4] += np.where(np.arange(5000) % 500 < 250, 4000, -4000)
    assert len(detect(traces)) == len(onsets)


def test_silence_has_no_beats():
    assert len(detect(np.zeros((8, 5000)))) == 0
    assert len(detect(np.zeros((0, 5000)))) == 0


def test_beats_are_aligned_to_a_sample():
    beats = find_beats(ecg() + noise((8, 5000), 2))
    assert beats.used >= 10
    spread = np.abs(beats.windows - np.median(beats.windows, axis=0)).mean()
    assert spread < 4
    assert np.ptp(beats.rr_ms) <= 4 and np.median(beats.rr_ms) == pytest.approx(850, abs=2)


def test_ectopic_beats_are_found_but_not_used():
    onsets = np.delete(np.arange(300, 9900, 850), [3, 7])
    beats = find_beats(ecg(onsets, ectopics_ms=[2500, 5800]) + noise((8, 5000)))
    assert len(beats.r) == len(onsets) + 2 and beats.dominant == len(onsets)
    # Whole beats, but for those whose window a neighbouring extrasystole spoils.
    assert beats.dominant - 2 - 2 * 2 <= beats.used <= beats.dominant - 2
    qrs = beats.windows[..., 215:265]
    assert np.abs(qrs - np.median(qrs, axis=0)).mean() < 8  # an extrasystole is 100 µV off


def test_premature_beats_are_not_used():
    onsets = np.arange(300, 9900, 850)
    onsets[5] -= 250
    early = (onsets[5] + QRS_PEAK_MS) / 2
    beats = find_beats(ecg(onsets) + noise((8, 5000)))
    whole = np.count_nonzero((beats.r >= 240) & (beats.r < 4640))
    assert np.abs(beats.r - early).min() <= 2
    assert whole - 2 <= beats.used <= whole - 1  # its forerunner's window holds it


@pytest.mark.parametrize("count", [3, 4, 9, 10])
def test_median_is_the_median(count):
    beats = np.random.default_rng(count).normal(size=(count, 2, 30))
    np.testing.assert_allclose(median_over_beats(beats), np.median(beats, axis=0))
