"""One record from any source, its measurement, and blocks of records."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ..ecg import BEAT_SHAPE, INDEPENDENT_LEADS, LEADS, TARGETS
from ..measurement import Measurement, measure, measure_median
from .checks import Rejected, as_int16
from .labels import LABELS
from .medians import Block
from .recording import Recording

UNKNOWN_RR_MS = 1000  # assumed when searching for waves in a beat without a known rate
Item = TypeVar("Item")


def _unknown() -> np.ndarray:
    return np.full(len(TARGETS), np.nan, np.float32)


@dataclass(frozen=True)
class Reading:
    """A record as it goes into ``medians.h5``.

    median: (12, 600) int16 µV. labels: (13,) in the order of labels.LABELS, NaN = missing. patient
    and rule: the patient's id and its origin, both "" if unknown. machine and own: (7,) the targets
    measured by the file's program and by us, NaN if unknown. digest: equal for equal recordings.
    """

    median: np.ndarray
    labels: np.ndarray
    patient: str = ""
    rule: str = ""
    machine: np.ndarray = field(default_factory=_unknown)
    program: str = ""
    own: np.ndarray = field(default_factory=_unknown)
    digest: str = ""


def digest_of(signal_uv: np.ndarray) -> str:
    """A digest that is equal for recordings (12, time) that agree to the µV, in any format."""
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    whole = np.ascontiguousarray(np.rint(signal_uv[eight]), np.int32)
    return hashlib.sha256(whole.tobytes()).hexdigest()[:32]


def reading_of(measurement: Measurement) -> Reading:
    """The record of a measurement; raises Rejected if it has no median beat."""
    if not np.isfinite(measurement.median_uv).all():
        reason = next(iter(measurement.reasons.values()), "no median beat")
        raise Rejected(f"not measurable: {reason}")
    values = measurement.targets | measurement.fiducials
    labels = np.array([values[name] for name in LABELS], np.float32)
    return Reading(as_int16(measurement.median_uv), labels, own=labels[: len(TARGETS)])


def measured(recording: Recording) -> Measurement:
    """Measure a recording, or its median beat if there is nothing else; raises Rejected.

    The rate of a median beat is the machine's, or missing.
    """
    if recording.ecg_uv is None:
        return _measured_beat(recording.median_uv, recording.targets["VentRate"])
    try:
        return measure(recording.ecg_uv, recording.rate_hz)
    except ValueError as error:
        raise Rejected(f"not measurable: {error}") from None


def _measured_beat(median_uv: np.ndarray, rate: float) -> Measurement:
    """Measure a median beat (12, 600) at a rate in beats/min, NaN if unknown."""
    rr_ms = 60000 / rate if np.isfinite(rate) else UNKNOWN_RR_MS
    try:
        beat, targets, *rest = measure_median(median_uv.astype(float), rr_ms)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise Rejected(f"not measurable: {error}") from None
    return Measurement(beat, targets | {"VentRate": float(rate)}, *rest, 0, 0)


def own_targets(recording: Recording) -> np.ndarray:
    """(7,) our targets of a recording, NaN if it cannot be measured."""
    try:
        return reading_of(measured(recording)).own
    except Rejected:
        return _unknown()


def filled(median_uv: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels (13,), the missing ones measured on the median beat (12, 600) if possible."""
    if not np.isnan(labels).any():
        return labels
    try:
        found = reading_of(_measured_beat(median_uv, labels[LABELS.index("VentRate")])).labels
    except Rejected:
        return labels
    return np.where(np.isnan(labels), found, labels)


def attempted(read: Callable[[Item], Reading], item: Item) -> Reading | Rejected:
    """The record of an item, or the reason why it is rejected."""
    try:
        return read(item)
    except Rejected as reason:
        return reason


def block_of(
    record_id: Sequence[str], results: Iterable[Reading | Rejected], by_machine: bool = False
) -> Block:
    """The results of ``attempted`` for some records. by_machine: keep the machine's values too."""
    found = list(zip(record_id, results, strict=True))
    ids = [record for record, result in found if isinstance(result, Reading)]
    readings = [result for _, result in found if isinstance(result, Reading)]
    rejected = [(record, str(result)) for record, result in found if isinstance(result, Rejected)]

    def table(name: str, shape: tuple, dtype: type = np.float32) -> np.ndarray:
        return np.array([getattr(r, name) for r in readings], dtype).reshape(-1, *shape)

    labels = table("labels", (len(LABELS),))
    targets = (len(TARGETS),)
    return Block(
        ids,
        table("median", BEAT_SHAPE, np.int16),
        labels[:, : len(TARGETS)],
        labels[:, len(TARGETS) :],
        rejected,
        patient_id=[r.patient for r in readings],
        rule=[r.rule for r in readings],
        machine=table("machine", targets) if by_machine else None,
        program=[r.program for r in readings],
        measured=table("own", targets) if by_machine else None,
        digest=[r.digest for r in readings if r.digest],
    )
