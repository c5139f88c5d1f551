"""Records from files: a folder of exports, a 12SL export with its table, a folder of HDF5 files.

FileSource is a build.Source: its records, in the order of their ids, are divided into numbered
blocks, so that an interrupted import can resume.
"""

import hashlib
import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..ecg import INDEPENDENT_ROWS, TARGETS
from ..files import directory_digest
from ..measurement.filters import to_500_hz
from ..validation import check_choice
from . import tables
from .checks import Rejected, as_int16, bad_id, check_signal, rejecting, result_or_reason
from .folder import Entry, ids_from_paths, list_files, settle_ids
from .labels import check_order, label_row
from .medians import Medians
from .parallel import in_parts
from .readers import ge12sl, read_source, wfdb, with_folder, zip_members
from .reading import Reading, block_of, digest_of, measured, measured_labels, reading_of
from .recording import GE_12SL, Recording, Source

LABELS_OF = ("measured", "12sl")
GIVEN = "given"  # labels of the sources 12sl and hdf5: those of the table or the file
# Files that data sets keep beside their ECGs; they are skipped silently.
BESIDE = ("records", "sha256sums.txt", "license.txt", "license", "readme.md", "readme.txt")
BESIDE += (tables.FEATURES, *tables.PATIENT_TABLES)


def index_files(folder: str | Path) -> list[Entry]:
    """All files of a folder and its subfolders that may contain an ECG, sorted by record id.

    Signal and annotation files of WFDB records belong to their headers, which are the entries.
    """
    entries = [part for entry in list_files(folder, deep=True) for part in _members(entry)]
    entries = [e for e in entries if os.path.basename(e.full_path).lower() not in BESIDE]
    paths = [entry.full_path.lower() for entry in entries]
    headers = {path.removesuffix(".hea") for path in paths if path.endswith(".hea")}
    both = zip(entries, paths, strict=True)
    kept = [e for e, path in both if path.endswith(".hea") or not wfdb.belongs(path, headers)]
    if not kept:
        raise ValueError(f"source_path {folder} contains no ECG file; give the folder of them")
    named = ids_from_paths(kept, folder)
    return settle_ids(_with_tables(named, folder), partial(unicodedata.normalize, "NFC"))


def _members(entry: Entry) -> list[Entry]:
    """The files in a ZIP file; any other file unchanged."""
    if entry.reason or not entry.path.lower().endswith(".zip"):
        return [entry]
    try:
        names = zip_members(entry.path)
    except Rejected as reason:
        return [replace(entry, reason=str(reason))]
    if not names:
        return [replace(entry, reason="empty: a ZIP file without files")]
    return [replace(entry, member=name) for name in names]


def _with_tables(entries: list[Entry], folder: str | Path) -> list[Entry]:
    """Add patients and 12SL's features from the tables of data sets."""
    patients = tables.tables_beside(folder)
    path = tables.file_beside(folder, tables.FEATURES, f"features/{tables.FEATURES}")
    features = tables.read_features(path) if path else {}
    found = []
    for entry in entries:
        who, rule = tables.patient_of(entry.full_path, patients)
        machine = features.get(tables.record_key(entry.full_path))
        found.append(replace(entry, patient=who, rule=rule, machine=machine))
    return found


def index_12sl(folder: str | Path, labels_path: str | Path) -> list[Entry]:
    """All records of a folder of CSV files and a label table, sorted by id.

    Files are found by listing the folder: no id of the table becomes a path.
    """
    rows = tables.read_label_table(labels_path)
    no_row = Entry("", "", reason="no label row: this id is not in the label table")
    no_file = "no file: this id is in the label table, but not in the folder"
    entries, used = [], set()
    for file in list_files(folder, (".csv",)):
        if os.path.realpath(file.path) != os.path.realpath(labels_path):
            key = tables.id_key(file.record_id)
            used.add(key)
            entries.append(replace(rows.get(key, no_row), record_id=file.record_id, path=file.path))
    for key in rows.keys() - used:
        entries.append(replace(rows[key], reason=bad_id(key) or rows[key].reason or no_file))
    return settle_ids(entries, tables.id_key)


def index_hdf5(folder: str | Path) -> list[Entry]:
    """All HDF5 files of a folder, sorted by record id."""
    return settle_ids(list_files(folder, (".h5", ".hdf5")))


# How the records of a source are found and read, and its only labels; "" lets the user choose.
READERS = {
    "files": (index_files, read_source, ""),
    "12sl": (index_12sl, ge12sl.read, GIVEN),
    "hdf5": (index_hdf5, read_source, GIVEN),
    "wfdb": (index_files, read_source, ""),
}


