"""From an ECG to its median beat: detect the beats, keep the dominant ones, align, take the median.

Only the eight independent leads are used; the other four are linear in them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from ..ecg import BEAT_SAMPLES, SAMPLING_RATE_HZ
from .filters import remove_baseline, remove_mains

R_SAMPLE = 240  # where the largest QRS vector lies in the median beat
AFTER_R = BEAT_SAMPLES - R_SAMPLE
MIN_BEATS = 3
FLAT_UV = 10  # a lead that spans less is flat
BLOCK = 5  # samples averaged for detection: 10 ms
QRS_HALF = 50  # samples to each side of R compared between beats: 100 ms
REACH = 10  # samples by which detection may be off: 20 ms
R_EDGE = 20  # samples at both ends of a compared QRS complex that are not searched for R
APART = 20  # blocks (200 ms) between two candidates
SAME_SHAPE = 0.9  # correlation of two QRS complexes of one kind
PREMATURE = 0.8  # times the usual RR interval: a beat that follows sooner is premature
NOISY = 2.5  # a beat this many times further from the median than usual is noisy
DETECT_KEEP = 0.98  # quantile of a lead's slopes that scales the lead
DETECT_MS = 130  # moving window over the squared slopes, with soft ends
PART_BLOCKS = 200  # 2 s of blocks, which contain at least one beat
CANDIDATE, CERTAIN = 0.2, 0.4  # times the usual QRS energy: a possible, and a certain, beat
REFRACTORY, T_WAVE = 24, 36  # blocks after a beat (240, 360 ms): no other beat; a T wave if small
T_WAVE_ENERGY = 0.6  # times the previous beat's energy: a small peak soon after it is its T wave
SEARCH_BACK = 1.66  # times the usual RR interval: a longer gap is searched again
TYPICAL_SHARE = 0.6  # share of like-shaped beats in time; below it, the rhythm is irregular
LEVEL_FROM, LEVEL_TO = 45, 30  # samples (90 to 60 ms) before R that give a beat's level
QRS_FROM, QRS_TO = 30, 45  # samples before and after R in which a QRS complex is steepest
GAP = 10  # samples between the QRS complex and the rest of the beat
STANDS_OUT = 6.0  # times the usual slope of the rest of the beat: least steepness of a QRS complex
REPEATS = 2.0  # times the difference between beats: least common part of a QRS complex


@dataclass(frozen=True)
class Beats:
    """The beats of one record.

    r: (beat,) where each lies, samples at 500 Hz. rr_ms: (beat - 1,) RR intervals. used_r: (used,)
    the beats in the median; windows: (used, 8, 600) µV, aligned, zero just before QRS. dominant:
    how many beats have the commonest QRS shape. no_qrs: why what repeats is no QRS complex, or "".
    """

    r: np.ndarray
    used_r: np.ndarray
    windows: np.ndarray
    dominant: int
    no_qrs: str = ""

    @property
    def rr_ms(self) -> np.ndarray:
        return np.diff(self.r) * 1000 / SAMPLING_RATE_HZ

    @property
    def used(self) -> int:
        return len(self.windows)

    @property
    def rejected(self) -> int:
        return len(self.r) - self.used


def find_beats(ecg_uv: np.ndarray) -> Beats:
    """The beats of the eight independent leads (8, time) of an ECG in µV at 500 Hz."""
    ecg_uv = remove_mains(remove_baseline(ecg_uv))
    smooth = uniform_filter1d(ecg_uv, 5, axis=1)
    usable = np.ptp(smooth, axis=1) > FLAT_UV
    none = np.empty((0, len(ecg_uv), BEAT_SAMPLES))
    r = detect(ecg_uv[usable])
    r = r[(r >= QRS_HALF + REACH) & (r < ecg_uv.shape[1] - QRS_HALF - REACH)]
    if len(r) < MIN_BEATS:
        return Beats(r, r[:0], none, len(r))
    r, dominant = _dominant_beats(smooth[usable], r)
    count = int(dominant.sum())
    if count < MIN_BEATS:
        return Beats(r, r[:0], none, count)
    at = r[dominant]
    windows = _cut(ecg_uv - _level(ecg_uv, at), at, R_SAMPLE, AFTER_R)
    no_qrs = why_no_qrs(windows[:, usable], float(np.median(np.diff(r))))
    whole = (at >= R_SAMPLE) & (at < ecg_uv.shape[1] - AFTER_R)
    if whole.sum() < MIN_BEATS:
        return Beats(r, r[:0], none, count, no_qrs)
    windows, at = windows[whole], at[whole]
    quiet = _quiet_beats(windows, usable)
    return Beats(r, at[quiet], windows[quiet], count, no_qrs)


def windows_at(ecg_uv: np.ndarray, r: np.ndarray, before: int, after: int) -> np.ndarray:
    """(beat, lead, before + after) of (lead, time) about beats at r, as find_beats cuts them."""
    ecg_uv = remove_mains(remove_baseline(ecg_uv))
    return _cut(ecg_uv - _level(ecg_uv, r), r, before, after)


def why_no_qrs(windows: np.ndarray, rr: float) -> str:
    """Why what is aligned in (beat, lead, 600) is no QRS complex, "" if it is one; rr in samples.

    A QRS complex is much steeper than the rest of its beat, and the same in every beat, in at least
    half of the leads. Wander, fibrillation waves and noise rise and fall alike everywhere;
    artefacts do not repeat.
    """
    smooth = uniform_filter1d(windows, BLOCK, axis=2)
    median = median_over_beats(smooth)
    slope = np.abs(np.gradient(median, axis=1))
    first, last = R_SAMPLE - QRS_FROM, R_SAMPLE + QRS_TO
    begin, end = max(0, int(R_SAMPLE - rr / 2)), min(BEAT_SAMPLES, int(R_SAMPLE + rr / 2))
    rest = np.hstack((slope[:, begin : first - GAP], slope[:, last + GAP : end]))
    if rest.shape[1]:
        steepest = slope[:, first:last].max(axis=1)
        stands_out = np.median(steepest / (np.median(rest, axis=1) + 1e-9))
        if stands_out < STANDS_OUT:
            return f"no QRS complex: at its steepest {stands_out:.1f} times as steep as the rest"
    usual = median[:, first:last] - median[:, first:last].mean(axis=1, keepdims=True)
    qrs = smooth[:, :, first:last] - smooth[:, :, first:last].mean(axis=2, keepdims=True)
    differs = np.median(((qrs - usual) ** 2).sum(axis=2), axis=0)
    repeats = np.median(np.sqrt((usual**2).sum(axis=1) / (differs + 1e-9)))
    if len(windows) > 1 and repeats < REPEATS:
        return f"no QRS complex: what is alike in all beats is {repeats:.1f} times what differs"
    return ""


def detect(ecg_uv: np.ndarray) -> np.ndarray:
    """Samples (500 Hz) of the QRS complexes in (lead, time), to about 10 ms.

    After Pan and Tompkins (IEEE Trans Biomed Eng 32:230, 1985): slope, square, moving window,
    threshold, T-wave check and search back; but over all leads, each divided by its own largest
    slopes, and at each moment without the largest, so that no bad lead hides or adds beats.
    """
    blocks = ecg_uv.shape[1] // BLOCK
    mean = ecg_uv[:, : blocks * BLOCK].reshape(len(ecg_uv), blocks, BLOCK).mean(axis=2)
    # Means over 20 ms, 20 ms apart: blind to 50 Hz, nearly so to 60 Hz.
    slope = np.zeros_like(mean)
    slope[:, 2:-1] = mean[:, 3:] + mean[:, 2:-1] - mean[:, 1:-2] - mean[:, :-3]
    scale = np.sort(np.abs(slope), axis=1)[:, int(DETECT_KEEP * blocks)]
    slope = slope[scale > 1] / scale[scale > 1, None]
    if not len(slope):
        return np.empty(0, int)
    window = np.hanning(DETECT_MS // 10)
    window /= window.sum()
    power = np.minimum(slope**2, 4)
    power = power.sum(axis=0) - (power.max(axis=0) if len(power) > 2 else 0)
    energy = np.sqrt(np.convolve(power, window, "same"))
    parts = np.array_split(energy, max(1, blocks // PART_BLOCKS))
    return _choose(energy, np.median([part.max() for part in parts])) * BLOCK


def _choose(energy: np.ndarray, usual: float) -> np.ndarray:
    """Which peaks of the slope energy (10 ms blocks) are QRS complexes; usual: their height."""
    peaks, _ = find_peaks(energy, height=CANDIDATE * usual, distance=APART)
    chosen: list[int] = []
    for peak in peaks[energy[peaks] > CERTAIN * usual]:
        gap = peak - chosen[-1] if chosen else np.inf
        if gap < T_WAVE and energy[peak] < T_WAVE_ENERGY * energy[chosen[-1]]:
            continue
        if gap < REFRACTORY:  # the larger of the two
            chosen.pop()
        chosen.append(peak)
    if len(chosen) < 3:
        return np.array(chosen, int)
    longest = SEARCH_BACK * np.median(np.diff(chosen))
    missed = []
    for a, b in zip(chosen[:-1], chosen[1:], strict=True):
        between = peaks[(peaks > a + T_WAVE) & (peaks < b - REFRACTORY)]
        if b - a > longest and len(between):
            missed.append(between[energy[between].argmax()])
    return np.sort(np.array(chosen + missed, int))


def median_over_beats(beats: np.ndarray) -> np.ndarray:
    """Median over the first axis; a full sort is several times faster here than numpy.median."""
    ordered = np.sort(beats, axis=0)
    return (ordered[(len(beats) - 1) // 2] + ordered[len(beats) // 2]) / 2


def _cut(ecg_uv: np.ndarray, centres: np.ndarray, before: int, after: int) -> np.ndarray:
    """(beat, lead, before + after) windows around centres; the record's ends are repeated."""
    index = centres[:, None] + np.arange(-before, after)
    return ecg_uv[:, np.clip(index, 0, ecg_uv.shape[1] - 1)].transpose(1, 0, 2)


