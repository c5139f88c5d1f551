"""ECGs that a reader brings: read and measured, or refused in one line that she can act on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..data.checks import one_line
from ..data.rhythm import Strip, strip_of
from ..ecg import FIDUCIALS

LONGEST_NAME = 80
SIGNAL_FILE = re.compile(r"\w[\w.+-]{0,199}", re.ASCII)  # what a header can name
CHOOSE = "choose a 12SL .csv file, or the .hea and .dat files of a WFDB record together"


@dataclass(frozen=True)
class OwnRecord:
    """A record that is not in the results: (12, 600) µV, (6,) fiducials, measured targets.

    strip: its rhythm strip, None where the file holds a median beat alone.
    """

    beat_uv: np.ndarray
    fiducials: np.ndarray
    targets: dict[str, float]
    strip: Strip | None = None


@dataclass(frozen=True)
class Upload:
    """What came of one file: a record, or the reason why there is none."""

    name: str
    record: OwnRecord | None = None
    reason: str = ""


def read_uploads(files: Iterable[tuple[str, bytes]]) -> list[Upload]:
    """The records among files of any name and content; never an error but for want of memory.

    A WFDB record's header finds its signals among the files that came with it. No name becomes a
    path but one that a header could name as well.
    """
    files = [(re.split(r"[\\/]", name)[-1], content) for name, content in files]
    records = [file for file in files if Path(file[0]).suffix.lower() in (".csv", ".hea")]
    if files and not records:
        return [Upload(", ".join(shown_name(name) for name, _ in files[:3]), reason=CHOOSE)]
    with TemporaryDirectory() as folder:
        for name, content in files:
            if SIGNAL_FILE.fullmatch(name) and (name, content) not in records:
                (Path(folder) / name).write_bytes(content)
        uploads = []
        for number, (name, content) in enumerate(records):
            # a name of its own, which no signal file has: it need not be one that a disk can keep
            path = Path(folder) / f"-{number}{Path(name).suffix.lower()}"
            path.write_bytes(content)
            uploads.append(read_upload(path, name))
    return uploads


def read_upload(path: str | Path, name: str = "") -> Upload:
    """The record of a file on this machine, under its own or another name."""
    name = shown_name(name or Path(path).name)
    try:
        return Upload(name, read_own(path))
    except ValueError as error:
        return Upload(name, reason=str(error))


def shown_name(name: str) -> str:
    """A file's name as it may be shown: printable, not empty, not too long."""
    plain = "".join(c if c.isprintable() else "_" for c in name).strip()
    if not plain.strip("._ "):
        return "unnamed file"
    path = Path(plain)
    stem = path.stem if len(path.stem) <= LONGEST_NAME else f"{path.stem[:LONGEST_NAME]}…"
    return stem + path.suffix[:5]


def read_own(path: str | Path) -> OwnRecord:
    """Read and measure a 12SL CSV file (``.csv``) or a WFDB record (its ``.hea`` or bare name).

    Of a 12SL file only the median beat is known: its heart rate stays missing. Raises ValueError
    saying in one line what is wrong with the file, whatever that leads a library into.
    """
    try:
        return _measure_own(Path(path))
    except MemoryError:
        raise
    except ValueError as error:
        raise ValueError(one_line(error)) from None
    except Exception as error:
        raise ValueError(f"cannot be read: {type(error).__name__}: {one_line(error)}") from None


def _measure_own(path: Path) -> OwnRecord:
    from ..data.measured import measured
    from ..data.readers import read_recording

    recording = read_recording(path)
    ours, strip = measured(recording), None
    if recording.ecg_uv is not None:
        strip = strip_of(recording.ecg_uv, recording.rate_hz)
    marks = ours.fiducials
    if not (np.isfinite(ours.median_uv).all() and np.isfinite(marks["qonset"])):
        raise ValueError(f"no beat to show: {ours.reasons.get('qonset', 'none could be formed')}")
    fiducials = np.array([marks[name] for name in FIDUCIALS], float)
    return OwnRecord(ours.median_uv, fiducials, ours.targets, strip)
