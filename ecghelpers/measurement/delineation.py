"""Fiducials of a median beat: where P, QRS and T begin and end, over all leads together.

Every edge follows the signal continuously (see ``corners``): little noise moves it little.
"""

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter1d

from ..ecg import BEAT_SAMPLES, FIDUCIALS, MS_PER_SAMPLE
from .corners import TIME, corner, quantile, rest, steepest_fall
from .median_beat import R_SAMPLE

# QRS onset: in each lead the slope's last quiet run; over leads an early quantile.
SLOPE = np.arange(-4, 5) / 60.0  # slope of the straight line through 9 samples (18 ms)
SLOPE_SMOOTH = 5  # samples (10 ms) averaged of its absolute value
QRS_REACH = 70  # samples (140 ms) from R in which the QRS complex has its steepest slope
QRS_ONSET = 0.035  # of a lead's steepest slope, above its noise: no longer QRS
QUIET_RUN = 6  # samples (12 ms) for which the slope must stay below
QUIET_SHARE = 0.2  # of the beat is quieter than a lead's noise floor
FLOOR_FROM, FLOOR_TO = 100, 520  # samples of the beat in which the noise floor is looked for
EARLIEST = 0.2  # quantile over leads of the QRS onsets

# QRS offset: slope and bend of all leads together, so that a slow terminal part counts.
ENVELOPE_SMOOTH = 5  # samples (10 ms)
BEND_REACH = 14  # samples (28 ms) to each side over which the bend is taken
BEND_WEIGHT = 0.2  # per sample: makes slope and bend of a half sine of 80 ms alike
QRS_OFFSET = 0.035  # of the envelope's peak, above the ST segment's level: no longer QRS
OFFSET_LEAD = 10  # samples by which the bend, which looks ahead, comes to rest after the wave
OFFSET_RUN = 10  # samples (20 ms) for which the envelope must stay below
ST_FROM, ST_TO = 8, 60  # samples after the last lead's peak slope that hold the ST segment
ST_SMOOTH, ST_CALM = 9, 0.1  # samples averaged, and the share of it that is at rest

# T wave.
SMOOTH = 13  # samples (26 ms) averaged before T is looked at, and P is compared between beats
T_GAP = 20  # samples (40 ms) after QRS in which no T wave is looked for
T_PEAK_MS = 450  # after R and at 60 beats/min, by which T has its peak; as the root of RR
T_END_MS = 500  # the same for the end of T: what ends later in single leads is a U or P wave
T_FADE = 10  # samples over which a lead loses its vote past that limit
T_FALL = 80  # samples (160 ms) from the peak in which T falls most
T_REACH = 34  # samples (68 ms) from the steepest fall in which the corner is looked for
T_LAG = 5.7  # samples from that corner to where cardiologists and 12SL put the end of T
T_LOBE = 0.15  # of the T peak: a second lobe of opposite sign this large belongs to T
T_LOBE_REACH = 20  # samples (40 ms) in which that lobe must follow
T_AGREE = 34  # samples (68 ms) within which leads agree on the end of T
LATEST = 0.83  # quantile over leads of the ends of T
T_LEVEL = 40  # samples (80 ms) before the next P wave that give the level of a lead
T_CLEAR = 10  # samples (20 ms) before the next P wave in which no T wave has its peak
P_CLEAR = 4  # samples (8 ms) before the next P wave in which no T wave ends
T_LEAST = 20  # samples (40 ms): less room holds no T wave