def _dominant_beats(smooth: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the beats lie exactly, and which have the commonest QRS shape and are not premature."""
    correlation, lag = _match(smooth, r)
    commonest = np.where(correlation >= SAME_SHAPE, correlation, 0).sum(axis=0).argmax()
    same = correlation[:, commonest] >= SAME_SHAPE
    r = np.where(same, r + lag[:, commonest], r)
    template = median_over_beats(_cut(smooth, r[same], QRS_HALF, QRS_HALF))
    inner = slice(R_EDGE, -R_EDGE)
    r = r + (template[:, inner] ** 2).sum(axis=0).argmax() + R_EDGE - QRS_HALF
    rr = np.diff(r)
    early = np.append(False, rr < PREMATURE * np.median(rr))
    if (same & ~early).sum() >= max(MIN_BEATS, TYPICAL_SHARE * same.sum()):
        same &= ~early  # otherwise the rhythm is irregular and no beat is out of turn
    return r, same


def _match(smooth: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation (median over leads) of every beat's QRS with every other's, and at what lag.

    Both (beat, beat): row moved by lag samples fits column best.
    """
    wide = _cut(smooth, r, QRS_HALF + REACH, QRS_HALF + REACH).transpose(1, 0, 2)
    views = np.lib.stride_tricks.sliding_window_view(wide[..., ::2], QRS_HALF, axis=2)
    views = views - views.mean(axis=3, keepdims=True)  # (lead, beat, lag, time), at 250 Hz
    views /= np.linalg.norm(views, axis=3, keepdims=True) + 1e-3
    lead, beat, lags, time = views.shape
    fixed = views[:, :, lags // 2]
    fit = views.reshape(lead, beat * lags, time) @ fixed.transpose(0, 2, 1)
    fit = fit.reshape(lead, beat, lags, beat)
    best = fit.mean(axis=0).argmax(axis=1)
    fit = np.take_along_axis(fit, best[None, :, None, :], axis=2)[:, :, 0]
    return median_over_beats(fit), 2 * best - REACH


def _level(ecg_uv: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Baseline (lead, time) through the level 60 to 90 ms before each R, linear in between.

    It follows wander that is faster than the 0.5 Hz cosines, and puts every beat at one level.
    """
    knots = _cut(ecg_uv, r, LEVEL_FROM, -LEVEL_TO).mean(axis=2)
    time = np.arange(ecg_uv.shape[1])
    right = np.clip(np.searchsorted(r, time), 1, len(r) - 1)
    weight = np.clip((time - r[right - 1]) / (r[right] - r[right - 1]), 0, 1)
    return knots[right - 1].T * (1 - weight) + knots[right].T * weight


def _quiet_beats(windows: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """(beat,) which windows are no further from their median than beats usually are."""
    apart = windows[:, usable] - median_over_beats(windows[:, usable])
    distance = np.median(np.sqrt(np.mean(apart**2, axis=2)), axis=1)
    quiet = distance <= NOISY * np.median(distance)
    return quiet if quiet.sum() >= MIN_BEATS else np.full(len(windows), True)
