"""WFDB records (PTB-XL, MIMIC-IV-ECG, CinC, LUDB, a hospital's own): header and signal files.

Headers are cleaned before the library reads them: times and dates, which are not needed and often
malformed, and suffixes and folders of the record's name are removed.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from ...ecg import BEAT_SAMPLES, SAMPLING_RATE_HZ
from ..checks import Rejected, rejecting
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
# The record's name, number of signals, rate (the counter's follows, and is ignored) and length.
RECORD = re.compile(r"(\S+)\s+(\d+)\s+(\d+\.?\d*)(?:/\S*)?(?:\s+(\d{1,18}))?(?:\s.*)?", re.ASCII)
GAIN = re.compile(r"\s*\S+\s+\S+\s+-?(\d*\.?\d*)", re.ASCII)  # after a signal's file and format
GE_MEDIANS = re.compile(r"\b(12sl|ge_median\w*)(/|$)", re.IGNORECASE)  # the folders of PTB-XL+
OTHER_FORMATS = (".xml", ".dcm", ".scp", ".edf", ".bdf", ".h5", ".hdf5")
LFS_POINTER = b"version https://git-lfs"
PATIENT_COMMENT = re.compile(
    r"^\s*#\s*<?(?:patient|subject)(?:[ _-]?(?:id|number|no))?>?"
    r"(?:\s*[:=]\s*([^\s:=]\S*)|\s+(\d+)\s*$)",
    re.IGNORECASE | re.MULTILINE,
)


class Header(NamedTuple):
    """A cleaned header and its relevant values; calibrated: whether each signal has a gain."""

    name: str
    text: str
    files: list[str]
    calibrated: list[bool]
    median: bool
    patient: str


def belongs(path: str, headers: Collection[str]) -> bool:
    """Whether a file comes with a header: a.dat and a.atr with a.hea, a.mat with a.mat.hea.

    headers: paths without ``.hea``. An ECG in another format of the same name is one of its own.
    """
    plain, suffix = os.path.splitext(path)
    return path in headers or (plain in headers and suffix.lower() not in OTHER_FORMATS)


def is_header(source: Source) -> bool:
    """Whether a file is a WFDB header: by its suffix, or its number of signal lines."""
    if source.name.lower().endswith(".hea"):
        return True
    if b"\0" in source.data[:1000] or len(source.data) > MOST_HEADER_BYTES:
        return False
    first, *lines = _lines(source.data.decode("utf-8", "replace")) or [""]
    found = RECORD.fullmatch(first.strip())
    return bool(found) and int(found[2]) == len(lines) > 0


def read(source: Source) -> Recording:
    """The ECG of a record, or the median beat of a record of 1.2 s at 500 Hz; raises Rejected."""
    header = _clean(source)
    import wfdb  # a third of a second that other formats save

    with TemporaryDirectory() as folder:
        for name in dict.fromkeys(header.files):
            (Path(folder) / name).write_bytes(_signal(source, name))
        (Path(folder) / "record.hea").write_text(header.text)
        path = str(Path(folder) / "record")
        with rejecting("unreadable: header and signal do not match,"):
            _check_claims(wfdb.rdheader(path), Path(folder), header.median)
            record = wfdb.rdrecord(path)
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
    """A header in the form that the library reads; raises Rejected unless it is one ECG's.

    The library would replace a missing or odd rate by 250 Hz, and an odd length by the file's.
    """
    text = source.data.decode("utf-8", "backslashreplace")  # keeps other encodings distinct
    first, *lines = _lines(text) or [""]
    if len(first.split()) == 2:
        raise Rejected("sampling rate: the header gives none; write it after the number of signals")
    found = RECORD.fullmatch(first.strip())
    if not found or len(source.data) > MOST_HEADER_BYTES:
        raise Rejected(
            "unreadable: the header's rate or length is not a number, or its first line is "
            "not the record's name, number of signals, rate and length"
        )
    name, count, rate_hz, length = found.groups()
    if "/" in name and name.rpartition("/")[2].isdecimal():
        raise Rejected("multi-segment: give one WFDB record per ECG")
    if not 1 <= int(count) <= MOST_SIGNALS or len(lines) != int(count):
        raise Rejected(f"unreadable: header of {count} signals has {len(lines)} signal lines")
    folder = PurePosixPath(name).parent
    signals = [(_plain(line.split()[0], folder), *line.split(maxsplit=1)[1:]) for line in lines]
    gains = [GAIN.match(line) for line in lines]
    comment = PATIENT_COMMENT.search(text)
    return Header(
        name,
        "\n".join([f"record {count} {rate_hz} {length or ''}", *map(" ".join, signals), ""]),
        [signal[0] for signal in signals],
        [bool(gain and gain[1].strip("0.")) for gain in gains],
        length == str(BEAT_SAMPLES) and float(rate_hz) == SAMPLING_RATE_HZ,
        comment[1] or comment[2] if comment else "",
    )


def _plain(path: str, folder: PurePosixPath) -> str:
    """A signal file's name without the header's own folder; raises Rejected for another folder."""
    name = PurePosixPath(path)
    plain = name.name if name.parent == folder else path
    if not re.fullmatch(r"[\w.+-]+", plain) or plain.startswith(".") or ".." in path:
        raise Rejected("unreadable: the header names a signal file that is not in its folder")
    return plain


def _signal(source: Source, name: str) -> bytes:
    """A signal file, also where a system without lower case has renamed it (A.DAT for a.dat)."""
    reason = ""
    for known in (name, name.upper()) if source.name == source.name.upper() else (name,):
        try:
            return source.beside(known)
        except KeyError:
            reason = "signal file missing: the one that the header names"
        except Rejected as error:
            reason = f"{error} (the signal file that the header names)"
    raise Rejected(reason)


def _check_claims(header, folder: Path, median: bool) -> None:
    """Raise Rejected, from the header as the library parsed it, if the signals cannot be used."""
    rate_hz, samples = float(header.fs), header.sig_len
    check_rate(rate_hz)
    if samples and not median:
        check_seconds(samples / rate_hz)
    frame, skew = max(header.samps_per_frame), max(value or 0 for value in header.skew)
    if not 1 <= frame <= MOST_A_FRAME or skew > LONGEST_SKEW_S * rate_hz:
        raise Rejected(f"unreadable: header claims {frame} samples a frame, {skew} of skew")
    for name in dict.fromkeys(header.file_name):
        size = (folder / name).stat().st_size
        signals = [place for place, other in enumerate(header.file_name) if other == name]
        bits = {BITS.get(header.fmt[place]) for place in signals}
        if not samples or len(bits) != 1 or None in bits:
            continue
        frame = sum(header.samps_per_frame[place] for place in signals)
        claimed = (header.byte_offset[signals[0]] or 0) + samples * frame * bits.pop() // 8
        if not claimed <= size <= claimed + SPARE_BYTES:
            kind = "truncated" if size < claimed else "unreadable"
            pointer = (folder / name).read_bytes().startswith(LFS_POINTER)
            why = "; a Git LFS pointer: fetch the file itself" if pointer else ""
            raise Rejected(f"{kind}: {name} has {size} bytes, the header claims {claimed}{why}")


def _leads(record, calibrated: list[bool]) -> Leads:
    """Every signal in µV; raises Rejected for a lead without a gain or with an overflow."""
    leads = []
    for place, name in enumerate(record.sig_name):
        lead, signal = lead_of_name(str(name)), record.p_signal[:, place]
        if lead:
            if not calibrated[place]:
                raise Rejected(f"not calibrated: no gain, or 0, for lead {lead}")
            digits = 0.9 * 2 ** BITS.get(record.fmt[place], 64) / abs(record.adc_gain[place])
            if np.abs(np.diff(signal)).max(initial=0) > digits:
                jump = "jumps from one end of its range to the other"
                raise Rejected(f"overflow: lead {lead} {jump}")
            signal = signal * microvolts(str(record.units[place]), f"lead {lead} is in ")
        leads.append((lead, signal))
    return leads