# P wave.
P_SMOOTH = 11  # samples (22 ms)
P_BUMP = 26  # samples (52 ms) to each side against which a P wave stands out
P_LONGEST = 170  # samples (340 ms) before QRS onset in which the P wave has its peak
P_LATEST = 12  # samples (24 ms) before QRS onset by which it has
P_REFERENCE = 100  # samples (200 ms) before QRS onset where no usual P wave is left ...
P_REFERENCE_SHARE = 0.35  # ... and of the RR interval, at fast rates
P_WIDE = 66  # samples (132 ms): half of what a P wave and its surroundings take
P_FOOT = 6  # samples (12 ms) outside an edge that give the level beside the wave
P_LEVEL = 0.7  # of its height, from where the corners are looked for
P_RISE, P_FALL = 29, 21  # samples from that level in which onset and end lie
P_NOTCH = 12  # samples (24 ms) for which a notch may fall below that level
P_FIRST = 6  # samples after the end of the T wave before, from which a P wave is looked for
P_CUT = 8  # samples after that: a P wave that begins sooner may have begun within the T wave
P_HEIGHT = 0.01  # of the QRS vector: a smaller bump is no P wave
P_ROOM = 15  # samples (30 ms): less room holds no P wave


def qrs_edges(beat_uv: np.ndarray) -> tuple[float, float]:
    """Onset and offset (samples) of the QRS complex in (lead, 600) µV."""
    slope = np.abs(correlate1d(beat_uv, SLOPE, axis=1))
    slope = uniform_filter1d(slope, SLOPE_SMOOTH, axis=1)
    near = slice(R_SAMPLE - QRS_REACH, R_SAMPLE + QRS_REACH)
    peak, height = near.start + slope[:, near].argmax(axis=1), slope[:, near].max(axis=1)
    calm = np.sort(slope[:, FLOOR_FROM:FLOOR_TO], axis=1)
    level = calm[:, int(QUIET_SHARE * calm.shape[1])] + QRS_ONSET * height
    last = BEAT_SAMPLES - 1
    before = last - rest(slope[:, ::-1], last - peak, level, QUIET_RUN)
    onset = max(quantile(before, height, EARLIEST), 0.0)
    return onset, _qrs_offset(beat_uv, int(peak.max()))


def _qrs_offset(beat_uv: np.ndarray, latest_peak: int) -> float:
    """The J point, the end of the last activity of any lead: slope and bend of all come to rest.

    A slow terminal part, as in bundle branch block, has little slope at its peak, but it bends.
    """
    smooth = uniform_filter1d(beat_uv, ENVELOPE_SMOOTH, axis=1)
    bend = BEND_WEIGHT * _bump(smooth, BEND_REACH)
    envelope = np.sqrt((np.gradient(smooth, axis=1) ** 2 + bend**2).sum(axis=0))
    near = envelope[R_SAMPLE - QRS_REACH : R_SAMPLE + QRS_REACH]
    peak = R_SAMPLE - QRS_REACH + int(near.argmax())
    st = slice(latest_peak + ST_FROM, latest_peak + ST_FROM + ST_TO)
    calm = np.sort(uniform_filter1d(envelope[st], ST_SMOOTH))[int(ST_CALM * ST_TO)]
    level = np.array([calm + QRS_OFFSET * envelope[peak]])
    return float(rest(envelope[None], np.array([peak]), level, OFFSET_RUN)[0]) - OFFSET_LEAD


def _bump(beat_uv: np.ndarray, reach: int) -> np.ndarray:
    """How far each sample of (lead, 600) stands out from the mean of those at reach beside it."""
    padded = np.pad(beat_uv, ((0, 0), (reach, reach)), mode="edge")
    return beat_uv - (padded[:, : -2 * reach] + padded[:, 2 * reach :]) / 2


