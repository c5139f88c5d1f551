"""The seven targets of a median beat, and tests whether its P and T waves are real."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..ecg import FIDUCIALS, LEADS, MS_PER_SAMPLE, TARGETS
from .median_beat import Beats

TIME = np.arange(600)
LEVEL = np.arange(-6, -1)  # samples from QRS onset (12 to 4 ms before it) whose mean is zero
T_FROM = 20  # samples (40 ms) after QRS at which the search for T begins
T_LEAST_UV = 30  # least distance of a T wave from the straight line between its two ends
T_LOBES = 4  # power of a lobe's size by which the peaks of both signs are weighted
P_REPEATS = 0.45  # least correlation of a beat's P wave with the others'
RR_REGULAR = 0.12  # largest change of the RR interval from beat to beat in a sinus rhythm
P_REPEATS_IRREGULAR = 0.95  # the least correlation in an irregular rhythm
SMOOTH = 13  # samples (26 ms) averaged before P waves are compared and T waves sized
P_BEFORE, P_AFTER = 16, 12  # samples before P that are compared as well; those before QRS are not
# Values outside these ranges are measurement errors and become missing.
PLAUSIBLE = {
    "VentRate": (20, 300),
    "pr": (60, 500),
    "qrs": (30, 250),
    "qt": (180, 700),
    "STJ_v5": (-5000, 5000),
    "T_PeakAmpl_v5": (-5000, 5000),
    "R_PeakAmpl_v5": (-1000, 10000),
}
PLAUSIBLE_QTC = (280, 700)  # ms, QT by Fridericia's formula (Acta Med Scand 53:469, 1920)
AMPLITUDES = ("STJ_v5", "T_PeakAmpl_v5", "R_PeakAmpl_v5")
NEEDS = {"pr": "ponset", "qt": "toffset", "T_PeakAmpl_v5": "toffset"}
V5 = LEADS.index("V5")


def zero_at_qrs_onset(median_uv: np.ndarray, qonset: float) -> np.ndarray:
    """(12, 600) µV minus each lead's mean over the 10 ms before QRS onset."""
    level = np.maximum(qonset + LEVEL, 0)
    mean = np.mean([np.interp(level, TIME, lead) for lead in median_uv], axis=1)
    return median_uv - mean[:, None]


