"""ECG files of a user's own: read and measured, or refused with one line of explanation."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import numpy as np

from ..data.checks import Rejected, one_line
from ..data.rhythm_strips import strip_of
from ..ecg import FIDUCIALS
from .results_folder import Record

LONGEST_NAME = 80
MOST_ZIPPED = 20  # files in a ZIP file, which are read at once
COMPANIONS = (".dat", ".mat", ".xyz")  # signals of a WFDB header of the same name


def read_uploads(files: Sequence[tuple[str, bytes]]) -> list[tuple[str, Record | str]]:
    """By shown name, the record of each file (name, content), or the reason why there is none.

    A WFDB header finds its signals among the files that came with it; those of the only header may
    be renamed. Files of a ZIP file count as if they came without it.
    """
    from ..data.readers import read_recording

    files = [part for name, content in files for part in _unzipped(name, content)]
    beside = {PureWindowsPath(name).name: content for name, content in files}
    headers = {Path(name).stem for name in beside if name.lower().endswith(".hea")}
    uploads = []
    for name, content in beside.items():
        path = Path(name)
        if path.suffix.lower() in COMPANIONS and (path.stem in headers or len(headers) == 1):
            continue
        try:
            found = own_record(read_recording(content, name, beside))
        except (ValueError, OSError) as error:
            found = one_line(error)
        uploads.append((shown_name(name), found))
    return uploads


def _unzipped(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """The files in a ZIP file of a few; any other file unchanged, to be judged."""
    from ..data.readers import read_member, zip_members

    file = io.BytesIO(content)
    with contextlib.suppress(Rejected):
        paths = zip_members(file) if content.startswith(b"PK\3\4") else []
        names = [path.rpartition("/")[2] for path in paths]
        if len(set(names)) < len(paths):
            names = [path.replace("/", " ") for path in paths]
        if 1 < len(paths) <= MOST_ZIPPED:
            return [(n, read_member(file, path)) for n, path in zip(names, paths, strict=True)]
    return [(name, content)]


def shown_name(name: str) -> str:
    """A file's name as it may be shown: printable, not empty, not too long."""
    plain = "".join(c if c.isprintable() else "_" for c in name).strip("._ ") or "unnamed file"
    path = Path(plain)
    return path.stem[:LONGEST_NAME] + path.suffix[:5]


def own_record(recording) -> Record:
    """The record of a ``data.recording.Recording``. Raises ValueError where no beat is found."""
    from ..data.reading import measured

    found, strip, beat = measured(recording), None, recording.median_uv
    if recording.ecg_uv is not None:
        beat = found.median_uv
        strip = strip_of(recording.ecg_uv, recording.rate_hz)
    beat, marks = np.asarray(beat, float), found.fiducials
    if not (np.isfinite(beat).all() and np.isfinite(marks["qonset"])):
        raise ValueError(f"no beat to show: {found.reasons.get('qonset', 'none could be formed')}")
    fiducials = np.array([marks[name] for name in FIDUCIALS], float)
    targets = dict(found.targets)
    return Record(beat, fiducials, targets, strip, recording.targets, recording.program)
