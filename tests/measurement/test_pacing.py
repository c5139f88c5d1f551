"""Pacing spikes are removed before anything is measured, and nothing else is."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt
from simulated_ecg import ecg, noise
from test_ludb import LUDB, needs_ludb, read

from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.measurement import measure, measure_median
from ecghelpers.measurement.median_beat import find_beats
from ecghelpers.measurement.pacing import find_spikes, remove_spikes, wide_pulses

PAIRS = np.array([0.5, 1, -0.3, 0.4, 0.7, 0.9, 1, 0.8])[:, None]  # of a spike, by lead


def spikes(samples, rate_hz, at_s, amplitude_uv, width_ms, low_pass_hz=None):
    """(8, samples) µV: rectangular pulses at times at_s, as a recorder samples them."""
    fine = 8  # times as many samples, averaged as an anti-alias filter does
    time_s = np.arange(samples * fine) / (rate_hz * fine)
    pulse = np.zeros(len(time_s))
    for at in at_s:
        pulse[(time_s >= at) & (time_s < at + width_ms / 1000)] = 1
    pulse = pulse.reshape(samples, fine).mean(axis=1)
    if low_pass_hz:
        pulse = sosfilt(butter(2, low_pass_hz, fs=rate_hz, output="sos"), pulse)
    return amplitude_uv * PAIRS * pulse


@pytest.fixture(scope="module")
def generated():
    return synthesize(record_ids(0, 16, 11)).astype(float)


@pytest.mark.parametrize(("width_ms", "low_pass_hz"), [(0.5, None), (1, 150), (2, 150)])
@pytest.mark.parametrize("amplitude_uv", [-600, 4000])
@pytest.mark.parametrize("before_ms", [54, 200])
def test_spikes_are_all_found(amplitude_uv, width_ms, low_pass_hz, before_ms):
    """Ventricular (at the beginning of QRS) and atrial."""
    onsets, rate_hz = np.arange(300, 9800, 850), 1000
    plain = ecg(onsets, rate_hz=rate_hz) + noise((8, 10 * rate_hz))
    at_s = (onsets + 46 - before_ms) / 1000
    added = spikes(10 * rate_hz, rate_hz, at_s, amplitude_uv, width_ms, low_pass_hz)
    found = find_spikes(plain + added, rate_hz)
    if np.abs(added).max() < 150:  # too small, or too short for the filter: does little harm
        return
    assert len(found) == len(onsets)
    np.testing.assert_allclose(found / rate_hz, at_s + width_ms / 2000, atol=0.006)


@pytest.mark.parametrize(("amplitude_uv", "before_ms"), [(800, 70), (-3000, 70), (1500, 190)])
def test_targets_are_those_without_spikes(generated, amplitude_uv, before_ms):
    apart = []
    for eight in generated:
        at_s = find_beats(eight).r / 500 - before_ms / 1000
        paced = measure(eight + spikes(5000, 500, at_s[at_s > 0.1], amplitude_uv, 2, 150))
        assert paced.spikes_removed >= 5
        apart.append(np.subtract([*paced.targets.values()], [*measure(eight).targets.values()]))
    rate, pr, qrs, qt, j, t, r = np.nanmedian(np.abs(apart), axis=0)
    assert rate < 0.3 and pr < 4 and qrs < 6 and qt < 4 and max(j, t, r) < 15
    assert np.isfinite(apart).mean() > 0.95


def test_a_median_beat_with_a_large_spike_is_withheld(generated):
    found = measure(generated[0])
    beat, rr_ms = found.median_uv.copy(), 60000 / found.targets["VentRate"]
    assert not measure_median(beat, rr_ms)[3]
    beat[:, 190] += 1500
    _, targets, _, reasons = measure_median(beat, rr_ms)
    assert np.isnan([*targets.values()]).all() and "paced" in reasons["qt"]


def test_unpaced_ecgs_stay_as_they_are(generated):
    for eight in generated:
        assert remove_spikes(eight, 500)[0] is eight
        assert not wide_pulses(eight, 500, find_beats(eight).r)
    steep = 2.5 * ecg(qrs=60) + noise((8, 5000))
    assert remove_spikes(steep, 500) == (pytest.approx(steep), 0)


def test_wide_pulses_are_refused_with_the_reason():
    onsets = np.arange(300, 9800, 850)
    wide = ecg(onsets, qrs=150, qt=450) + noise((8, 5000))
    wide += spikes(5000, 500, (onsets - 20) / 1000, 300, 30)
    found = measure(wide)
    assert np.isnan(found.targets["qrs"]) and "paced" in found.reasons["qrs"]
    assert found.targets["VentRate"] == pytest.approx(60000 / 850, abs=0.5)


@needs_ludb
def test_real_ecgs():
    """Of LUDB's odd half, three have spikes and one wide pulses; no other ECG is touched."""
    names = sorted(path.stem for path in (LUDB / "data").glob("*.hea") if int(path.stem) % 2)
    ecgs = {name: read(name)[[0, 1, *range(6, 12)]] for name in names}
    spiked = {name for name, eight in ecgs.items() if len(find_spikes(eight, 500))}
    assert spiked == {"45", "93", "95"}
    wide = {n for n, e in ecgs.items() if wide_pulses(e, 500, find_beats(e).r)} - spiked
    assert wide == {"111"}
