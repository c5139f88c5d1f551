"""Measure an ECG as an electrocardiograph does: median beat, fiducials, targets."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..ecg import (
    BEAT_SHAPE,
    FIDUCIALS,
    INDEPENDENT_LEADS,
    LEADS,
    MS_PER_SAMPLE,
    TARGETS,
    twelve_leads,
)
from .corners import TIME
from .delineation import SMOOTH, delineate
from .filters import to_500_hz
from .median_beat import FLAT_UV, MIN_BEATS, Beats, find_beats, median_over_beats, why_no_qrs

SECONDS = (5, 60)
RATES_HZ = (250, 1000)
RR_MS = (200, 3000)
BAD_LEAD = 3.0  # a lead this many times noisier than usual is not delineated
P_REPEATS = 0.45  # correlation of a beat's P wave with the others' below which there is none
RR_REGULAR = 0.12  # change of the RR interval from beat to beat that a sinus rhythm stays below
P_REPEATS_IRREGULAR = 0.95  # what the correlation must be where the rhythm is not regular
P_BEFORE, P_AFTER = 10, 4  # samples around the P wave that are compared as well; before QRS not
LEVEL = np.arange(-3, 2)  # samples about QRS onset whose mean is zero
T_FROM = 20  # samples (40 ms) after QRS from which T_PeakAmpl_v5 is looked for
# What is believed; anything else is an error of the measurement, and missing.
BELIEVED = {
    "VentRate": (20, 300),
    "pr": (60, 500),
    "qrs": (30, 250),
    "qt": (180, 700),
    "STJ_v5": (-5000, 5000),
    "T_PeakAmpl_v5": (-5000, 5000),
    "R_PeakAmpl_v5": (-1000, 10000),
}
QTC_BELIEVED = (280, 700)  # ms, QT by Fridericia's formula (Acta Med Scand 53:469, 1920)
_EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
_V5 = LEADS.index("V5")


@dataclass(frozen=True)
class Measurement:
    """What was measured on one ECG.

    median_uv: (12, 600) float32 µV at 500 Hz, zero at QRS onset, all NaN if there is none. targets
    (units as in ecg.TARGETS) and fiducials (samples in the median beat): NaN where not measurable,
    and then reasons says why under the same name. beats_rejected: ectopic, noisy or cut by an end.
    """

    median_uv: np.ndarray
    targets: dict[str, float]
    fiducials: dict[str, float]
    reasons: dict[str, str]
    beats_used: int
    beats_rejected: int


def measure(ecg_uv: np.ndarray, sampling_rate: float = 500) -> Measurement:
    """Measure an ECG (8 or 12, time) in µV, leads in the order of ecg.LEADS or INDEPENDENT_LEADS.

    Raises ValueError unless it lasts 5 to 60 s at 250 to 1000 Hz and every sample is finite.
    """
    beats = find_beats(to_500_hz(_checked(ecg_uv, sampling_rate), sampling_rate))
    rr_ms = beats.rr_ms
    if beats.no_qrs:
        return _nothing(np.nan, beats.no_qrs, beats)
    if beats.used < MIN_BEATS:
        rate = 60000 / np.median(rr_ms) if beats.shaped >= MIN_BEATS else np.nan
        why = f"{beats.used} usable beats of {len(beats.r)} found, at least {MIN_BEATS} needed"
        return _nothing(rate, why, beats)
    median = median_over_beats(beats.windows)
    noise = np.sqrt(np.mean((beats.windows - median) ** 2, axis=(0, 2)))
    measured = _measure_beat(median, float(np.median(rr_ms)), noise, beats)
    return Measurement(*measured, beats.used, beats.rejected)


def measure_median(
    median_uv: np.ndarray, rr_ms: float
) -> tuple[np.ndarray, dict[str, float], dict[str, float], dict[str, str]]:
    """Measure a ready median beat (12, 600) in µV at 500 Hz, R near sample 240.

    rr_ms: RR interval, to tell the waves of the next beat from this one's. Returns the beat (zero
    at QRS onset), targets, fiducials and reasons as in Measurement. One beat cannot show whether P
    repeats, so PR is given wherever there is room for a P wave. Raises ValueError for another
    shape, values that are not finite, flat leads only, and an RR interval outside 200 to 3000 ms.
    """
    median = np.asarray(median_uv, dtype=float)
    if median.shape != BEAT_SHAPE or not np.isfinite(median).all():
        raise ValueError(
            f"median_uv has shape {median.shape} and {np.count_nonzero(~np.isfinite(median))} "
            f"values that are not finite; allowed: {BEAT_SHAPE} finite values in µV"
        )
    if (np.ptp(median, axis=1) < FLAT_UV).all():
        raise ValueError(f"median_uv is flat; allowed: a lead that spans {FLAT_UV} µV or more")
    if not RR_MS[0] <= rr_ms <= RR_MS[1]:
        raise ValueError(f"rr_ms is {rr_ms}; allowed: {RR_MS[0]} to {RR_MS[1]} ms")
    why = why_no_qrs(median[None], rr_ms / MS_PER_SAMPLE)
    if why:
        targets, fiducials, reasons = _missing_all(np.nan, why)
        return median.astype(np.float32), targets, fiducials, reasons
    rough = median - uniform_filter1d(median, SMOOTH, axis=1)
    return _measure_beat(median[_EIGHT], rr_ms, np.median(np.abs(rough), axis=1)[_EIGHT], None)


def _checked(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """The eight independent leads as float64, or ValueError."""
    ecg_uv = np.asarray(ecg_uv, dtype=float)
    if ecg_uv.ndim != 2 or len(ecg_uv) not in (len(_EIGHT), len(LEADS)):
        raise ValueError(f"ecg_uv has shape {ecg_uv.shape}; allowed: (8, time) or (12, time), µV")
    if not RATES_HZ[0] <= sampling_rate <= RATES_HZ[1]:
        raise ValueError(
            f"sampling_rate is {sampling_rate} Hz; allowed: {RATES_HZ[0]} to {RATES_HZ[1]} Hz"
        )
    seconds = ecg_uv.shape[1] / sampling_rate
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise ValueError(
            f"ecg_uv lasts {seconds:g} s ({ecg_uv.shape[1]} samples at {sampling_rate:g} Hz); "
            f"allowed: {SECONDS[0]} to {SECONDS[1]} s"
        )
    if not np.isfinite(ecg_uv).all():
        raise ValueError(
            f"ecg_uv holds {np.count_nonzero(~np.isfinite(ecg_uv))} samples that are NaN or "
            "infinite; allowed: finite µV (leave such a stretch out, or interpolate it)"
        )
    return ecg_uv if len(ecg_uv) == len(_EIGHT) else ecg_uv[_EIGHT]


def _nothing(rate: float, why: str, beats: Beats) -> Measurement:
    median = np.full(BEAT_SHAPE, np.nan, np.float32)
    return Measurement(median, *_missing_all(rate, why), beats.used, beats.rejected)


def _missing_all(rate: float, why: str) -> tuple[dict, dict, dict]:
    """Targets of which only the rate may be known, fiducials, and the reason for each."""
    targets = dict.fromkeys(TARGETS, np.nan) | {"VentRate": float(rate)}
    fiducials = dict.fromkeys(FIDUCIALS, np.nan)
    reasons = {name: why for name, value in (targets | fiducials).items() if np.isnan(value)}
    return targets, fiducials, reasons


def _usable(eight_uv: np.ndarray, noise_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the twelve leads are flat, and which are much noisier than the others."""
    flat = np.ptp(eight_uv, axis=1) < FLAT_UV
    noisy = ~flat & (noise_uv > BAD_LEAD * np.median(noise_uv[~flat])) if not flat.all() else flat

    def of_twelve(eight):
        limb = np.full(4, eight[0] | eight[1])
        return np.concatenate((eight[:2], limb, eight[2:]))

    return of_twelve(flat), of_twelve(noisy)


