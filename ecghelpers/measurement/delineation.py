"""Fiducials of a median beat: where P, QRS and T begin and end, over all leads together."""

import numpy as np
from scipy.ndimage import correlate1d, minimum_filter1d, uniform_filter1d

from ..ecg import BEAT_SAMPLES, FIDUCIALS, MS_PER_SAMPLE
from .median_beat import R_SAMPLE

TIME = np.arange(BEAT_SAMPLES)
SLOPE = np.arange(-4, 5) / 60.0  # slope of the straight line through 9 samples (18 ms)
QRS_REACH = 70  # samples (140 ms) from R in which the QRS complex has its steepest slope
QRS_ONSET, QRS_OFFSET = 0.04, 0.10  # of a lead's steepest slope, above its noise: no longer QRS
QUIET_RUN = 6  # samples (12 ms) for which the slope must stay below
EARLIEST, LATEST = 0.2, 0.8  # quantile over leads of onsets and of offsets
SMOOTH = 13  # samples (26 ms) averaged before P and T are looked at
T_PEAK_MS = 450  # after R and at 60 beats/min, by which T has its peak; as the root of RR
T_END_MS = 500  # the same for the end of T: what ends later in single leads is a U or P wave
T_REACH = 61  # samples (122 ms) from the steepest fall of T in which it must end
T_LOBE = 0.15  # of the T peak: a second lobe of opposite sign this large belongs to T
T_LOBE_REACH = 12  # samples (24 ms) in which that lobe must follow
T_AGREE = 35  # samples (70 ms) within which leads agree on the end of T
P_LONGEST = 125  # samples (250 ms) before QRS onset in which the P wave has its peak
P_REFERENCE = 100  # samples (200 ms) before QRS onset where no P wave is left
P_LAG = 2  # samples from the corner of the trapezium to the onset of P


