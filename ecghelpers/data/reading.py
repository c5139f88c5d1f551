"""One record from any source, its measurement, and blocks of records."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..ecg import BEAT_SHAPE, INDEPENDENT_ROWS, TARGETS
from ..measurement import Measurement, measure, measure_many, measure_median
from .checks import Rejected, as_int16, result_or_reason
from .labels import LABELS
from .medians import Medians, split_of
from .recording import Recording

UNKNOWN_RR_MS = 1000  # assumed when searching for waves in a beat without a known rate
UNKNOWN = (np.nan,) * len(TARGETS)


@dataclass(frozen=True)
class Reading:
    """A record as it goes into ``medians.h5``.

    median: (12, 600) int16 µV. labels: (13,) in the order of labels.LABELS, NaN = missing. patient
    and rule: the patient's id and its origin, both "" if unknown. machine and measured: (7,) the
    targets measured by the file's program and by us, NaN if unknown. digest: equal for equal
    recordings.
    """

    median: np.ndarray
    labels: np.ndarray
    patient: str = ""
    rule: str = ""
    machine: Sequence[float] = UNKNOWN
    program: str = ""
    measured: Sequence[float] = UNKNOWN
    digest: str = ""


def digest_of(signal_uv: np.ndarray) -> str:
    """A digest that is equal for recordings (12, time) that agree to the µV, in any format."""
    whole = np.ascontiguousarray(np.rint(signal_uv[INDEPENDENT_ROWS]), np.int32)
    return hashlib.sha256(whole.tobytes()).hexdigest()[:32]


def reading_of(measurement: Measurement) -> Reading:
    """The record of a measurement; raises Rejected if it has no median beat."""
    if not np.isfinite(measurement.median_uv).all():
        reason = next(iter(measurement.reasons.values()), "no median beat")
        raise Rejected(f"not measurable: {reason}")
    values = measurement.targets | measurement.fiducials
    labels = np.array([values[name] for name in LABELS], np.float32)
    return Reading(as_int16(measurement.median_uv), labels, measured=labels[: len(TARGETS)])


def measured(recording: Recording) -> Measurement:
    """Measure a recording, or its median beat if there is nothing else; raises Rejected.

    The rate of a median beat is the machine's, or missing.
    """
    try:
        if recording.ecg_uv is not None:
            return measure(recording.ecg_uv, recording.rate_hz)
        rate = recording.targets["VentRate"]
        rr_ms = 60000 / rate if np.isfinite(rate) else UNKNOWN_RR_MS
        beat, targets, *rest = measure_median(recording.median_uv.astype(float), rr_ms)
        return Measurement(beat, targets | {"VentRate": rate}, *rest, 0, 0)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise Rejected(f"not measurable: {error}") from None


def measured_labels(recording: Recording) -> np.ndarray:
    """(13,) our labels of a recording, NaN if it cannot be measured."""
    try:
        return reading_of(measured(recording)).labels
    except Rejected:
        return np.full(len(LABELS), np.nan, np.float32)


def measured_readings(ecgs_uv: np.ndarray, sampling_rate: float) -> list[Reading | Rejected]:
    """The measured record, or the reason why there is none, of each ECG (8 or 12, time) in µV."""
    return [result_or_reason(reading_of, m) for m in measure_many(ecgs_uv, sampling_rate)]


def block_of(
    record_id: Sequence[str], results: Iterable[Reading | Rejected]
) -> tuple[Medians, list[tuple[str, str]]]:
    """Those of some records that were read, and (record id, reason) of the rejected ones."""
    found = dict(zip(record_id, results, strict=True))
    readings = {i: result for i, result in found.items() if isinstance(result, Reading)}
    rejected = [(i, str(result)) for i, result in found.items() if isinstance(result, Rejected)]

    def column(name: str, dtype: type = str, shape: tuple = ()) -> np.ndarray:
        values = [getattr(reading, name) for reading in readings.values()]
        return np.array(values, dtype).reshape(-1, *shape)

    labels = column("labels", np.float32, (len(LABELS),))
    targets = (np.float32, (len(TARGETS),))
    patients = column("patient")
    records = Medians(
        np.array(list(readings), str),
        np.array(list(map(split_of, readings, patients)), str),
        column("median", np.int16, BEAT_SHAPE),
        labels[:, : len(TARGETS)],
        labels[:, len(TARGETS) :],
        patient_id=patients,
        machine=column("machine", *targets),
        machine_program=column("program"),
        measured=column("measured", *targets),
        rule=column("rule"),
        digest=column("digest"),
    )
    return records, rejected