def _measure_beat(
    eight_uv: np.ndarray, rr_ms: float, noise_uv: np.ndarray, beats: Beats | None
) -> tuple[np.ndarray, dict[str, float], dict[str, float], dict[str, str]]:
    """Median beat (zero at QRS onset), targets, fiducials and reasons of (8, 600) µV."""
    flat, noisy = _usable(eight_uv, noise_uv)
    median = twelve_leads(eight_uv)
    fiducials = delineate(median[~flat & ~noisy], rr_ms)
    reasons = _missing(fiducials)
    if beats is not None and np.isfinite(fiducials["ponset"]):
        why = _no_p_wave(beats, fiducials, (~flat & ~noisy)[_EIGHT])
        if why:
            fiducials |= {"ponset": np.nan, "poffset": np.nan}
            reasons |= {"ponset": why, "poffset": why}
    level = np.maximum(fiducials["qonset"] + LEVEL, 0)
    median = median - np.stack([np.interp(level, TIME, lead) for lead in median]).mean(
        axis=1, keepdims=True
    )
    targets = {"VentRate": 60000 / rr_ms} | _intervals(fiducials) | _amplitudes(median, fiducials)
    reasons |= {
        target: reasons[fiducial]
        for target, fiducial in (("pr", "ponset"), ("qt", "toffset"), ("T_PeakAmpl_v5", "toffset"))
        if fiducial in reasons
    }
    if flat[_V5] or noisy[_V5]:
        lost = dict.fromkeys(_amplitudes(median, fiducials), np.nan)
        targets |= lost
        why = "lead V5 is flat" if flat[_V5] else "lead V5 is much noisier than the others"
        reasons |= dict.fromkeys(lost, why)
    targets = {name: float(targets[name]) for name in TARGETS}
    for name, why in _unbelievable(targets, rr_ms).items():
        targets[name] = np.nan
        reasons[name] = why
    return median.astype(np.float32), targets, fiducials, reasons


