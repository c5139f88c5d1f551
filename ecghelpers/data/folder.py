"""The files of a folder as entries with record ids."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from .checks import bad_id, shown_id, unreadable


@dataclass(frozen=True)
class Entry:
    """One record before it is read.

    member: its name within the ZIP file at path. machine: values of the machine from a table, as
    Recording.machine, if any. reason: why it is unusable; patient and rule: the patient and the
    origin of that id; each "" if unknown.
    """

    record_id: str
    path: str
    member: str = ""
    machine: Mapping[str, float] | None = None
    reason: str = ""
    patient: str = ""
    rule: str = ""

    @property
    def full_path(self) -> str:
        """Path of the file, and of the member in it."""
        return f"{self.path}/{self.member}" if self.member else self.path


def list_files(
    folder: str | Path, suffixes: tuple[str, ...] = (), deep: bool = False
) -> list[Entry]:
    """An entry for each file of a folder with one of the suffixes (in any case), not hidden.

    The record id is the file's name. deep: include subfolders, but not through links, which could
    form a circle; an unreadable one is an entry with that reason. Raises FileNotFoundError or
    ValueError for a missing folder or one without such files.
    """
    kinds = " or ".join(f"*{suffix}" for suffix in suffixes) or "ECG"
    if not os.path.isdir(folder):
        what = "is a file" if os.path.exists(folder) else "does not exist"
        raise FileNotFoundError(f"source_path {folder} {what}; give the folder of {kinds} files")
    entries = []

    def skip(error: OSError) -> None:
        path = error.filename
        entries.append(Entry(os.path.basename(path), path, reason=unreadable(error)))

    for place, folders, names in os.walk(os.path.abspath(folder), onerror=skip):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and name.lower().endswith(suffixes or ""):
                entries.append(Entry(os.path.splitext(name)[0], os.path.join(place, name)))
    if not entries:
        raise ValueError(f"source_path {folder} contains no {kinds} file; give the folder of them")
    return entries


def settle_ids(entries: list[Entry], key: Callable[[str], str] = str) -> list[Entry]:
    """Sort by record id; reject every record with an invalid or a duplicate id."""
    same = defaultdict(list)
    for entry in entries:
        same[key(entry.record_id)].append(entry)
    settled = []
    for group in same.values():
        names = " and ".join(sorted(shown_id(os.path.basename(e.path)) for e in group)[:3])
        duplicate = f"duplicate id: {len(group)} files, {names}" if len(group) > 1 else ""
        for entry in group:
            reason = entry.reason or bad_id(entry.record_id) or duplicate
            settled.append(replace(entry, record_id=shown_id(entry.record_id), reason=reason))
    return sorted(settled, key=lambda entry: (entry.record_id, entry.full_path))


def ids_from_paths(entries: list[Entry], folder: str | Path) -> list[Entry]:
    """Name every record by its file without suffix, or by its path if that is not unique."""
    paths = [PurePath(os.path.relpath(entry.full_path, folder)) for entry in entries]
    plain = [p.with_suffix("") if p.suffix.lower() == ".gz" else p for p in paths]
    names = pd.DataFrame({
        "stem": [unicodedata.normalize("NFC", path.stem) for path in plain],
        "path": [str(path.with_suffix("")) for path in plain],
        "file": list(map(str, paths)),
    })  # fmt: skip
    twice = names.apply(lambda column: column.duplicated(keep=False))
    longer = np.where(twice["path"], names["file"], names["path"])
    ids = np.where(twice["stem"], longer, names["stem"])
    return [replace(entry, record_id=name) for entry, name in zip(entries, ids, strict=True)]
