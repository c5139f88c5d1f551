"""Measure an ECG as an electrocardiograph does: median beat, fiducials, targets."""

from dataclasses import dataclass

import numpy as np

from .beats import MIN_BEATS, find_beats, to_500_hz
from .delineation import delineate
from .ecg import (
    BEAT_SHAPE,
    FIDUCIALS,
    INDEPENDENT_LEADS,
    LEADS,
    MS_PER_SAMPLE,
    TARGETS,
    twelve_leads,
)

SECONDS = (5, 60)
RATES_HZ = (250, 1000)
FLAT_UV = 10


@dataclass(frozen=True)
class Measurement:
    """What was measured on one ECG.

    median_uv: (12, 600) µV at 500 Hz, zero at QRS onset. targets, fiducials: NaN where not
    measurable, and then reasons says why.
    """

    median_uv: np.ndarray
    targets: dict[str, float]
    fiducials: dict[str, float]
    reasons: dict[str, str]
    beats_used: int
    beats_rejected: int


def measure(ecg_uv: np.ndarray, sampling_rate: float = 500) -> Measurement:
    """Measure an ECG of 8 or 12 leads (lead, time) in µV."""
    ecg_uv = _check(ecg_uv, sampling_rate)
    beats = find_beats(to_500_hz(ecg_uv, sampling_rate))
    if beats.median_uv is None:
        reason = f"{beats.used} usable beats, fewer than {MIN_BEATS}"
        nan = np.full(BEAT_SHAPE, np.nan)
        targets = dict.fromkeys(TARGETS, np.nan) | {"VentRate": 60000 / beats.rr_ms}
        names = [*FIDUCIALS, *(t for t in TARGETS if not np.isfinite(targets[t]))]
        return Measurement(
            nan, targets, dict.fromkeys(FIDUCIALS, np.nan), dict.fromkeys(names, reason),
            beats.used, beats.rejected,
        )
    median = twelve_leads(beats.median_uv)
    median, targets, fiducials, reasons = measure_median(median, beats.rr_ms)
    return Measurement(median, targets, fiducials, reasons, beats.used, beats.rejected)


def measure_median(median_uv: np.ndarray, rr_ms: float):
    """Median (zero at QRS onset), targets, fiducials and reasons from a (12, 600) median beat."""
    eight = median_uv[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
    live = np.ptp(eight, axis=1) > FLAT_UV
    fiducials, reasons = delineate(eight[live], rr_ms)
    at = fiducials
    onset, offset = int(at["qonset"]), int(at["qoffset"])
    median_uv = median_uv - median_uv[:, onset - 3 : onset + 2].mean(axis=1, keepdims=True)
    v5 = median_uv[LEADS.index("V5")]
    targets = {
        "VentRate": 60000 / rr_ms,
        "pr": (at["qonset"] - at["ponset"]) * MS_PER_SAMPLE,
        "qrs": (at["qoffset"] - at["qonset"]) * MS_PER_SAMPLE,
        "qt": (at["toffset"] - at["qonset"]) * MS_PER_SAMPLE,
        "STJ_v5": v5[offset],
        "T_PeakAmpl_v5": np.nan,
        "R_PeakAmpl_v5": v5[onset : offset + 1].max(),
    }
    if np.isfinite(at["toffset"]):
        t_wave = v5[offset + 20 : int(at["toffset"]) + 1]
        targets["T_PeakAmpl_v5"] = t_wave[np.abs(t_wave).argmax()]
    targets = {name: float(value) for name, value in targets.items()}
    return median_uv, targets, fiducials, reasons


def _check(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """The eight independent leads as float, or ValueError."""
    ecg_uv = np.asarray(ecg_uv, dtype=float)
    if ecg_uv.ndim != 2 or len(ecg_uv) not in (len(INDEPENDENT_LEADS), len(LEADS)):
        raise ValueError(f"ecg_uv has shape {ecg_uv.shape}; allowed: (8, n) or (12, n), µV")
    if not RATES_HZ[0] <= sampling_rate <= RATES_HZ[1]:
        raise ValueError(f"sampling_rate is {sampling_rate} Hz; allowed: 250 to 1000 Hz")
    seconds = ecg_uv.shape[1] / sampling_rate
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise ValueError(f"ecg_uv lasts {seconds:g} s; allowed: 5 to 60 s")
    if not np.isfinite(ecg_uv).all():
        raise ValueError("ecg_uv holds NaN or infinite samples; allowed: finite µV")
    if len(ecg_uv) == len(LEADS):
        ecg_uv = ecg_uv[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
    return ecg_uv