def _missing(fiducials: dict[str, float]) -> dict[str, str]:
    why = {
        "p": "no P wave between the T wave before and QRS, or it overlaps that T wave",
        "t": "no room for a T wave, or the next P wave overlaps it",
    }
    return {name: why[name[0]] for name, at in fiducials.items() if np.isnan(at)}


def _unbelievable(targets: dict[str, float], rr_ms: float) -> dict[str, str]:
    """Why a value that was measured is not believed, by target."""
    reasons = {}
    for name, (low, high) in BELIEVED.items():
        if targets[name] < low or targets[name] > high:
            unit = TARGETS[name].unit
            reasons[name] = f"not believed: {targets[name]:.0f} {unit}; limits {low} to {high}"
    corrected = targets["qt"] / np.cbrt(rr_ms / 1000)
    if "qt" not in reasons and (corrected < QTC_BELIEVED[0] or corrected > QTC_BELIEVED[1]):
        low, high = QTC_BELIEVED
        reasons["qt"] = f"not believed: {corrected:.0f} ms for rate; limits {low} to {high}"
    return reasons


def _intervals(at: dict[str, float]) -> dict[str, float]:
    return {
        "pr": (at["qonset"] - at["ponset"]) * MS_PER_SAMPLE,
        "qrs": (at["qoffset"] - at["qonset"]) * MS_PER_SAMPLE,
        "qt": (at["toffset"] - at["qonset"]) * MS_PER_SAMPLE,
    }


def _amplitudes(median_uv: np.ndarray, at: dict[str, float]) -> dict[str, float]:
    """J, T and R amplitudes (µV) in V5 of a median beat that is zero at QRS onset."""
    v5 = median_uv[_V5]
    onset = round(at["qonset"])
    offset = max(onset, round(at["qoffset"]))
    t_peak = np.nan
    if np.isfinite(at["toffset"]):
        t_wave = v5[min(offset + T_FROM, round(at["toffset"])) : round(at["toffset"]) + 1]
        bulge = t_wave - np.linspace(t_wave[0], t_wave[-1], len(t_wave))
        t_peak = t_wave.max() if bulge.max() >= -bulge.min() else t_wave.min()
    return {
        "STJ_v5": np.interp(at["qoffset"], TIME, v5),
        "T_PeakAmpl_v5": t_peak,
        "R_PeakAmpl_v5": v5[onset : offset + 1].max(),
    }


def _no_p_wave(beats: Beats, at: dict[str, float], usable: np.ndarray) -> str | None:
    """Why there is no P wave before the QRS complex; None if there is one.

    A P wave comes with every beat; fibrillation and flutter waves do not keep step with them.
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
        return f"no P wave: what precedes QRS differs between beats (correlation {repeats:.2f})"
    if change > RR_REGULAR and repeats < P_REPEATS_IRREGULAR:
        return (
            f"no P wave: irregular rhythm (RR changes by {change:.0%}), and what precedes QRS "
            f"differs between beats (correlation {repeats:.2f})"
        )
    return None
