"""Source ``files``: a folder of exports in any mix of formats, with subfolders and ZIP files."""

import contextlib
import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

import numpy as np

from ..ecg import SAMPLING_RATE_HZ, TARGETS
from . import tables
from .checks import Rejected, as_int16, check_signal, read_bytes
from .folder import Entry, ids_from_paths, list_files, settle_ids
from .labels import label_row, parse_label
from .readers import read_member, read_source, zip_members
from .reading import Reading, digest_of, measured, own_targets, reading_of
from .recording import GE_12SL, Recording, Source

# Files that data sets have beside their ECGs; they are skipped silently.
BESIDE = ("records", "sha256sums.txt", "license.txt", "license", "readme.md", "readme.txt")
BESIDE += (tables.FEATURES, *tables.PATIENT_TABLES)
LABELS_OF = ("measured", "12sl")


def index(folder: str | Path, labels_path: str | Path = "") -> list[Entry]:
    """All files of a folder and its subfolders that may contain an ECG, sorted by record id.

    Signal and annotation files of WFDB records belong to their headers and are no entries.
    """
    if labels_path:
        raise ValueError("source files reads labels from its files; leave labels_path empty")
    entries = [e for e in list_files(folder, deep=True) if not _is_beside(e.path)]
    entries = [part for entry in entries for part in _members(entry)]
    paths = {(e.full_path).lower() for e in entries}
    headers = {path[:-4] for path in paths if path.endswith(".hea")}
    kept = [e for e in entries if not _is_companion(e.full_path.lower(), headers)]
    if not kept:
        raise ValueError(f"source_path {folder} contains no ECG file; give the folder of them")
    named = ids_from_paths(kept, folder)
    return settle_ids(_with_tables(named, folder), partial(unicodedata.normalize, "NFC"))


def _is_beside(path: str) -> bool:
    return os.path.basename(path).lower() in BESIDE


def _is_companion(path: str, headers: set[str]) -> bool:
    """Whether a file belongs to a WFDB header: a.dat, a.atr, and a.mat of a.hea or a.mat.hea."""
    return not path.endswith(".hea") and (path in headers or os.path.splitext(path)[0] in headers)


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
    return [replace(entry, member=name) for name in names if not _is_beside(name)]


def _with_tables(entries: list[Entry], folder: str | Path) -> list[Entry]:
    """Add patients and 12SL's features from the tables of data sets."""
    patients = tables.tables_beside(folder)
    places = [p / sub / tables.FEATURES for p in tables.above(folder) for sub in ("", "features")]
    features = next((tables.read_features(p) for p in places if p.is_file()), {})
    found = []
    for entry in entries:
        who, rule = tables.patient_of(entry.full_path, patients)
        key = tables.id_key(PurePath(entry.full_path).stem.removesuffix("_medians"))
        found.append(replace(entry, patient=who, rule=rule, machine=features.get(key)))
    return found


def source_of(entry: Entry) -> Source:
    """The bytes of an entry, with access to the files beside it."""
    name = PurePath(entry.full_path).name
    if not entry.member:
        folder = Path(entry.path).parent
        return Source(name, read_bytes(entry.path), _beside(folder), entry.path)
    within = PurePath(entry.member).parent
    return Source(
        name,
        read_member(entry.path, entry.member),
        lambda other: read_member(entry.path, str(within / other)),
        entry.full_path,
    )


def _beside(folder: Path) -> Callable[[str], bytes]:
    return lambda name: read_bytes(folder / name)


def recording_of(entry: Entry) -> Recording:
    """The recording of an entry; a table's values of a 12SL median beat are the machine's."""
    recording = read_source(source_of(entry))
    if recording.ecg_uv is None and entry.machine and recording.program == GE_12SL:
        return replace(recording, machine=entry.machine)
    return recording


def read(entry: Entry, labels: str = "measured") -> Reading:
    """Read and measure one record; raises Rejected.

    labels: ``measured`` here on the recording, or ``12sl``: the median beat, labels and fiducials
    that 12SL stored in the file.
    """
    recording = recording_of(entry)
    if recording.ecg_uv is not None:
        check_signal(recording.ecg_uv, recording.rate_hz)
    else:
        check_signal(recording.median_uv, SAMPLING_RATE_HZ)
    if labels == "12sl":
        reading = Reading(*_by_12sl(recording), own=own_targets(recording))
    else:
        reading = reading_of(measured(recording))
    who, rule = entry.patient, entry.rule
    if rule not in tables.PATIENT_TABLES and (in_file := tables.patient_key(recording.patient)):
        who, rule = in_file, tables.IN_FILE
    signal = recording.median_uv if recording.ecg_uv is None else recording.ecg_uv
    return replace(
        reading,
        patient=who,
        rule=rule,
        machine=_machine(recording),
        program=recording.program,
        digest=digest_of(signal),
    )


def _by_12sl(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    why = ""
    if "12SL" not in recording.program:
        why = f"measured by {recording.program or 'no program'}"
    elif recording.median_uv is None:
        why = "the file contains no median beat"
    elif not np.isfinite(list(recording.targets.values())).any():
        why = f"no values beside the median beat; of PTB-XL+ put {tables.FEATURES} into the folder"
    if why:
        raise Rejected(f"no labels of 12SL: {why}; or use labels: measured")
    return as_int16(recording.median_uv), label_row(recording.machine)


def _machine(recording: Recording) -> np.ndarray:
    """(7,) the machine's targets; impossible values count as missing."""
    row = np.full(len(TARGETS), np.nan, np.float32)
    for place, (name, value) in enumerate(recording.targets.items()):
        with contextlib.suppress(Rejected):
            row[place] = parse_label(name, value)
    return row
