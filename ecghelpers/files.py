"""Atomic writes, digests, and caches from which an interrupted step resumes."""

import contextlib
import glob
import hashlib
import json
import os
import platform
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from . import __version__

ROWS_AT_ONCE = 4096  # of an array that is read to be digested


def provenance() -> dict[str, str]:
    """Versions of everything that a result depends on."""
    packages = ("torch", "captum", "numpy", "scipy", "h5py", "deepfake-ecg")
    versions = {"ecghelpers": __version__, "python": platform.python_version()}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside path; rename it to path if the block ends without an error.

    A file that exists is therefore complete, even after a kill. Raises OSError, naming the path, if
    it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_temporaries(path)
        temporary.touch()
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}; free or change the folder") from None
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(path: str | Path) -> None:
    """Remove the temporary files that a killed atomic_write of this path left behind."""
    path = Path(path)
    before, after = f".{path.name}.", ".part"
    for temporary in path.parent.glob(f"{glob.escape(before)}*{after}"):
        # keep those of "a.b" when the path is "a"; the part between contains no dot
        if "." not in temporary.name[len(before) : -len(after)]:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: dict) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_table(table, path: str | Path) -> None:
    """Write a pandas table as CSV, atomically."""
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(path: str | Path, words: Iterable[str], numbers: Iterable[str] = ()):
    """Read a CSV table of a results folder with pandas.

    words, numbers: required columns of text and of numbers (or NaN). Raises ValueError for a file
    that is no table, lacks a column or has text in place of a number.
    """
    import pandas as pd

    try:
        as_text = {"record_id": str}  # also where every id is a number, or reads NA
        table = pd.read_csv(path, dtype=as_text, keep_default_na=False, na_values=[""])
        if missing := [name for name in (*words, *numbers) if name not in table]:
            raise ValueError(f"without a column {missing[0]!r}")
        return table.assign(**{name: pd.to_numeric(table[name]) for name in numbers})
    except (ValueError, OSError) as error:
        why = " ".join(str(error).split())[:120]
        raise ValueError(f"{path} cannot be read ({why}); {remedy(path)}") from None


MADE_BY = {  # the notebook that makes a file of a results folder
    **dict.fromkeys(("medians.h5", "strips.h5", "events.csv", "rejected.csv"), "01"),
    **dict.fromkeys(("model.safetensors", "training.json", "metrics.json"), "02"),
    **{"metrics.csv": "03", "attributions.h5": "04"},
    **dict.fromkeys(("intervention.h5", "perturbation.h5"), "06"),
    **{"scores.csv": "07", "truth.csv": "08", "effects.csv": "08"},
    **dict.fromkeys(("review.csv", "aopc.csv"), "09"),
}


def remedy(path: str | Path) -> str:
    """How to make a file again that is absent or damaged."""
    path = Path(path)
    number = "07" if "planted" in path.parts else MADE_BY.get(path.name)
    step = f"step {number}" if number else "the step that made it"
    if path.exists():
        return f"delete it, and ./run_all.sh makes it again ({step})"
    return f"./run_all.sh makes it ({step})"


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's content."""
    with open(path, "rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def array_digest(*arrays: np.ndarray) -> str:
    """The SHA-256 of the types, shapes and values of arrays of numbers."""
    digest = hashlib.sha256()
    for array in arrays:
        rows = array if array.ndim else np.ascontiguousarray(array)
        digest.update(f"{rows.dtype.str} {rows.shape}".encode())
        for first in range(0, len(rows), ROWS_AT_ONCE):  # a large array may lie in a file
            part = np.ascontiguousarray(rows[first : first + ROWS_AT_ONCE])
            digest.update(part.view(np.uint8).data if part.size else b"")
    return digest.hexdigest()


def directory_digest(path: str | Path) -> str:
    """How many files a folder and its subfolders hold, and a digest of names, sizes and times.

    Hidden files do not count, nor do folders behind links, which may form cycles. path may also be
    a single file. Unreadable entries count by their name.
    """
    lines, pending = [], [str(path)]
    while pending:
        place = pending.pop()
        size_and_time: tuple = ()
        with contextlib.suppress(OSError):
            status = os.stat(place)
            if not stat.S_ISDIR(status.st_mode):
                size_and_time = (status.st_size, status.st_mtime_ns)
            elif place == str(path) or not os.path.islink(place):
                names = (name for name in os.listdir(place) if not name.startswith("."))
                pending += [os.path.join(place, name) for name in names]
                continue
        lines.append(repr((os.path.relpath(place, path), *size_and_time)))
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return f"{len(lines)} files {digest[:16]}"


class ResumeCache:
    """Finished pieces of a long computation, kept beside its output until its step has ended.

    Each piece is a dict of arrays in its own file, from which a killed run resumes. Pieces made
    with other settings are deleted, so settings must hold all that determines them, such as digests
    of data and code. The runner of a step calls ``remove_resume_cache`` at its end.
    """

    def __init__(self, output: str | Path, settings: dict):
        self.folder = resume_folder(output)
        content = json.dumps({**settings, "version": provenance()}, sort_keys=True)
        note = self.folder / "settings.json"
        # compared as bytes, since a damaged file may not be text
        if not note.is_file() or note.read_bytes() != content.encode():
            remove_resume_cache(output)
            write_text(note, content)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"

    def save(self, name: str, **arrays: np.ndarray) -> None:
        with atomic_write(self.path(name)) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a piece, or None if it is absent or damaged."""
        try:
            with np.load(self.path(name), allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception:  # a damaged zip file can raise many errors; the piece is computed again
            return None


def remove_resume_cache(output: str | Path) -> None:
    """Remove the pieces kept for an output."""
    shutil.rmtree(resume_folder(output), ignore_errors=True)


def resume_folder(output: str | Path) -> Path:
    """The hidden folder beside an output that holds its unfinished state."""
    output = Path(output)
    return output.with_name(f".{output.name}.pieces")
