"""Checksums of the files that steps make, to find damaged ones before they are used."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from .files import sha256, write_text

FOLDER = ".checksums"
ASIDE = ".damaged"  # at the end of a damaged file's name, until the file is made again


def _note(results: Path, name: str) -> Path:
    return results / FOLDER / f"{name}.sha256"


def forget(results: Path, files: Iterable[str]) -> None:
    """Drop the checksums of files that are about to be made again."""
    for name in files:
        _note(results, name).unlink(missing_ok=True)


def record(results: Path, files: Iterable[str]) -> None:
    """Note the checksums of files of a results folder; each stands in a file of its own."""
    for name in files:
        (results / f"{name}{ASIDE}").unlink(missing_ok=True)
        write_text(_note(results, name), f"{sha256(results / name)}  {name}\n")


def set_aside(results: Path, name: str) -> None:
    """Rename a damaged file, so that no step reads it and its own makes it again."""
    (results / name).replace(results / f"{name}{ASIDE}")
    forget(results, [name])


def mend_times(results: Path) -> None:
    """Give files that a wrong clock dated in the future the time of now.

    Snakemake would take whatever is made from them for older than they are.
    """
    now = time.time()
    for path in _noted(results).values():
        if path.is_file() and path.stat().st_mtime > now:
            os.utime(path, (now, now))


def _noted(results: Path) -> dict[Path, Path]:
    """Each note of a checksum with the file that it is about."""
    notes = sorted((results / FOLDER).rglob("*.sha256"))
    return {note: results / note.relative_to(results / FOLDER).with_suffix("") for note in notes}


def _digest(note: Path) -> str:
    """The checksum that a note holds; "" for a note that is itself damaged, which fits no file."""
    try:
        return (note.read_text(encoding="utf-8").split() or [""])[0]
    except (OSError, UnicodeDecodeError):
        return ""


def damaged(results: Path) -> list[str]:
    """The files of a results folder whose content is no longer what the step that made them noted.

    A note that cannot be read vouches for nothing: its file is among them. Files that are gone, and
    files without a note, are not.
    """
    found = []
    for note, path in _noted(results).items():
        if path.is_file() and sha256(path) != _digest(note):
            found.append(str(path.relative_to(results)))
    return found
