"""Records from files: a 12SL export, a folder of HDF5 files, a folder of WFDB records.

Each source is a build.Source: numbered blocks that always hold the same records, those of
the sorted ids, so that an import that was interrupted goes on where it was.
"""

import hashlib
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from ..config import check_choice
from ..data import ge12sl, hdf5_folder, wfdb_folder
from ..ecg import BEAT_SHAPE, INDEPENDENT_LEADS, LEADS, TARGETS
from ..files import listing
from ..measurement import measure_median
from ..measurement.filters import to_500_hz
from .checks import Entry, Rejected, one_line
from .ge12sl import read_12sl_median
from .label_table import LABELS, check_order
from .medians import Block
from .parallel import PART, gather, processors, submit
from .wfdb_folder import read_wfdb

__all__ = ["READERS", "FileSource", "open_folder", "read_12sl_median", "read_wfdb"]

READERS = {"12sl": ge12sl, "hdf5": hdf5_folder, "wfdb": wfdb_folder}
UNKNOWN_RR_MS = 1000  # where waves are searched for in a beat whose rate is not known


def open_folder(
    name: str,
    path: str | Path,
    labels_path: str | Path = "",
    measure_missing: bool = False,
) -> "FileSource":
    """Find the records of a source of files: 12sl, hdf5 or wfdb.

    labels_path: the label table of a 12SL export. measure_missing: measure on the median beat what
    the source has no label for (WFDB records are always measured). Raises ValueError or
    FileNotFoundError if there is nothing that could be read.
    """
    return FileSource(name, path, labels_path, measure_missing)


class FileSource:
    """See open_folder. A file that cannot be used is rejected with its reason, never an error."""

    block_size = 256

    def __init__(self, name, path, labels_path="", measure_missing=False):
        self.name = check_choice("source", name, READERS)
        self.entries = READERS[name].index(path, labels_path)
        self.measure_missing = bool(measure_missing)
        self.settings = {
            "records": len(self.entries),
            "block_size": self.block_size,
            "measure_missing": self.measure_missing,
            "files": f"{listing(path)}; {_fingerprint(self.entries)}",
        }
        self.attributes = {"measure_missing": self.measure_missing}
        self._ahead: dict[int, list[Future]] = {}

    @property
    def record_ids(self) -> list[str]:
        """Ids of all records, those included that turn out to be unusable."""
        return [entry.record_id for entry in self.entries]

    @property
    def block_count(self) -> int:
        return -(-len(self.entries) // self.block_size)

    def block(self, number: int) -> Block:
        """The number-th block. While the caller has it, processes already read the next one."""
        if self.block_count == 1 or processors() == 1:
            return read_entries(self.name, self._part(number), self.measure_missing)
        for block in (number, number + 1):
            if block not in self._ahead and block < self.block_count:
                self._ahead[block] = self._submit(self._part(block))
        futures, ahead = self._ahead.pop(number), self._ahead
        self._ahead = {}  # what was read ahead ends with the processes, should they fail
        blocks = gather(futures)
        self._ahead = ahead
        return _joined(blocks)

    def recording(self, record_id: str) -> np.ndarray | None:
        """The whole ECG of a record: (8, time) in µV at 500 Hz, leads as INDEPENDENT_LEADS.

        None where the source holds ready median beats. Raises ValueError where it cannot be read.
        """
        if self.name != "wfdb":
            return None
        path = next(entry.path for entry in self.entries if entry.record_id == record_id)
        ecg_uv, rate = read_wfdb(path)
        return to_500_hz(ecg_uv[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]], rate)

    def _part(self, number: int) -> list[Entry]:
        return self.entries[number * self.block_size : (number + 1) * self.block_size]

    def _submit(self, entries: list[Entry]) -> list[Future]:
        parts = [entries[start : start + PART] for start in range(0, len(entries), PART)]
        return submit(read_entries, [(self.name, part, self.measure_missing) for part in parts])


def read_entries(name: str, entries: list[Entry], measure_missing: bool) -> Block:
    """Read some records, in their order; those that cannot be used are in the block's rejected."""
    ids, medians, labels, rejected, patients = [], [], [], [], []
    for entry in entries:
        try:
            median, values, patient = _read_entry(name, entry)
        except Rejected as reason:
            rejected.append((entry.record_id, str(reason)))
            continue
        ids.append(entry.record_id)
        patients.append(patient)
        medians.append(median)
        labels.append(fill_missing(median, values) if measure_missing else values)
    table = np.array(labels, np.float32).reshape(-1, len(LABELS))
    beats = np.array(medians, np.int16).reshape(-1, *BEAT_SHAPE)
    tables = table[:, : len(TARGETS)], table[:, len(TARGETS) :]
    return Block(ids, beats, *tables, rejected, patients)


def _read_entry(name: str, entry: Entry) -> tuple[np.ndarray, np.ndarray, str]:
    """Median beat, labels and patient of one record.

    Raises Rejected whatever is wrong with it: a file can be damaged in ways that a library notices
    by any error, and no file may cost the others.
    """
    if entry.reason:
        raise Rejected(entry.reason)
    try:
        median, values = READERS[name].read(entry)
        check_order(values)
        patient = entry.patient or (READERS[name].patient(entry) if name != "12sl" else "")
    except (Rejected, MemoryError):
        raise
    except Exception as error:
        raise Rejected(f"unreadable: {type(error).__name__}: {one_line(error)}") from None
    return median, values, patient


def fill_missing(median_uv: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels (13,) with what is missing measured on the median beat (12, 600), where it can be.

    A median beat alone does not tell the rate: it stays missing.
    """
    if not np.isnan(labels).any():
        return labels
    rate = labels[LABELS.index("VentRate")]
    rr_ms = 60000 / float(rate) if np.isfinite(rate) else UNKNOWN_RR_MS
    try:
        _, targets, fiducials, _ = measure_median(median_uv.astype(float), rr_ms)
    except (ValueError, IndexError, ZeroDivisionError):
        return labels
    measured = {**targets, **fiducials, "VentRate": rate}
    values = np.array([measured[name] for name in LABELS], np.float32)
    return np.where(np.isnan(labels), values, labels)


def _joined(blocks: list[Block]) -> Block:
    return Block(
        [record_id for block in blocks for record_id in block.record_id],
        np.concatenate([block.medians for block in blocks]),
        np.concatenate([block.targets for block in blocks]),
        np.concatenate([block.fiducials for block in blocks]),
        [pair for block in blocks for pair in block.rejected],
        [patient for block in blocks for patient in block.patient_id],
    )


def _fingerprint(entries: list[Entry]) -> str:
    """A digest that changes with the records, their labels, patients and reasons."""
    digest = hashlib.sha256()
    for entry in entries:
        labels = b"" if entry.labels is None else entry.labels.tobytes()
        described = (entry.record_id, entry.reason, labels, entry.patient)
        digest.update(repr(described).encode())
    return digest.hexdigest()