def measured_targets(
    median_uv: np.ndarray, at: dict[str, float], rr_ms: float, v5_is: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Targets of a beat (12, 600) that is zero at QRS onset, and why those that are NaN are.

    at: fiducials. v5_is: what is wrong with lead V5, "" if nothing. For targets without a fiducial
    the caller knows the reason.
    """
    targets = {"VentRate": 60000 / rr_ms} | _intervals(at) | _amplitudes(median_uv[V5], at)
    reasons = {}
    if v5_is:
        targets |= dict.fromkeys(AMPLITUDES, np.nan)
        reasons |= dict.fromkeys(AMPLITUDES, f"lead V5 is {v5_is}")
    targets = {name: float(targets[name]) for name in TARGETS}
    for name, why in _implausible(targets, rr_ms).items():
        targets[name] = np.nan
        reasons[name] = why
    return targets, reasons


def _intervals(at: dict[str, float]) -> dict[str, float]:
    return {
        "pr": (at["qonset"] - at["ponset"]) * MS_PER_SAMPLE,
        "qrs": (at["qoffset"] - at["qonset"]) * MS_PER_SAMPLE,
        "qt": (at["toffset"] - at["qonset"]) * MS_PER_SAMPLE,
    }


def _amplitudes(v5: np.ndarray, at: dict[str, float]) -> dict[str, float]:
    """J, T and R amplitudes (µV) of lead V5."""
    onset = round(at["qonset"])
    offset = max(onset, round(at["qoffset"]))
    t_peak = np.nan
    if np.isfinite(at["toffset"]):
        first = min(at["qoffset"] + T_FROM, at["toffset"])
        t_peak = t_amplitude(np.interp(np.linspace(first, at["toffset"], 200), TIME, v5))
    return {
        "STJ_v5": np.interp(at["qoffset"], TIME, v5),
        "T_PeakAmpl_v5": t_peak,
        "R_PeakAmpl_v5": v5[onset : offset + 1].max(),
    }


def t_amplitude(wave: np.ndarray) -> float:
    """Peak of a T wave (time,) of either sign, continuous in the signal.

    The mean of the largest and the smallest value, weighted by the fourth power of how far the wave
    bulges up and down from the line between its ends: for a wave with one lobe the peak of it, for
    two equal lobes the mean of both, and in between no jump from one to the other.
    """
    bulge = wave - np.linspace(wave[0], wave[-1], len(wave))
    up, down = bulge.max() ** T_LOBES, bulge.min() ** T_LOBES
    return (up * wave.max() + down * wave.min()) / (up + down) if up + down > 0 else wave.mean()


def _implausible(targets: dict[str, float], rr_ms: float) -> dict[str, str]:
    """Why a value that was measured cannot be right, by target."""
    reasons = {}
    for name, (low, high) in PLAUSIBLE.items():
        if targets[name] < low or targets[name] > high:
            unit = TARGETS[name].unit
            reasons[name] = f"implausible: {targets[name]:.0f} {unit}; limits {low} to {high}"
    corrected = targets["qt"] / np.cbrt(rr_ms / 1000)
    low, high = PLAUSIBLE_QTC
    if "qt" not in reasons and (corrected < low or corrected > high):
        reasons["qt"] = f"implausible: {corrected:.0f} ms for rate; limits {low} to {high}"
    return reasons


def missing_targets(rate: float, why: str) -> tuple[dict, dict, dict]:
    """Targets of which only the rate may be known, fiducials, and the reason for each."""
    targets = dict.fromkeys(TARGETS, np.nan) | {"VentRate": float(rate)}
    fiducials = dict.fromkeys(FIDUCIALS, np.nan)
    reasons = {name: why for name, value in (targets | fiducials).items() if np.isnan(value)}
    return targets, fiducials, reasons


def no_t_wave(median_uv: np.ndarray, at: dict[str, float], leads: int) -> str:
    """The reason why leads (lead, 600) µV show no T wave, or "" if they show one."""
    last = round(at["toffset"])
    first = min(round(at["qoffset"]) + T_FROM, last)
    wave = uniform_filter1d(median_uv, SMOOTH, axis=1)[:, first : last + 1]
    line = np.linspace(wave[:, 0], wave[:, -1], wave.shape[1], axis=1)
    size = np.sort(np.abs(wave - line).max(axis=1))[-leads]
    return f"no T wave: {size:.0f} µV high in {leads} leads" if size < T_LEAST_UV else ""


def no_p_wave(beats: Beats, at: dict[str, float], usable: np.ndarray) -> str:
    """Why there is no P wave before the QRS complex; "" if there is one.

    A P wave comes with every beat; fibrillation and flutter waves do not keep step with them.
    usable: (8,) independent leads.
    """
    window = slice(max(0, round(at["ponset"]) - P_BEFORE), round(at["qonset"]) - P_AFTER)
    waves = uniform_filter1d(beats.windows[:, usable], SMOOTH, axis=2)[:, :, window]
    waves = waves - waves.mean(axis=2, keepdims=True)
    waves = waves.reshape(len(waves), -1)
    others = (waves.sum(axis=0) - waves) / (len(waves) - 1)
    repeats = np.median(
        (waves * others).sum(axis=1)
        / (np.linalg.norm(waves, axis=1) * np.linalg.norm(others, axis=1) + 1e-9)
    )
    change = np.median(np.abs(np.diff(beats.rr_ms))) / np.median(beats.rr_ms)
    if repeats < P_REPEATS:
        return f"no P wave: the signal before QRS differs between beats (correlation {repeats:.2f})"
    if change > RR_REGULAR and repeats < P_REPEATS_IRREGULAR:
        return (
            f"no P wave: irregular rhythm (RR changes by {change:.0%}), and the signal before QRS "
            f"differs between beats (correlation {repeats:.2f})"
        )
    return ""
