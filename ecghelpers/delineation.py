"""Fiducials of a median beat: where P, QRS and T begin and end, over all leads together."""

import numpy as np
from scipy.signal import savgol_filter

from .beats import R_SAMPLE
from .ecg import BEAT_SAMPLES, FIDUCIALS, MS_PER_SAMPLE

SLOPE_WINDOW = 9  # samples of the straight line whose slope is taken: 18 ms
QRS_EDGE = 0.05  # of the largest slope: below it the QRS complex has not begun or is over
QUIET_RUN = 8  # samples that must stay below it: 16 ms
SMOOTH = 11  # samples averaged for P and T: 22 ms


def smooth(beats_uv: np.ndarray, width: int) -> np.ndarray:
    """Moving average over width (odd) samples along time, edges repeated."""
    padded = np.pad(beats_uv, ((0, 0), (width // 2 + 1, width // 2)), mode="edge")
    total = padded.cumsum(axis=1, dtype=float)
    return (total[:, width:] - total[:, :-width]) / width


def vector_magnitude(beats_uv: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Root of the sum of squares over leads of the distance from level (lead,)."""
    return np.sqrt(((beats_uv - level[:, None]) ** 2).sum(axis=0))


def qrs_edges(beat_uv: np.ndarray) -> tuple[int, int]:
    """Onset and offset (samples) of the QRS complex in (lead, 600) µV, from the slope of all leads."""
    slope = np.sqrt((savgol_filter(beat_uv, SLOPE_WINDOW, 2, deriv=1, axis=1) ** 2).sum(axis=0))
    peak = R_SAMPLE - 70 + slope[R_SAMPLE - 70 : R_SAMPLE + 70].argmax()
    floor = np.percentile(slope[100:520], 20)
    quiet = slope < floor + QRS_EDGE * (slope[peak] - floor)
    runs = np.lib.stride_tricks.sliding_window_view(quiet, QUIET_RUN).all(axis=1)
    before = np.flatnonzero(runs[: peak - QUIET_RUN + 1])
    after = np.flatnonzero(runs[peak:])
    onset = before[-1] + QUIET_RUN - 1 if len(before) else 0
    return onset, peak + after[0] if len(after) else BEAT_SAMPLES - 1


def trapezium(wave: np.ndarray, steepest: int, far: int) -> int:
    """The sample between steepest and far where the trapezium below the wave is largest."""
    step = 1 if far > steepest else -1
    time = np.arange(steepest, far + step, step)
    area = (wave[steepest] - wave[time]) * abs(2 * far - time - steepest)
    return int(time[area.argmax()])


def t_offset(smoothed: np.ndarray, qoffset: int, rr_ms: float) -> float:
    end = int(min(BEAT_SAMPLES - 2, R_SAMPLE + rr_ms / MS_PER_SAMPLE - 110))
    first, last = qoffset + 20, int(min(end, R_SAMPLE + (100 + 0.6 * rr_ms) / 2))
    if last - first < 30:
        return np.nan
    wave = vector_magnitude(smoothed, smoothed[:, end - 10 : end].mean(axis=1))
    peak = first + wave[first:last].argmax()
    steepest = peak + np.gradient(wave)[peak : peak + 80].argmin()
    return float(trapezium(wave, steepest, min(end, steepest + 90)))


def p_edges(smoothed: np.ndarray, qonset: int, rr_ms: float) -> tuple[float, float]:
    first = int(max(10, qonset - 130, R_SAMPLE - rr_ms / 2 + 190))
    if qonset - first < 40:
        return np.nan, np.nan
    level = smoothed[:, qonset - 4 : qonset].mean(axis=1)
    wave = vector_magnitude(smoothed, level)
    peak = first + wave[first : qonset - 15].argmax()
    slope = np.gradient(wave)
    rise = max(first, peak - 40) + slope[max(first, peak - 40) : peak + 1].argmax()
    fall = peak + slope[peak:qonset].argmin()
    return float(trapezium(wave, rise, max(first, rise - 40))), float(trapezium(wave, fall, qonset))


def delineate(beat_uv: np.ndarray, rr_ms: float) -> tuple[dict[str, float], dict[str, str]]:
    """Fiducials (samples, NaN where missing) of (lead, 600) µV, and why any is missing."""
    found = dict.fromkeys(FIDUCIALS, np.nan)
    reasons = {"tonset": "not determined"}
    qonset, qoffset = qrs_edges(beat_uv)
    found |= {"qonset": float(qonset), "qoffset": float(qoffset)}
    smoothed = smooth(beat_uv, SMOOTH)
    found["toffset"] = t_offset(smoothed, qoffset, rr_ms)
    found["ponset"], found["poffset"] = p_edges(smoothed, qonset, rr_ms)
    return found, reasons
