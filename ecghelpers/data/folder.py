"""The files of a folder as entries with record ids."""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from .checks import bad_id, shown_id, unreadable


@dataclass(frozen=True)
class Entry:
    """One record before it is read.

    member: its name within the ZIP file at path. labels: (13,) in the order of labels.LABELS, and
    machine: values of the machine, if a table has them. reason: why it is unusable; patient and
    rule: the patient and the origin of that id; each "" if unknown.
    """

    record_id: str
    path: str
    member: str = ""
    labels: np.ndarray | None = None
    machine: dict | None = None
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
    entries, pending = [], [os.path.abspath(folder)]
    while pending:
        place = pending.pop()
        try:
            children = list(os.scandir(place))
        except OSError as error:
            entries.append(Entry(os.path.basename(place), place, reason=unreadable(error)))
            continue
        for child in children:
            if child.name.startswith("."):
                continue
            # os.path.isdir: the entry's own is_dir raises for a circle of links
            if os.path.isdir(child.path):
                pending += [child.path] if deep and not child.is_symlink() else []
            elif child.name.lower().endswith(suffixes or ""):
                entries.append(Entry(os.path.splitext(child.name)[0], child.path))
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
    root = os.path.abspath(folder)
    relative = [PurePath(os.path.relpath(entry.full_path, root)) for entry in entries]
    same = defaultdict(list)
    for number, path in enumerate(relative):
        same[unicodedata.normalize("NFC", _stem(path))].append(number)
    named = {}
    for stem, numbers in same.items():
        stems = [str(relative[n].with_name(_stem(relative[n]))) for n in numbers]
        times = Counter(stems)
        for n, whole in zip(numbers, stems, strict=True):
            longer = whole if times[whole] == 1 else str(relative[n])
            named[n] = stem if len(numbers) == 1 else longer
    return [replace(entry, record_id=named[n]) for n, entry in enumerate(entries)]


def _stem(path: PurePath) -> str:
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem
