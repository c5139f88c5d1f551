"""WFDB records (PTB-XL, MIMIC-IV-ECG, CinC, LUDB, a hospital's own): header and signal files.

Headers are cleaned before the library reads them: times and dates, which are not needed and often
malformed, and suffixes and folders of the record's name are removed.
"""

import re
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from ...ecg import BEAT_SAMPLES, SAMPLING_RATE_HZ
from ..checks import MOST_BYTES, Rejected, one_line
from ..recording import (
    GE_12SL,
    Leads,
    Recording,
    Source,
    check_rate,
    check_seconds,
    lead_of_name,
    median_beat,
    microvolts,
    rhythm,
)

BITS = {"8": 8, "80": 8, "212": 12, "16": 16, "61": 16, "160": 16, "24": 24, "32": 32}
SPARE_BYTES = 1024  # padding at the end of a file
MOST_SIGNALS, MOST_A_FRAME, LONGEST_SKEW_S = 64, 100, 5
MOST_HEADER_BYTES = 2**18
LONGEST_LINE = 1000
RATE = re.compile(r"\d+\.?\d*(/.*)?", re.ASCII)  # the counter's follows, and is ignored
SAMPLES = re.compile(r"\d{1,18}", re.ASCII)
SEGMENTS = re.compile(r"[^/]+/\d+", re.ASCII)
GE_MEDIANS = re.compile(r"\b(12sl|ge_median\w*)(/|$)", re.IGNORECASE)  # the folders of PTB-XL+
LFS_POINTER = b"version https://git-lfs"
PATIENT_COMMENT = re.compile(
    r"#\s*<?(?:patient|subject)(?:[ _-]?(?:id|number|no))?>?"
    r"(?:\s*[:=]\s*([^\s:=]\S*)|\s+(\d+)\s*$)",
    re.IGNORECASE,
)


class Header(NamedTuple):
    """A cleaned header and its relevant values; calibrated: whether each signal has a gain."""

    name: str
    text: str
    files: list[str]
    calibrated: list[bool]
    median: bool
    patient: str


def is_header(source: Source) -> bool:
    """Whether a file is a WFDB header: by its suffix, or its number of signal lines."""
    if source.name.lower().endswith(".hea"):
        return True
    if b"\0" in source.data[:1000] or len(source.data) > MOST_HEADER_BYTES:
        return False
    lines = _lines(source.data.decode("utf-8", "replace"))
    first = lines[0].split() if lines else []
    return len(first) > 2 and first[1].isdigit() and int(first[1]) == len(lines) - 1 > 0


def read(source: Source) -> Recording:
    """The ECG of a record, or the median beat of a record of 1.2 s at 500 Hz; raises Rejected."""
    header = _clean(source)
    import wfdb  # a third of a second that other formats save

    with TemporaryDirectory() as folder:
        for name in set(header.files):
            (Path(folder) / name).write_bytes(_signal(source, name))
        (Path(folder) / "record.hea").write_text(header.text)
        path = str(Path(folder) / "record")
        try:
            _check_claims(wfdb.rdheader(path), Path(folder), header.median)
            record = wfdb.rdrecord(path)
        except (Rejected, MemoryError):
            raise
        except Exception as error:  # a malformed file can raise anything
            message = one_line(error).replace(f"{folder}/", "")
            raise Rejected(
                "unreadable: header and signal do not fit each other "
                f"({type(error).__name__}: {message})"
            ) from None
    leads, rate_hz = _leads(record, header.calibrated), float(record.fs)
    if header.median:
        beat_uv = median_beat(leads, rate_hz)
        folders = PurePosixPath(header.name if "/" in header.name else source.path).parts[-4:-1]
        program = GE_12SL if GE_MEDIANS.search("/".join(folders)) else ""
        return Recording("WFDB median", None, median_uv=beat_uv, program=program)
    return Recording("WFDB", rhythm(leads, rate_hz), rate_hz, patient=header.patient)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]


def _clean(source: Source) -> Header:
    """A header in the form that the library reads; raises Rejected unless it is one ECG's."""
    text = source.data.decode("utf-8", "backslashreplace")  # keeps other encodings distinct
    lines = _lines(text)
    if len(source.data) > MOST_HEADER_BYTES or any(len(line) > LONGEST_LINE for line in lines):
        size = len(source.data)
        raise Rejected(f"unreadable: header of {size} bytes, or with a line of {LONGEST_LINE}")
    first = lines[0].split() if lines else []
    if len(first) < 2 or not re.fullmatch(r"\d+", first[1], re.ASCII):
        raise Rejected("unreadable: the header's first line names no record and number of signals")
    if SEGMENTS.fullmatch(first[0]):
        raise Rejected("multi-segment: give one WFDB record an ECG")
    if len(first) < 3:  # the library would assume 250 Hz
        raise Rejected("sampling rate: the header gives none; write it after the number of signals")
    if not 1 <= int(first[1]) <= MOST_SIGNALS or len(lines) - 1 != int(first[1]):
        raise Rejected(
            f"unreadable: header of {first[1]} signals has {len(lines) - 1} signal lines"
        )
    # The library would replace other text by 250 Hz and the file's length.
    if not RATE.fullmatch(first[2]) or (len(first) > 3 and not SAMPLES.fullmatch(first[3])):
        raise Rejected("unreadable: the header's sampling rate or length is no number")
    folder = PurePosixPath(first[0]).parent
    names, rest = [], []
    for line in lines[1:]:
        path, *others = line.split(maxsplit=1)
        names.append(_plain(path, folder))
        rest.append(" ".join([names[-1], *others]))
    gains = (re.match(r"\s*\S+\s+\S+\s+-?(\d*\.?\d*)", line, re.ASCII) for line in lines[1:])
    comments = (PATIENT_COMMENT.match(line.strip()) for line in text.splitlines())
    return Header(
        first[0],
        "\n".join([" ".join(["record", *first[1:4]]), *rest, ""]),
        names,
        [bool(gain and gain[1].strip("0.")) for gain in gains],
        first[3:4] == [str(BEAT_SAMPLES)] and float(first[2].split("/")[0]) == SAMPLING_RATE_HZ,
        next((match[1] or match[2] for match in comments if match), ""),
    )


def _plain(path: str, folder: PurePosixPath) -> str:
    """A signal file's name without the header's own folder; raises Rejected for another folder."""
    name = PurePosixPath(path)
    plain = name.name if name.parent == folder else path
    if not re.fullmatch(r"[\w.+-]+", plain) or plain.startswith(".") or ".." in path:
        raise Rejected(f"unreadable: signal file {path[:40]!r} is no name in the same folder")
    return plain


def _signal(source: Source, name: str) -> bytes:
    """A signal file, also where a system without lower case has renamed it (A.DAT for a.dat)."""
    try:
        return _beside(source, name)
    except Rejected:
        if source.name != source.name.upper():
            raise
        return _beside(source, name.upper())


def _beside(source: Source, name: str) -> bytes:
    try:
        return source.beside(name)
    except KeyError:
        raise Rejected(f"signal file missing: {name}, which the header names") from None
    except Rejected as reason:
        raise Rejected(f"{reason} ({name}, which the header names)") from None


def _check_claims(header, folder: Path, median: bool) -> None:
    """Raise Rejected, from the header as the library parsed it, if the signals cannot be used."""
    rate, samples = float(header.fs), header.sig_len
    check_rate(rate)
    if samples and not median:
        check_seconds(samples / rate)
    frame, skew = max(header.samps_per_frame), max(value or 0 for value in header.skew)
    if not 1 <= min(header.samps_per_frame) <= frame <= MOST_A_FRAME or (
        skew > LONGEST_SKEW_S * rate
    ):
        raise Rejected(f"unreadable: header claims {frame} samples a frame, {skew} of skew")
    sizes = {name: (folder / name).stat().st_size for name in set(header.file_name)}
    if sum(sizes.values()) > MOST_BYTES:
        total = sum(sizes.values())
        raise Rejected(f"too large: signal files of {total} bytes; allowed {MOST_BYTES}")
    for name, size in sizes.items():
        signals = [place for place, other in enumerate(header.file_name) if other == name]
        formats = {header.fmt[place] for place in signals}
        if samples and len(formats) == 1 and (bits := BITS.get(formats.pop())):
            frame = sum(header.samps_per_frame[place] for place in signals)
            claimed = (header.byte_offset[signals[0]] or 0) + samples * frame * bits // 8
            if not claimed <= size <= claimed + SPARE_BYTES:
                pointer = (folder / name).read_bytes()[: len(LFS_POINTER)] == LFS_POINTER
                why = "; a Git LFS pointer: fetch the file itself" if pointer else ""
                raise Rejected(
                    f"{'truncated' if size < claimed else 'unreadable'}: {name} has {size} bytes, "
                    f"the header claims {claimed}{why}"
                )


def _leads(record, calibrated: list[bool]) -> Leads:
    """Every signal in µV; raises Rejected for a lead without a gain or with an overflow."""
    leads = []
    for place, name in enumerate(record.sig_name):
        lead, signal = lead_of_name(str(name)), record.p_signal[:, place]
        if lead is None:
            leads.append((None, signal))
            continue
        if not calibrated[place]:
            raise Rejected(f"not calibrated: no gain, or 0, for lead {lead}")
        digits = 0.9 * 2 ** BITS.get(record.fmt[place], 64) / abs(record.adc_gain[place])
        if np.abs(np.diff(signal)).max(initial=0) > digits:
            raise Rejected(f"overflow: lead {lead} jumps from one end of its range to the other")
        leads.append((lead, signal * microvolts(str(record.units[place]), f"lead {lead} is in ")))
    return leads
