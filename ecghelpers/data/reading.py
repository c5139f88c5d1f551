"""What reading one record of a source of files gives."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from ..ecg import INDEPENDENT_LEADS, LEADS, TARGETS


def _unknown() -> np.ndarray:
    return np.full(len(TARGETS), np.nan, np.float32)


@dataclass(frozen=True)
class Reading:
    """median: (12, 600) int16 µV. labels: (13,) in the order of labels.LABELS, NaN = missing.

    patient: whose record it is, and rule: what told so, both "" where not known. machine and own:
    (7,) the targets that the file's program and that we measured, NaN where not known. digest:
    tells recordings that are the same.
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
    """What is equal for recordings (12, time) that agree to the µV, whatever their formats."""
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    whole = np.ascontiguousarray(np.rint(signal_uv[eight]), np.int32)
    return hashlib.sha256(whole.tobytes()).hexdigest()[:32]
