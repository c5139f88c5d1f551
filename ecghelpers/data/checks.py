"""Checks of files, ids and signals, shared by all sources of records.

An unusable record raises Rejected with the text "kind: detail", so that reasons can be counted by
kind.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..ecg import LEADS

MOST_BYTES = 64 * 2**20  # a rhythm strip of 60 s at 1000 Hz as text has about 4 MiB
LONGEST_ID = 200
LEAST_SPAN_UV = 5
CLIP_MS = 8  # shortest plateau of a clipped lead at an extreme
CLIP_JUMP = 0.04  # smallest jump from the plateau, as a fraction of the lead's span
CLIP_SHARE = 0.01  # of the recording: less is an artefact that the median beat removes


class Rejected(ValueError):
    """An unusable record; the text is the reason."""


@contextlib.contextmanager
def rejecting(reason: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn errors of the block into Rejected: by default any, with its type behind the reason.

    A damaged file can raise any error in a reader, whose message could contain patient data.
    """
    try:
        yield
    except (Rejected, MemoryError):
        raise
    except errors:
        raise Rejected(reason) from None
    except Exception as error:
        if errors:
            raise
        raise Rejected(f"{reason} {type(error).__name__}") from None


def result_or_reason(function: Callable, *given):
    """The result of a function, or the Rejected that it raised."""
    try:
        return function(*given)
    except Rejected as reason:
        return reason


def unreadable(error: OSError) -> str:
    """The reason why the system could not read a file."""
    return f"unreadable: {error.strerror}"


def read_bytes(path: str | Path) -> bytes:
    """The content of a regular file up to a size; raises Rejected for others."""
    try:
        status = os.stat(path)  # before it is opened, which would wait for a pipe
        if not stat.S_ISREG(status.st_mode):
            raise Rejected("unreadable: not a regular file")
        if status.st_size > MOST_BYTES:
            raise Rejected(f"too large: {status.st_size} bytes; allowed {MOST_BYTES}")
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise Rejected(unreadable(error)) from None


def text_encoding(start: bytes) -> str:
    """The encoding of a text file from its first bytes: UTF-16 with or without BOM, or UTF-8."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start[:2]:
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def one_line(error: Exception) -> str:
    """A library's error message on one line."""
    return " ".join(str(error).split())[:120]


def shown_id(record_id: str) -> str:
    """An id for display: control characters escaped, length limited."""
    if record_id.isprintable():
        return record_id[:LONGEST_ID]
    return record_id.encode("unicode_escape").decode("ascii")[:LONGEST_ID]


def bad_id(record_id: str) -> str:
    """The reason why an id is invalid, "" for a valid one. Any printable text is valid."""
    if not record_id.strip():
        return "bad id: empty"
    if not record_id.isprintable():
        return "bad id: contains control characters or bytes that are no text"
    if len(record_id) > LONGEST_ID:
        return f"bad id: {len(record_id)} characters; allowed {LONGEST_ID}"
    return ""


def as_int16(median_uv: np.ndarray) -> np.ndarray:
    """A median beat in whole µV; raises Rejected for NaN or values out of range."""
    rounded, limits = np.rint(median_uv), np.iinfo(np.int16)
    if not ((rounded >= limits.min) & (rounded <= limits.max)).all():
        raise Rejected(f"out of range: amplitudes beyond {limits.min} to {limits.max} µV")
    return rounded.astype(np.int16)


def check_signal(ecg_uv: np.ndarray, sampling_rate: float) -> None:
    """Raise Rejected for a lead that is flat or saturated. ecg_uv: (12, time)."""
    top, bottom = ecg_uv.max(axis=1, keepdims=True), ecg_uv.min(axis=1, keepdims=True)
    span = (top - bottom)[:, 0]
    resting = ((ecg_uv == top) | (ecg_uv == bottom)).mean(axis=1)
    for place in np.flatnonzero((span < LEAST_SPAN_UV) | (resting >= CLIP_SHARE)):
        lead, signal = LEADS[place], ecg_uv[place]
        if span[place] < LEAST_SPAN_UV:
            spans = f"spans {span[place]:.3g} µV; allowed from {LEAST_SPAN_UV}"
            raise Rejected(f"flat: lead {lead} {spans}")
        share = _clipped_share(signal, span[place], max(3, round(CLIP_MS / 1000 * sampling_rate)))
        if share >= CLIP_SHARE:
            raise Rejected(f"saturated: lead {lead} is at its limit for {share:.0%} of the time")


def _clipped_share(signal: np.ndarray, span: float, samples: int) -> float:
    """The share of a lead that stays at its maximum or minimum and leaves it with a jump.

    A true peak leaves its maximum by about one digit, however coarse; a clipped one leaves it as
    steeply as the wave. The baseline can be an extreme as well, but then the median is near it.
    """
    middle, jump, clipped = np.median(signal), CLIP_JUMP * span, 0
    for extreme in (signal.max(), signal.min()):
        if abs(extreme - middle) < span / 5:
            continue
        starts, ends = runs(signal == extreme).T
        before = np.abs(extreme - signal[np.maximum(starts - 1, 0)])
        after = np.abs(extreme - signal[np.minimum(ends, len(signal) - 1)])
        long = (ends - starts >= samples) & (np.maximum(before, after) >= jump)
        clipped += (ends - starts)[long].sum()
    return clipped / len(signal)


def runs(flags: np.ndarray) -> np.ndarray:
    """(run, 2) the start and end of each run of True in (time,)."""
    return np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2)