def corner(wave: np.ndarray, start: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Where each wave of (lead, 600) that falls at start has come down, before far (both (lead,)).

    The trapezium of start, far and a sample between is largest for the sample at the corner:
    Vázquez-Seisdedos et al., BioMed Eng OnLine 10:77 (2011), after Zhang et al., IEEE Trans Biomed
    Eng 53:2544 (2006).
    """
    start, far = start[:, None], far[:, None]
    top = np.take_along_axis(wave, start, axis=1)
    area = (top - wave) * (2 * far - TIME - start)
    return np.where((start <= TIME) & (far >= TIME), area, -np.inf).argmax(axis=1)


def steepest_fall(wave: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sample between first and last (both (lead,)) where each wave of (lead, 600) falls most."""
    inside = (first[:, None] <= TIME) & (last[:, None] >= TIME)
    return np.where(inside, np.gradient(wave, axis=1), np.inf).argmin(axis=1)


def quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """Weighted quantile, linear between values."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(np.interp(q, (total - weights[order] / 2) / total[-1], values[order]))


def qrs_edges(beat_uv: np.ndarray) -> tuple[float, float]:
    """Onset and offset (samples) of the QRS complex in (lead, 600) µV.

    In each lead the slope's last quiet run before its peak and first one after it; over leads,
    weighted by their steepest slope, an early and a late quantile.
    """
    slope = uniform_filter1d(np.abs(correlate1d(beat_uv, SLOPE, axis=1)), 5, axis=1)
    near = slice(R_SAMPLE - QRS_REACH, R_SAMPLE + QRS_REACH)
    peak, height = near.start + slope[:, near].argmax(axis=1), slope[:, near].max(axis=1)
    floor = np.sort(slope[:, 100:520], axis=1)[:, 84]  # a fifth of the beat is quieter

    def quiet(fraction):
        below = slope < (floor + fraction * height)[:, None]
        return minimum_filter1d(below.astype(np.uint8), QUIET_RUN, axis=1, mode="nearest") == 1

    # minimum_filter1d centres a run of six on its fourth sample
    before = np.where(quiet(QRS_ONSET) & (peak[:, None] - 3 >= TIME), TIME, -1).max(axis=1) + 2
    after = np.where(quiet(QRS_OFFSET) & (peak[:, None] + 3 <= TIME), TIME, 10**6).min(axis=1) - 3
    after = np.minimum(after, BEAT_SAMPLES - 1)
    onset, offset = quantile(before, height, EARLIEST), quantile(after, height, LATEST)
    return max(onset, 0.0), offset


def t_end(smoothed: np.ndarray, qoffset: float, next_p: float, rr_ms: float) -> float:
    """End of T (sample) in (lead, 600) µV, NaN where there is no room for a T wave.

    In each lead the corner after the largest deflection, or after a second lobe of opposite sign.
    Of the ends that most leads agree upon, weighted by the root of their T wave, a late quantile.
    """
    end = int(min(BEAT_SAMPLES - 2, next_p - 4))
    latest = R_SAMPLE + T_PEAK_MS / MS_PER_SAMPLE * np.sqrt(rr_ms / 1000)
    first, last = int(qoffset) + 20, int(min(end - 10, latest))
    if last - first < 20:
        return np.nan
    wave = smoothed - np.median(smoothed[:, end - 20 : end], axis=1)[:, None]
    lead = np.arange(len(wave))
    peak = first + np.abs(wave[:, first:last]).argmax(axis=1)
    wave = wave * np.sign(wave[lead, peak])[:, None]
    ends = _fall_end(wave, peak, end)
    follows = (ends[:, None] <= TIME) & (np.minimum(ends + T_LOBE_REACH, end - 10)[:, None] > TIME)
    lobe = np.where(follows, -wave, -np.inf).argmax(axis=1)
    second = follows.any(axis=1) & (-wave[lead, lobe] > T_LOBE * wave[lead, peak])
    ends = np.where(second, _fall_end(-wave, lobe, end), ends)
    possible = ends <= R_SAMPLE + T_END_MS / MS_PER_SAMPLE * np.sqrt(rr_ms / 1000)
    weights = np.sqrt(wave[lead, peak]) * possible + 1e-9
    agree = np.abs(ends - ends[:, None]) <= T_AGREE
    agree = agree[(agree @ weights).argmax()]
    return quantile(ends[agree], weights[agree], LATEST)


def _fall_end(wave: np.ndarray, peak: np.ndarray, end: int) -> np.ndarray:
    start = steepest_fall(wave, peak, np.minimum(peak + 80, end - 1))
    return corner(wave, start, np.minimum(start + T_REACH, end))


def p_edges(smoothed: np.ndarray, qonset: float, rr_ms: float) -> tuple[float, float]:
    """Onset and offset (samples) of P in (lead, 600) µV, NaN where there is no room for it.

    On the vector magnitude about the level at QRS onset: the corners before its steepest rise and
    after its steepest fall.
    """
    onset, rr = int(qonset), rr_ms / MS_PER_SAMPLE
    first = int(max(5, onset - P_LONGEST, R_SAMPLE - rr + 185))  # after the T wave before
    if onset - first < 40:
        return np.nan, np.nan
    left = smoothed[:, first - 5 : first + 6].mean(axis=1, keepdims=True)
    right = smoothed[:, onset - 4 : onset].mean(axis=1, keepdims=True)
    line = left + (right - left) * (TIME - first) / (onset - 2 - first)
    wave = np.sqrt(((smoothed - line) ** 2).sum(axis=0))[None]
    peak = np.array([first + wave[0, first : onset - 12].argmax()])
    back = BEAT_SAMPLES - 1 - TIME  # the onset is the corner of the wave read backwards
    rise = steepest_fall(wave[:, back], back[peak], back[np.maximum(peak - 40, first)])
    far = max(0, R_SAMPLE - rr + 170, onset - P_REFERENCE)
    far = np.minimum(far, back[rise] - 15).astype(int)
    begin = back[corner(wave[:, back], rise, back[far])]
    fall = steepest_fall(wave, peak, np.array([onset - 4]))
    return float(begin[0] + P_LAG), float(corner(wave, fall, np.array([onset]))[0])


def t_onset(smoothed: np.ndarray, qoffset: float, toffset: float) -> float:
    """Onset of T (sample): the corner before its steepest rise, NaN where T has no room."""
    first, last = int(qoffset), int(toffset)
    level = smoothed[:, last - 2 : last + 1].mean(axis=1, keepdims=True)
    wave = np.sqrt(((smoothed - level) ** 2).sum(axis=0))[None]
    if last - first < 40:
        return np.nan
    peak = np.array([first + 20 + wave[0, first + 20 : last].argmax()])
    back = BEAT_SAMPLES - 1 - TIME
    rise = steepest_fall(wave[:, back], back[peak], back[[first + 5]])
    return float(back[corner(wave[:, back], rise, back[[first]])][0])


def delineate(beat_uv: np.ndarray, rr_ms: float) -> dict[str, float]:
    """Fiducials (samples, NaN where there is no such wave) of the usable leads (lead, 600) µV."""
    found = dict.fromkeys(FIDUCIALS, np.nan)
    found["qonset"], found["qoffset"] = qrs_edges(beat_uv)
    smoothed = uniform_filter1d(beat_uv, SMOOTH, axis=1)
    found["ponset"], found["poffset"] = p_edges(smoothed, found["qonset"], rr_ms)
    usual = found["qonset"] - P_REFERENCE
    next_p = rr_ms / MS_PER_SAMPLE + np.nan_to_num(found["ponset"], nan=usual)
    found["toffset"] = t_end(smoothed, found["qoffset"], next_p, rr_ms)
    if np.isfinite(found["toffset"]):
        found["tonset"] = t_onset(smoothed, found["qoffset"], found["toffset"])
    return found
