"""Records from files: a folder of exports, a 12SL export with its table, a folder of HDF5 files.

Each source is a build.Source: numbered blocks that always hold the same records, those of
the sorted ids, so that an import that was interrupted goes on where it was.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ..ecg import BEAT_SHAPE, INDEPENDENT_LEADS, LEADS, TARGETS
from ..files import directory_digest
from ..measurement.filters import to_500_hz
from ..validation import check_choice
from . import exports, ge12sl, hdf5_folder
from .checks import Rejected
from .folder import Entry
from .labels import LABELS, check_order
from .measured import filled
from .medians import Block
from .parallel import PART, gather, processors, submit
from .reading import Reading

READERS = {"files": exports, "12sl": ge12sl, "hdf5": hdf5_folder, "wfdb": exports}


def open_folder(
    name: str,
    path: str | Path,
    labels_path: str | Path = "",
    measure_missing: bool = False,
    labels: str = "measured",
) -> "FileSource":
    """Find the records of a source of files: 12sl, hdf5, files or wfdb, which is the same.

    labels_path: the label table of a 12SL export. measure_missing: measure on the median beat what
    the source has no label for. labels: for exports, ``measured`` here or the file's own ``12sl``.
    Raises ValueError or FileNotFoundError if there is nothing that could be read.
    """
    return FileSource(name, path, labels_path, measure_missing, labels)


class FileSource:
    """See open_folder. A file that cannot be used is rejected with its reason, never an error."""

    block_size = 256

    def __init__(self, name, path, labels_path="", measure_missing=False, labels="measured"):
        self.name = check_choice("source", name, READERS)
        reader = READERS[name]
        self._read: Callable[[Entry], Reading] = reader.read
        if reader is exports:
            check_choice("labels", labels, exports.LABELS_OF)
            self._read = partial(exports.read, labels=labels)
        self.entries = reader.index(path, labels_path)
        self.measure_missing = bool(measure_missing)
        self.settings = {
            "records": len(self.entries),
            "block_size": self.block_size,
            "measure_missing": self.measure_missing,
            "labels": labels,
            "files": f"{directory_digest(path)}; {_fingerprint(self.entries)}",
        }
        self.attributes = {"measure_missing": self.measure_missing, "labels": labels}

    @property
    def record_ids(self) -> list[str]:
        """Ids of all records, those included that turn out to be unusable."""
        return [entry.record_id for entry in self.entries]

    @property
    def block_count(self) -> int:
        return -(-len(self.entries) // self.block_size)

    def block(self, number: int) -> Block:
        """The number-th block, read by processes where there are several blocks."""
        first = number * self.block_size
        entries = self.entries[first : first + self.block_size]
        if self.block_count == 1 or processors() == 1:
            return read_entries(self._read, entries, self.measure_missing)
        parts = [entries[start : start + PART] for start in range(0, len(entries), PART)]
        jobs = [(self._read, part, self.measure_missing) for part in parts]
        return Block.joined(gather(submit(read_entries, jobs)))

    def recording(self, record_id: str) -> np.ndarray | None:
        """The whole ECG of a record: (8, time) in µV at 500 Hz, leads as INDEPENDENT_LEADS.

        None where the source holds its median beat alone. Raises ValueError where it cannot be
        read.
        """
        if READERS[self.name] is not exports:
            return None
        entry = next(entry for entry in self.entries if entry.record_id == record_id)
        recording = exports.recording_of(entry)
        if recording.ecg_uv is None:
            return None
        eight = recording.ecg_uv[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
        return to_500_hz(eight, recording.rate_hz)


def read_entries(
    read: Callable[[Entry], Reading], entries: list[Entry], measure_missing: bool
) -> Block:
    """Read some records, in their order; those that cannot be used are in the block's rejected."""
    ids, readings, rejected = [], [], []
    for entry in entries:
        try:
            readings.append(_read_entry(read, entry))
            ids.append(entry.record_id)
        except Rejected as reason:
            rejected.append((entry.record_id, str(reason)))
    given = [r.labels for r in readings]
    if measure_missing:
        given = [filled(r.median, r.labels) for r in readings]
    table = np.array(given, np.float32).reshape(-1, len(LABELS))
    by_machine = None
    if read is not hdf5_folder.read:  # whose labels are of no known program
        by_machine = [r.machine for r in readings], [r.own for r in readings]
        by_machine = np.array(by_machine, np.float32).reshape(2, -1, len(TARGETS))
    return Block(
        ids,
        np.array([r.median for r in readings], np.int16).reshape(-1, *BEAT_SHAPE),
        table[:, : len(TARGETS)],
        table[:, len(TARGETS) :],
        rejected,
        patient_id=[r.patient for r in readings],
        rule=[r.rule for r in readings],
        machine=None if by_machine is None else by_machine[0],
        program=[r.program for r in readings],
        measured=None if by_machine is None else by_machine[1],
        digest=[r.digest for r in readings],
    )


def _read_entry(read: Callable[[Entry], Reading], entry: Entry) -> Reading:
    """One record.

    Raises Rejected whatever is wrong with it: a file can be damaged in ways that a library notices
    by any error, and no file may cost the others. The error's own words could hold the content.
    """
    if entry.reason:
        raise Rejected(entry.reason)
    try:
        reading = read(entry)
        check_order(reading.labels)
    except (Rejected, MemoryError):
        raise
    except Exception as error:
        raise Rejected(f"unreadable: {type(error).__name__}") from None
    return reading


def _fingerprint(entries: list[Entry]) -> str:
    """A digest that changes with the records, their labels, patients and reasons."""
    digest = hashlib.sha256()
    for entry in entries:
        labels = b"" if entry.labels is None else entry.labels.tobytes()
        described = (entry.record_id, entry.reason, labels, entry.patient, entry.machine)
        digest.update(repr(described).encode())
    return digest.hexdigest()