def t_end(smoothed: np.ndarray, qoffset: float, next_p: float, rr_ms: float) -> float:
    """End of T (sample) in (lead, 600) µV, NaN where there is no room for a T wave.

    In each lead the corner after the largest deflection, or after a second lobe of opposite sign.
    Of the ends upon which most leads agree, weighted by the root of their T wave, a late quantile.
    """
    end = int(min(BEAT_SAMPLES - 2, next_p - P_CLEAR))
    root = np.sqrt(rr_ms / 1000)
    first = int(qoffset) + T_GAP
    last = int(min(end - T_CLEAR, R_SAMPLE + T_PEAK_MS / MS_PER_SAMPLE * root))
    if last - first < T_LEAST:
        return np.nan
    wave = smoothed - np.median(smoothed[:, end - T_LEVEL : end], axis=1)[:, None]
    lead = np.arange(len(wave))
    peak = first + np.abs(wave[:, first:last]).argmax(axis=1)
    wave = wave * np.sign(wave[lead, peak])[:, None]
    ends = _fall_end(wave, peak, end)
    follows = np.minimum(ends + T_LOBE_REACH, end - T_CLEAR)
    follows = (ends[:, None] <= TIME) & (follows[:, None] > TIME)
    lobe = np.where(follows, -wave, -np.inf).argmax(axis=1)
    second = follows.any(axis=1) & (-wave[lead, lobe] > T_LOBE * wave[lead, peak])
    ends = np.where(second, _fall_end(-wave, lobe, end), ends)
    limit = R_SAMPLE + T_END_MS / MS_PER_SAMPLE * root
    weights = np.sqrt(wave[lead, peak]) * np.clip(1 - (ends - limit) / T_FADE, 0, 1) + 1e-9
    return quantile(ends, weights * _agreement(ends, weights), LATEST) + T_LAG


