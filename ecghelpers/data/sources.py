"""Records from files: a folder of exports, a 12SL export with its table, a folder of HDF5 files.

FileSource is a build.Source: numbered blocks of the records in the order of their ids, so that an
interrupted import can resume.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain, starmap
from pathlib import Path

import numpy as np

from ..ecg import INDEPENDENT_LEADS, LEADS
from ..files import directory_digest
from ..measurement.filters import to_500_hz
from ..validation import check_choice
from . import exports, ge12sl, hdf5_folder
from .checks import Rejected
from .folder import Entry
from .labels import check_order
from .medians import Block
from .parallel import PART, gather, processors, submit
from .reading import Reading, attempted, block_of, filled

READERS = {"files": exports, "12sl": ge12sl, "hdf5": hdf5_folder, "wfdb": exports}


class FileSource:
    """The records of a folder; files that cannot be used are rejected with the reason.

    name: a key of READERS. labels_path: the label table of a 12SL export. measure_missing: measure
    missing labels on the median beat. labels: for exports, ``measured`` here or the file's own
    ``12sl``. Raises ValueError or FileNotFoundError if there is nothing to read.
    """

    block_size = 256

    def __init__(
        self,
        name: str,
        path: str | Path,
        labels_path: str | Path = "",
        measure_missing: bool = False,
        labels: str = "measured",
    ):
        self.name = check_choice("source", name, READERS)
        reader = READERS[name]
        self._read: Callable[[Entry], Reading] = reader.read
        if reader is exports:
            check_choice("labels", labels, exports.LABELS_OF)
            self._read = partial(exports.read, labels=labels)
        self.entries = reader.index(path, labels_path)
        self.measure_missing = bool(measure_missing)
        self.by_machine = reader is not hdf5_folder  # whose labels name no program
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
        """Ids of all records, including those that turn out to be unusable."""
        return [entry.record_id for entry in self.entries]

    @property
    def block_count(self) -> int:
        return -(-len(self.entries) // self.block_size)

    def block(self, number: int) -> Block:
        """The number-th block; processes read it if there are several blocks."""
        first = number * self.block_size
        entries = self.entries[first : first + self.block_size]
        starts = range(0, len(entries), PART)
        jobs = [(self._read, entries[s : s + PART], self.measure_missing) for s in starts]
        alone = self.block_count == 1 or processors() == 1
        parts = starmap(read_entries, jobs) if alone else gather(submit(read_entries, jobs))
        ids = [entry.record_id for entry in entries]
        return block_of(ids, chain.from_iterable(parts), self.by_machine)

    def recording(self, record_id: str) -> np.ndarray | None:
        """The whole ECG of a record: (8, time) in µV at 500 Hz, leads as INDEPENDENT_LEADS.

        None if the source contains its median beat only. Raises ValueError if it cannot be read.
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
) -> list[Reading | Rejected]:
    """Each record, or the reason why it is rejected, in the order of the entries."""
    return [attempted(partial(_read_entry, read, measure_missing), entry) for entry in entries]


def _read_entry(read: Callable[[Entry], Reading], measure_missing: bool, entry: Entry) -> Reading:
    """One record; raises Rejected for any fault.

    A damaged file can raise any error, whose message could contain patient data.
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
    if measure_missing:
        return replace(reading, labels=filled(reading.median, reading.labels))
    return reading


def _fingerprint(entries: list[Entry]) -> str:
    """A digest that changes with the records, their labels, patients and reasons."""
    digest = hashlib.sha256()
    for entry in entries:
        labels = b"" if entry.labels is None else entry.labels.tobytes()
        described = (entry.record_id, entry.reason, labels, entry.patient, entry.machine)
        digest.update(repr(described).encode())
    return digest.hexdigest()
