"""The one place where recordings meet the measurement."""

import numpy as np

from ..ecg import TARGETS
from ..measurement import Measurement, measure, measure_median
from .checks import Rejected
from .labels import LABELS
from .recording import Recording

UNKNOWN_RR_MS = 1000  # where waves are searched for in a beat whose rate is not known


def measured(recording: Recording) -> Measurement:
    """The measurement of a recording, or of the median beat where that is all there is.

    Then the rate is the machine's, or missing. Raises Rejected for what cannot be measured at all.
    """
    if recording.ecg_uv is None:
        return measured_median(recording.median_uv, recording.targets["VentRate"])
    try:
        return measure(recording.ecg_uv, recording.rate_hz)
    except ValueError as error:
        raise Rejected(f"not measurable: {error}") from None


def measured_median(median_uv: np.ndarray, rate: float = np.nan) -> Measurement:
    """The measurement of a median beat (12, 600) of a rate in beats/min, NaN where not known."""
    rr_ms = 60000 / rate if np.isfinite(rate) else UNKNOWN_RR_MS
    try:
        beat, targets, fiducials, reasons = measure_median(median_uv.astype(float), rr_ms)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise Rejected(f"not measurable: {error}") from None
    return Measurement(beat, targets | {"VentRate": float(rate)}, fiducials, reasons, 0, 0)


def values_of(measurement: Measurement) -> np.ndarray:
    """(13,) float32 in the order of labels.LABELS."""
    values = measurement.targets | measurement.fiducials
    return np.array([values[name] for name in LABELS], np.float32)


def own_targets(recording: Recording) -> np.ndarray:
    """(7,) our targets of a recording, NaN where it cannot be measured."""
    try:
        return values_of(measured(recording))[: len(TARGETS)]
    except Rejected:
        return np.full(len(TARGETS), np.nan, np.float32)


def filled(median_uv: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels (13,) with what is missing measured on the median beat (12, 600), where it can be."""
    if not np.isnan(labels).any():
        return labels
    try:
        found = values_of(measured_median(median_uv, labels[list(TARGETS).index("VentRate")]))
    except Rejected:
        return labels
    return np.where(np.isnan(labels), found, labels)