def _agreement(ends: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How far each end (lead,) is one of those upon which most leads agree: 0 to 1."""
    support = (np.abs(ends - ends[:, None]) <= T_AGREE) @ weights
    share = (support / support.max()) ** 8 * weights
    middle = (share * ends).sum() / share.sum()
    return np.clip(1.5 - np.abs(ends - middle) / T_AGREE, 1e-6, 1)


def _fall_end(wave: np.ndarray, peak: np.ndarray, end: int) -> np.ndarray:
    start = steepest_fall(wave, peak, np.minimum(peak + T_FALL, end - 1))
    return corner(wave, start, np.minimum(start + T_REACH, end))


def p_edges(beat_uv: np.ndarray, qonset: float, first: float) -> tuple[float, float]:
    """Onset and offset (samples) of P in (lead, 600) µV, NaN where there is none after first.

    P is the bump that stands out most between the T wave before and QRS. Its edges are the corners
    of the vector magnitude above a straight line between the levels on both sides of the wave.
    """
    level = beat_uv[:, int(qonset) - 5 : int(qonset)].mean(axis=1, keepdims=True)
    held = np.where(int(qonset) - 2 <= TIME, level, beat_uv)  # so that QRS is not in the averages
    smooth = uniform_filter1d(held, P_SMOOTH, axis=1)
    energy = (_bump(smooth, P_BUMP) ** 2).sum(axis=0)
    first = int(max(first, qonset - P_LONGEST, 8))
    peak = _highest_summit(energy, first, int(qonset) - P_LATEST)
    if peak is None:
        return np.nan, np.nan
    onset, offset = peak - P_WIDE + P_FOOT, peak + P_WIDE - P_FOOT
    for _ in range(2):
        left = max(onset - P_FOOT, first - 5, 4)
        right = min(offset + P_FOOT, qonset - 3)
        height = _above_line(smooth, left, right)
        onset, offset = _p_corners(height, peak, left, right, qonset)
    qrs_uv = np.sqrt(np.ptp(beat_uv, axis=1) @ np.ptp(beat_uv, axis=1))
    near = height[max(peak - P_RISE, 0) : peak + P_RISE]
    return (onset, offset) if near.max() >= P_HEIGHT * qrs_uv else (np.nan, np.nan)


def _highest_summit(energy: np.ndarray, first: int, last: int) -> int | None:
    """The highest sample between first and last that is higher than its neighbours."""
    if last - first < P_ROOM:
        return None
    part = energy[first : last + 1]
    summit = (part[1:-1] >= part[:-2]) & (part[1:-1] >= part[2:])
    return first + 1 + int(np.where(summit, part[1:-1], -1).argmax()) if summit.any() else None


def _above_line(smooth: np.ndarray, left: float, right: float) -> np.ndarray:
    """Vector magnitude (600,) above the line through the levels of (lead, 600) at two samples."""
    around = np.arange(-4, 5)
    low, high = (
        np.stack([np.interp(place + around, TIME, lead).mean() for lead in smooth])[:, None]
        for place in (left, right)
    )
    line = low + (high - low) * (TIME - left) / (right - left)
    return np.sqrt(((smooth - line) ** 2).sum(axis=0))


def _p_corners(
    height: np.ndarray, peak: int, left: float, right: float, qonset: float
) -> tuple[float, float]:
    """Onset and offset: the corners of the wave's height (600,) on both sides of its peak."""
    inside = (left <= TIME) & (right >= TIME) & (np.abs(TIME - peak) <= P_RISE)
    top = int(np.where(inside, height, -1).argmax())
    level = np.array([P_LEVEL * height[top]])
    last = BEAT_SAMPLES - 1
    wave, back = height[None], height[None, ::-1]
    rise = rest(back, np.array([last - top]), level, P_NOTCH)
    rise = np.minimum(rise, last - max(left, 1))
    fall = np.minimum(rest(wave, np.array([top]), level, P_NOTCH), right)
    onset = last - corner(back, rise, np.minimum(rise + P_RISE, last))[0]
    return float(onset), float(corner(wave, fall, np.minimum(fall + P_FALL, qonset + 4))[0])


def t_onset(smoothed: np.ndarray, qoffset: float, toffset: float) -> float:
    """Onset of T (sample): the corner before its steepest rise, NaN where T has no room."""
    first, last = int(qoffset), int(toffset)
    level = smoothed[:, last - 2 : last + 1].mean(axis=1, keepdims=True)
    wave = np.sqrt(((smoothed - level) ** 2).sum(axis=0))[None]
    if last - first < 2 * T_GAP:
        return np.nan
    peak = np.array([first + T_GAP + wave[0, first + T_GAP : last].argmax()])
    back = BEAT_SAMPLES - 1 - TIME  # the onset is the corner of the wave read backwards
    rise = steepest_fall(wave[:, back], back[peak], back[[first + 5]])
    return float(BEAT_SAMPLES - 1 - corner(wave[:, back], rise, back[[first]])[0])


def delineate(beat_uv: np.ndarray, rr_ms: float) -> dict[str, float]:
    """Fiducials (samples, NaN where there is no such wave) of the usable leads (lead, 600) µV.

    The end of T bounds the search for P and the onset of P that for T: T comes first, with P where
    it usually is, and again when P is known.
    """
    fiducials = dict.fromkeys(FIDUCIALS, np.nan)
    onset, offset = fiducials["qonset"], fiducials["qoffset"] = qrs_edges(beat_uv)
    rr = rr_ms / MS_PER_SAMPLE
    smoothed = uniform_filter1d(beat_uv, SMOOTH, axis=1)
    usual = onset - min(P_REFERENCE, P_REFERENCE_SHARE * rr)
    end = t_end(smoothed, offset, rr + usual, rr_ms)
    first = end - rr + P_FIRST
    ponset, poffset = p_edges(beat_uv, onset, first) if np.isfinite(end) else (np.nan, np.nan)
    if np.isfinite(ponset):
        end = t_end(smoothed, offset, rr + ponset, rr_ms)
        if ponset < max(first, end - rr + P_FIRST) + P_CUT:
            ponset = poffset = end = np.nan  # P and T overlap: neither edge can be told
    fiducials |= {"ponset": ponset, "poffset": poffset, "toffset": end}
    if np.isfinite(end):
        fiducials["tonset"] = t_onset(smoothed, offset, end)
    return fiducials
