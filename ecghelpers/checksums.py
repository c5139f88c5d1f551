"""Notes of what each step made: Snakemake's outputs, and what finds files that are no longer so.

A note ``.checksums/<name>.sha256`` holds the checksum of the file (or folder) <name> of a results
folder. Snakemake sees the notes alone: it deletes a step's outputs before the step runs, and what
an earlier run made must outlive that; and notes are small enough that it compares them by content,
so that a copy of a results folder needs none of its times.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from .files import sha256, write_json, write_text

FOLDER, SUFFIX = ".checksums", ".sha256"
DAMAGED = ".damaged"  # at the end of a damaged file's name, until the file is made again
BY_HAND = ".by_hand"  # of one that was written since by something else: it is kept
BEFORE = ".before"  # of an executed notebook that is whole, while its step runs again or has failed
CLOCK_S = 10  # by which a file server's clock may be ahead


def note(name: str) -> str:
    """The note of a file, both as seen from the results folder."""
    return f"{FOLDER}/{name}{SUFFIX}"


def noted(note: str) -> str:
    """The file that a note is about."""
    return note.removeprefix(f"{FOLDER}/").removesuffix(SUFFIX)


def drop_notes(results: Path, files: Iterable[str]) -> None:
    """Drop the notes of files that are about to be made again."""
    for name in files:
        _remove(results / note(name))


def record(results: Path, files: Iterable[str]) -> None:
    """Note the checksums of files of a results folder; each stands in a file of its own."""
    for name in files:
        _remove(results / f"{name}{DAMAGED}")
        _remove(results / f"{name}{BEFORE}")
        write_text(results / note(name), f"{_digest(results / name)}  {name}\n")


def keep_before(results: Path, notebook: str) -> None:
    """Keep an executed notebook that is whole: an attempt that fails takes its place."""
    if _is_notebook(results / notebook):
        (results / notebook).replace(results / f"{notebook}{BEFORE}")


def origin(results: Path, settings: Iterable[str], inputs: Iterable[str]) -> str:
    """What a step makes its files from: a digest of its settings and of its inputs' notes."""
    ingredients = [*settings, *(_note_content(results / name) for name in sorted(inputs))]
    return hashlib.sha256("\n".join(ingredients).encode(errors="surrogateescape")).hexdigest()


def remember(results: Path, step: str, origin: str, files: Iterable[str]) -> None:
    """Keep what a step has made, and from what, where Snakemake does not delete it."""
    made = {name: _note_content(results / note(name)) for name in files}
    write_json(results / FOLDER / "steps" / f"{step}.json", {"origin": origin, "files": made})


def restore(results: Path, step: str, origin: str) -> bool:
    """Whether all that a step once made from this origin is still there; its notes then are too.

    So a step that failed, or that runs for what was put right again, costs nothing made before.
    """
    try:
        path = results / FOLDER / "steps" / f"{step}.json"
        made = json.loads(path.read_text(encoding="utf-8"))
        if made["origin"] != origin:
            return False
        before = {name: results / f"{name}{BEFORE}" for name in made["files"]}
        held = {name: b if b.exists() else results / name for name, b in before.items()}
        if not all(sum_ and _same(held[name], sum_) for name, sum_ in made["files"].items()):
            return False
        for name, path in held.items():
            path.replace(results / name)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    record(results, made["files"])
    return True


def set_aside(results: Path, name: str, state: str) -> str:
    """Rename a file that is not what its step made, and drop its note; returns its new name.

    So no step reads it, and its own makes it again. What is only gone has no new name ("").
    """
    drop_notes(results, [name])
    if state == "gone":
        return ""
    aside = f"{name}{BY_HAND if state == 'changed' else DAMAGED}"
    while state == "changed" and (results / aside).exists():
        aside += "+"
    _remove(results / f"{name}{DAMAGED}")
    (results / name).replace(results / aside)
    return aside


def mend_times(results: Path) -> None:
    """Give notes that a wrong clock dated in the future the time of now.

    Snakemake would take whatever is made from them for older than they are.
    """
    now = time.time()
    for path in _notes(results):
        if path.stat().st_mtime > now:
            os.utime(path, (now, now))


def altered(results: Path) -> dict[str, str]:
    """By name, the files of a results folder that are not what their step made.

    ``gone``; ``changed``: whole as it may be, something else wrote it since; ``damaged``: the rest,
    such as bytes that a disk lost, and files whose note cannot be read, as it vouches for nothing.
    A notebook that its reader saved again is none of these.
    """
    states = {}
    for path in _notes(results):
        name = noted(str(path.relative_to(results)))
        state = _state(results / name, path)
        if state:
            states[name] = state
    return states


def _state(path: Path, note: Path) -> str:
    checksum = _note_content(note)
    if not path.exists():
        return "gone"
    if checksum and _same(path, checksum):
        return ""
    later = path.stat().st_mtime > note.stat().st_mtime + CLOCK_S
    return "changed" if checksum and later and path.is_file() else "damaged"


def _same(path: Path, checksum: str) -> bool:
    return _digest(path) == checksum or (path.suffix == ".ipynb" and _is_notebook(path))


def _is_notebook(path: Path) -> bool:
    """Whether a file is a notebook that ran to its end, whoever saved it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        failed = content["metadata"].get("papermill", {}).get("exception", False)
        return bool(content["cells"]) and not failed
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _notes(results: Path) -> list[Path]:
    return sorted((results / FOLDER).rglob(f"*{SUFFIX}"))


def _note_content(note: Path) -> str:
    """The checksum that a note holds; "" for a note that is itself damaged, which fits no file."""
    try:
        return (note.read_text(encoding="utf-8").split() or [""])[0]
    except (OSError, UnicodeDecodeError):
        return ""


def _digest(path: Path) -> str:
    """The SHA-256 of a file, or of the names and contents in a folder; of nothing else ""."""
    if path.is_file():
        return sha256(path)
    if not path.is_dir():
        return ""
    lines = [
        f"{sha256(file)}  {file.relative_to(path)}"
        for file in sorted(path.rglob("*"))
        if file.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
