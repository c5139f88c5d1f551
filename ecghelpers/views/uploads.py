"""ECG files of a user's own: read and measured, or refused with one line of explanation."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np

from ..data.checks import one_line
from ..data.rhythm_strips import Strip, strip_of
from ..ecg import FIDUCIALS

LONGEST_NAME = 80
COMPANIONS = (".dat", ".mat", ".xyz")  # signals of a WFDB header of the same name


@dataclass(frozen=True)
class OwnRecord:
    """A record that is not in the results: (12, 600) µV, (6,) fiducials, measured targets.

    strip: its rhythm strip, None where the file holds a median beat alone. machine: target → the
    electrocardiograph's value, NaN where it stored none; program: the name of its software.
    """

    beat_uv: np.ndarray
    fiducials: np.ndarray
    targets: dict[str, float]
    strip: Strip | None = None
    machine: Mapping[str, float] = field(default_factory=dict)
    program: str = ""


@dataclass(frozen=True)
class Upload:
    """The result of one file: a record, or the reason why there is none."""

    name: str
    record: OwnRecord | None = None
    reason: str = ""


def read_uploads(files: Iterable[tuple[str, bytes]]) -> list[Upload]:
    """The records among files (name, content) of any name and content; errors become reasons.

    A WFDB header finds its signals among the files that came with it.
    """
    beside = {re.split(r"[\\/]", name)[-1]: content for name, content in files}
    headers = {PurePath(name).stem for name in beside if name.lower().endswith(".hea")}

    def signals(path: PurePath) -> bool:
        """Whether a file holds the signals of a header; those of the only one may be renamed."""
        return path.suffix.lower() in COMPANIONS and (path.stem in headers or len(headers) == 1)

    return [
        read_upload(name, content, beside)
        for name, content in beside.items()
        if not signals(PurePath(name))
    ]


def read_upload(
    name: str, source: bytes | Path, beside: Mapping[str, bytes] | None = None
) -> Upload:
    """The record of one file of this name. beside: the files that came with it."""
    from ..data.readers import read_recording

    try:
        return Upload(shown_name(name), own_record(read_recording(source, name, beside)))
    except (ValueError, OSError) as error:
        return Upload(shown_name(name), reason=one_line(error))


def shown_name(name: str) -> str:
    """A file's name as it may be shown: printable, not empty, not too long."""
    plain = "".join(c if c.isprintable() else "_" for c in name).strip()
    if not plain.strip("._ "):
        return "unnamed file"
    path = Path(plain)
    stem = path.stem if len(path.stem) <= LONGEST_NAME else f"{path.stem[:LONGEST_NAME]}…"
    return stem + path.suffix[:5]


def own_record(recording) -> OwnRecord:
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
    return OwnRecord(
        beat, fiducials, dict(found.targets), strip, recording.targets, recording.program
    )
