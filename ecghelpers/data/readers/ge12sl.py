"""GE 12SL: a CSV file with the median beat of a record."""

import warnings

import numpy as np

from ...ecg import BEAT_SAMPLES, LEADS
from ..checks import Rejected, text_encoding
from ..recording import GE_12SL, Recording, Source, lead_of_name

MARK = "12 lead medians"
BLANK = ", \t\r\n"


def is_csv(data: bytes) -> bool:
    """Whether a file contains the line before the median beat."""
    encodings = ("utf-8", "utf-16-le", "utf-16-be")
    return any(MARK.encode(encoding) in data.lower() for encoding in encodings)


def read(source: Source) -> Recording:
    """The median beat of a file, without labels; raises Rejected."""
    beat_uv = parse_median(source.data).astype(float)
    return Recording("12SL CSV", None, median_uv=beat_uv, program=GE_12SL)


def parse_median(raw: bytes) -> np.ndarray:
    """The median beat (12, 600) in whole µV; raises Rejected.

    Rows of twelve integers, one per sample, follow the line that contains MARK; shorter rows are
    headings. A heading that names the twelve leads sets their order.
    """
    try:
        text = raw.decode(text_encoding(raw))
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    mark = text.lower().find(MARK)
    if mark < 0:
        raise Rejected(f"no medians: no line contains {MARK!r}")
    lines = text[mark:].replace('"', "").splitlines(keepends=True)[1:]
    rows = [line for line in lines if line.rstrip(BLANK).count(",") >= len(LEADS) - 1]
    leads = list(LEADS)
    named = [lead_of_name(cell) for cell in rows[0].rstrip(BLANK).split(",")] if rows else []
    if sorted(named, key=str) == sorted(LEADS):
        leads, rows = named, rows[1:]
    if len(rows) != BEAT_SAMPLES:
        kind = "truncated" if len(rows) < BEAT_SAMPLES else "wrong number of rows"
        raise Rejected(f"{kind}: {len(rows)} rows of medians; {BEAT_SAMPLES} needed")
    if rows[0].rstrip().endswith(",") and rows[-1] == rows[-1].rstrip(BLANK):
        # Without the final comma of the other rows, the number may be cut as well.
        raise Rejected("truncated: the last row does not end as the others do")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older NumPy only warns of fractions
            rows = [row.rstrip(BLANK) for row in rows]
            values = np.loadtxt(rows, np.int64, delimiter=",", comments=None, ndmin=2)
    except (ValueError, DeprecationWarning):
        raise Rejected("not integers: the rows of medians") from None
    if values.shape[1] != len(LEADS):
        raise Rejected(f"wrong number of columns: {values.shape[1]}; allowed {len(LEADS)}")
    return values.T[[leads.index(lead) for lead in LEADS]]