class FileSource:
    """The records of a folder; files that cannot be used are rejected with the reason.

    name: a key of READERS. labels_path: the label table of a 12SL export. measure_missing: measure
    missing labels on the median beat. labels: for the sources files and wfdb, ``measured`` by this
    package, or those that ``12sl`` stored in the file. Raises ValueError or FileNotFoundError if
    there is nothing to read.
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
        index, self.reader, only_labels = READERS[name]
        if name == "12sl" and not labels_path:
            raise ValueError("source 12sl needs labels_path, the table with the 12SL labels")
        if name != "12sl" and labels_path:
            raise ValueError(f"source {name} reads labels from its files; leave labels_path empty")
        self.entries = index(path, *([labels_path] if labels_path else []))
        self.block_count = -(-len(self.entries) // self.block_size)
        self.labels = only_labels or check_choice("labels", labels, LABELS_OF)
        self.measure_missing = bool(measure_missing)
        self.attributes = {"measure_missing": self.measure_missing, "labels": labels}
        entries = hashlib.sha256(repr(self.entries).encode(errors="backslashreplace")).hexdigest()
        self.settings = {
            "records": len(self.entries),
            "block_size": self.block_size,
            "files": f"{directory_digest(path)}; {entries}",
            **self.attributes,
        }

    def block(self, number: int) -> tuple[Medians, list[tuple[str, str]]]:
        """The records of the number-th block, and (record id, reason) of the rejected ones."""
        entries = self.entries[number * self.block_size : (number + 1) * self.block_size]
        results = in_parts(read_entries, entries, self.reader, self.labels, self.measure_missing)
        return block_of([entry.record_id for entry in entries], results)

    def recording(self, record_id: str) -> np.ndarray | None:
        """The whole ECG of a record: (8, time) in µV at 500 Hz, leads as INDEPENDENT_LEADS.

        None if the source contains its median beat only. Raises ValueError if it cannot be read.
        """
        entry = next(entry for entry in self.entries if entry.record_id == record_id)
        recording = recording_of(entry, self.reader)
        if recording.ecg_uv is None:
            return None
        return to_500_hz(recording.ecg_uv[INDEPENDENT_ROWS], recording.rate_hz)


def read_entries(entries: list[Entry], *how) -> list[Reading | Rejected]:
    """Each record, or the reason why it is rejected. how: the further arguments of ``read``."""
    return [result_or_reason(read, entry, *how) for entry in entries]


def recording_of(entry: Entry, reader: Callable[[Source], Recording]) -> Recording:
    """The recording of an entry.

    For a median beat of 12SL alone, the values of a table beside the files are the machine's.
    """
    source = replace(with_folder(entry.path, entry.member), path=entry.full_path)
    recording = reader(source)
    if recording.ecg_uv is None and entry.machine and recording.program == GE_12SL:
        return replace(recording, machine=entry.machine)
    return recording


@rejecting("unreadable:")
def read(
    entry: Entry, reader: Callable[[Source], Recording], labels: str, measure_missing: bool
) -> Reading:
    """One record; raises Rejected.

    labels: ``measured``: by this package, on the recording; GIVEN: those of the file or its table,
    with its median beat; ``12sl``: the same, but only if 12SL made them.
    """
    if entry.reason:
        raise Rejected(entry.reason)
    recording = recording_of(entry, reader)
    check_signal(recording.signal_uv, recording.rate_hz)
    if labels == "measured":
        reading = reading_of(measured(recording))
    else:
        if labels == "12sl":
            _check_12sl(recording)
        if recording.median_uv is None:
            raise Rejected("no medians: the file contains no median beat")
        reading = Reading(as_int16(recording.median_uv), label_row(recording.machine))
        if recording.program:
            reading = replace(reading, measured=measured_labels(recording)[: len(TARGETS)])
    check_order(reading.labels)
    if measure_missing and np.isnan(reading.labels).any():
        reading = replace(reading, labels=_filled(reading))
    who, rule = entry.patient, entry.rule
    if rule not in tables.PATIENT_TABLES and (in_file := tables.patient_key(recording.patient)):
        who, rule = in_file, tables.IN_FILE
    return replace(
        reading,
        patient=who,
        rule=rule,
        machine=list(recording.targets.values()) if recording.program else reading.machine,
        program=recording.program,
        digest=digest_of(recording.signal_uv),
    )


def _check_12sl(recording: Recording) -> None:
    """Raise Rejected unless a file contains a median beat and values of 12SL."""
    why = ""
    if "12SL" not in recording.program:
        why = f"measured by {recording.program or 'no program'}"
    elif recording.median_uv is None:
        why = "the file contains no median beat"
    elif not np.isfinite(list(recording.targets.values())).any():
        why = f"no values beside the median beat; of PTB-XL+ put {tables.FEATURES} into the folder"
    if why:
        raise Rejected(f"no labels of 12SL: {why}; or use labels: measured")


def _filled(reading: Reading) -> np.ndarray:
    """(13,) the labels, the missing ones measured on the median beat if possible."""
    machine = {"VentRate": reading.labels[0]}
    beat = Recording("", None, median_uv=reading.median, machine=machine)
    return np.where(np.isnan(reading.labels), measured_labels(beat), reading.labels)
