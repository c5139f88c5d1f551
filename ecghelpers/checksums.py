"""Checksums of the files that steps make, to find damaged ones before they are used."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

FOLDER = ".checksums"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(results: Path, name: str) -> Path:
    return results / FOLDER / f"{name}.sha256"


def forget(results: Path, files: Iterable[str]) -> None:
    """Drop the checksums of files that are about to be made again."""
    for name in files:
        _note(results, name).unlink(missing_ok=True)


def record(results: Path, files: Iterable[str]) -> None:
    """Note the checksums of files of a results folder; each stands in a file of its own."""
    for name in files:
        note = _note(results, name)
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary = note.with_name(f"{note.name}.{os.getpid()}")
        temporary.write_text(f"{sha256(results / name)}  {name}\n", encoding="utf-8")
        temporary.replace(note)


def damaged(results: Path) -> list[str]:
    """The files of a results folder whose content is no longer what the step that made them noted.

    Files that are gone, and files without a note, are not among them.
    """
    found = []
    for note in sorted((results / FOLDER).rglob("*.sha256")):
        name = str(note.relative_to(results / FOLDER).with_suffix(""))
        try:
            expected = note.read_text(encoding="utf-8").split()[0]
        except IndexError:
            continue
        path = results / name
        if path.is_file() and sha256(path) != expected:
            found.append(name)
    return found
