"""From a raw ECG to its median beat: condition, detect, sort, align, take the median.

Only the eight independent leads are looked at; the other four are linear in them.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy.signal import find_peaks, resample_poly

from .ecg import BEAT_SAMPLES, SAMPLING_RATE_HZ

R_SAMPLE = 240  # where the QRS complex is centred in the median beat
MIN_BEATS = 3
BASELINE_HZ = 0.5
MAINS_HZ = (50.0, 60.0)
SAME_SHAPE = 0.9  # correlation of two QRS complexes taken to be of one kind
PREMATURE = 0.8  # a beat this much earlier than the usual RR interval is left out
NOISY = 2.5  # a beat this many times further from the median than usual is left out
QRS_HALF = 50  # samples to each side that are compared: 100 ms
REACH = 10  # samples by which detection may be out
BLOCK = 5  # samples averaged for detection: 10 ms


@dataclass(frozen=True)
class Beats:
    """The beats of one record.

    r: (beat,) sample of every beat at 500 Hz. rr_ms: median RR interval, NaN with fewer than two
    beats. windows: (used, 8, 600) µV, the aligned beats of the median. median_uv: (8, 600), None
    with fewer than three usable beats.
    """

    r: np.ndarray
    rr_ms: float
    rr_irregularity: float
    windows: np.ndarray
    median_uv: np.ndarray | None

    @property
    def used(self) -> int:
        return len(self.windows)

    @property
    def rejected(self) -> int:
        return len(self.r) - self.used


def to_500_hz(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Resample (lead, time) to 500 Hz by polyphase filtering."""
    ratio = Fraction(SAMPLING_RATE_HZ / sampling_rate).limit_denominator(1000)
    if ratio == 1:
        return ecg_uv
    return resample_poly(ecg_uv, ratio.numerator, ratio.denominator, axis=1, padtype="line")


@lru_cache(maxsize=8)
def _slow_cosines(samples: int) -> np.ndarray:
    """Orthonormal cosines (DCT-II) below BASELINE_HZ, (cosine, sample)."""
    count = max(1, int(np.ceil(2 * BASELINE_HZ * samples / SAMPLING_RATE_HZ)))
    phase = np.pi * (np.arange(samples) + 0.5) / samples
    cosines = np.cos(np.arange(count)[:, None] * phase)
    return cosines / np.linalg.norm(cosines, axis=1, keepdims=True)


def remove_baseline(ecg_uv: np.ndarray) -> np.ndarray:
    """Subtract the projection on cosines slower than 0.5 Hz: linear, without delay or ringing ends."""
    cosines = _slow_cosines(ecg_uv.shape[1])
    return ecg_uv - (ecg_uv @ cosines.T) @ cosines


def remove_mains(ecg_uv: np.ndarray) -> np.ndarray:
    """Subtract a sine of mains frequency where the spectrum stands out there."""
    samples = ecg_uv.shape[1]
    time_s = np.arange(samples) / SAMPLING_RATE_HZ
    window = np.hanning(samples)
    for mains_hz in MAINS_HZ:
        offsets = np.arange(-20, 21) * SAMPLING_RATE_HZ / samples / 2
        waves = np.exp(-2j * np.pi * (mains_hz + offsets)[:, None] * time_s) * window
        power = np.abs(ecg_uv @ waves.T) ** 2
        mains = power[:, 16:25].max(axis=1) > 25 * np.median(power, axis=1)
        if mains.any():
            peak_hz = mains_hz + offsets[16 + power[mains, 16:25].sum(axis=0).argmax()]
            basis = np.exp(2j * np.pi * peak_hz * time_s)
            basis = np.stack((basis.real, basis.imag)) * np.sqrt(2 / samples)
            ecg_uv = ecg_uv.copy()
            ecg_uv[mains] -= (ecg_uv[mains] @ basis.T) @ basis
    return ecg_uv


def detect(ecg_uv: np.ndarray) -> np.ndarray:
    """Samples (500 Hz) of the QRS complexes in (lead, time), to about 10 ms.

    As Pan and Tompkins (IEEE Trans Biomed Eng 32:230, 1985): slope, square, moving window,
    threshold, T-wave check and search back; but over all leads, each scaled by its own largest
    slopes, so that one bad lead cannot hide the others.
    """
    blocks = ecg_uv.shape[1] // BLOCK
    mean = ecg_uv[:, : blocks * BLOCK].reshape(len(ecg_uv), blocks, BLOCK).mean(axis=2)
    # means over 20 ms, 20 ms apart: zero for 50 Hz and 100 Hz
    slope = np.zeros_like(mean)
    slope[:, 2:-1] = mean[:, 3:] + mean[:, 2:-1] - mean[:, 1:-2] - mean[:, :-3]
    scale = np.partition(np.abs(slope), int(0.98 * blocks), axis=1)[:, int(0.98 * blocks)]
    slope = slope[scale > 1] / scale[scale > 1, None]
    if not len(slope):
        return np.empty(0, int)
    energy = np.minimum(slope**2, 4).mean(axis=0)
    energy = np.sqrt(np.convolve(energy, np.hanning(13) / np.hanning(13).sum(), "same"))
    usual = np.median([part.max() for part in np.array_split(energy, max(1, blocks // 200))])
    peaks, _ = find_peaks(energy, height=0.2 * usual, distance=20)
    return _choose(peaks, energy, usual) * BLOCK


def _choose(peaks: np.ndarray, energy: np.ndarray, usual: float) -> np.ndarray:
    """QRS complexes among the peaks of the slope energy (10 ms blocks)."""
    chosen: list[int] = []
    for peak in peaks[energy[peaks] > 0.4 * usual]:
        if chosen and peak - chosen[-1] < 36 and energy[peak] < 0.6 * energy[chosen[-1]]:
            continue  # a T wave
        if chosen and peak - chosen[-1] < 24:
            chosen[-1] = peak if energy[peak] > energy[chosen[-1]] else chosen[-1]
            continue
        chosen.append(peak)
    if len(chosen) < 3:
        return np.array(chosen, int)
    usual_rr = np.median(np.diff(chosen))
    missed = [
        max(between, key=energy.__getitem__)
        for a, b in zip(chosen, chosen[1:], strict=False)
        if b - a > 1.66 * usual_rr
        and len(between := peaks[(peaks > a + 36) & (peaks < b - 24)])
    ]
    return np.sort(np.array(chosen + missed, int))


def _cut(ecg_uv: np.ndarray, centres: np.ndarray, before: int, after: int) -> np.ndarray:
    """(beat, lead, before + after) windows around centres."""
    index = centres[:, None] + np.arange(-before, after)
    return ecg_uv[:, np.clip(index, 0, ecg_uv.shape[1] - 1)].transpose(1, 0, 2)


def _match(ecg_uv: np.ndarray, centres: np.ndarray, templates: np.ndarray, reach: int):
    """Correlation of every beat's QRS with templates (template, lead, time), and the lag of it.

    Returns (beat, template) correlation (median over leads) and lag in samples.
    """
    half = templates.shape[2] // 2
    wide = _cut(ecg_uv, centres, half + reach, half + reach)
    views = np.lib.stride_tricks.sliding_window_view(wide, 2 * half, axis=2)
    views = views - views.mean(axis=3, keepdims=True)  # (beat, lead, lag, time)
    views /= np.linalg.norm(views, axis=3, keepdims=True) + 1e-3
    templates = templates - templates.mean(axis=2, keepdims=True)
    templates = templates / (np.linalg.norm(templates, axis=2, keepdims=True) + 1e-3)
    views = views.transpose(1, 0, 2, 3)
    lead, beat, lag, time = views.shape
    r = views.reshape(lead, beat * lag, time) @ templates.transpose(1, 2, 0)
    r = r.reshape(lead, beat, lag, -1)
    best = r.mean(axis=0).argmax(axis=1)  # (beat, template)
    r = np.take_along_axis(r, best[None, :, None, :], axis=2)[:, :, 0]
    return np.median(r, axis=0), best - reach


def find_beats(ecg_uv: np.ndarray) -> Beats:
    """Beats of a 500 Hz record of the eight independent leads (8, time), µV."""
    ecg_uv = remove_mains(remove_baseline(ecg_uv))
    smooth = ecg_uv.copy()
    smooth[:, 2:-2] = sum(ecg_uv[:, i : ecg_uv.shape[1] - 4 + i] for i in range(5)) / 5
    live = np.ptp(smooth, axis=1) > 10
    r = detect(ecg_uv[live])
    near = (r >= QRS_HALF + REACH) & (r < ecg_uv.shape[1] - QRS_HALF - REACH)
    r = r[near]
    if len(r) < MIN_BEATS:
        return Beats(r, *_rhythm(r), np.empty((0, 8, BEAT_SAMPLES)), None)
    r, usual = _usual_beats(smooth[live], r)
    rr_ms, irregularity = _rhythm(r)
    whole = (r >= R_SAMPLE) & (r < ecg_uv.shape[1] - (BEAT_SAMPLES - R_SAMPLE))
    used = r[usual & whole]
    if len(used) < MIN_BEATS:
        return Beats(r, rr_ms, irregularity, np.empty((0, 8, BEAT_SAMPLES)), None)
    level = _level(ecg_uv, r[usual])
    windows = _cut(ecg_uv - level, used, R_SAMPLE, BEAT_SAMPLES - R_SAMPLE)
    median = np.median(windows, axis=0)
    distance = np.median(np.sqrt(np.mean((windows - median)[:, live] ** 2, axis=2)), axis=1)
    quiet = distance <= NOISY * np.median(distance) + 5
    if quiet.sum() >= MIN_BEATS and not quiet.all():
        windows = windows[quiet]
        median = np.median(windows, axis=0)
    return Beats(r, rr_ms, irregularity, windows, median)


def _rhythm(r: np.ndarray) -> tuple[float, float]:
    """Median RR interval (ms), and its irregularity: median change from beat to beat over it."""
    if len(r) < 2:
        return np.nan, np.nan
    rr = np.diff(r) * 1000 / SAMPLING_RATE_HZ
    change = np.median(np.abs(np.diff(rr))) / np.median(rr) if len(rr) > 1 else np.nan
    return float(np.median(rr)), float(change)


def _usual_beats(smooth: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Refined places of all beats, and which have the commonest QRS shape and do not come early."""
    templates = _cut(smooth, r, QRS_HALF, QRS_HALF)
    correlation, lag = _match(smooth, r, templates, REACH)
    medoid = np.where(correlation >= SAME_SHAPE, correlation, 0).sum(axis=0).argmax()
    same = correlation[:, medoid] >= SAME_SHAPE
    r = np.where(same, r + lag[:, medoid], r)
    template = np.median(_cut(smooth, r[same], QRS_HALF, QRS_HALF), axis=0)
    vector = (template[:, 20:-20] ** 2).sum(axis=0)
    centre = vector.argmax() + 20 - QRS_HALF
    r = r + centre
    rr = np.diff(r)
    early = np.append(False, rr < PREMATURE * np.median(rr))
    if (same & ~early).sum() >= max(MIN_BEATS, 0.6 * same.sum()):
        same = same & ~early
    return r, same


def _level(ecg_uv: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Baseline through the level just before each QRS complex, linear in between."""
    knots = _cut(ecg_uv, used, 45, -30).mean(axis=2)  # (beat, lead)
    time = np.arange(ecg_uv.shape[1])
    return np.stack([np.interp(time, used, knots[:, lead]) for lead in range(len(ecg_uv))])
