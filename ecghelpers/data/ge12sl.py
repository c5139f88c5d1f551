"""GE 12SL exports: a CSV file with the median beat of each record, and one table of labels."""

import os
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..ecg import BEAT_SAMPLES, LEADS, SAMPLING_RATE_HZ, TARGETS
from .checks import Rejected, as_int16, bad_id, check_signal, one_line, read_bytes, text_encoding
from .folder import Entry, list_files, settle_ids
from .labels import LABELS
from .reading import Reading, digest_of, own_targets
from .recording import GE_12SL, Recording, lead_of_name
from .tables import id_key, read_label_table

MARK = "12 lead medians"
IN_TABLE = "the label table"
MOST_CSV_BYTES = 8 * 2**20  # a file with a rhythm strip of 60 s at 1000 Hz has about 4 MiB
BLANK = ", \t\r\n"
NARROW_ROW = re.compile(r"\s*([-+]?\d+\s*,\s*){1,10}[-+]?\d*\s*,*\s*")


def parse_median(raw: bytes) -> np.ndarray:
    """The median beat in the bytes of a 12SL CSV file; raises Rejected.

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
    if rows and set(named := _lead_names(rows[0])) == set(LEADS) and len(named) == len(LEADS):
        leads, rows = named, rows[1:]
    _check_rows(lines, rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older NumPy only warns of fractions
            rows = [row.rstrip(BLANK) for row in rows]
            values = np.loadtxt(rows, np.int64, delimiter=",", comments=None, ndmin=2)
    except (ValueError, DeprecationWarning) as error:
        raise Rejected(f"not integers: {one_line(error)}") from None
    return as_int16(values.T[[leads.index(lead) for lead in LEADS]])


def _lead_names(row: str) -> list[str | None]:
    return [lead_of_name(cell) for cell in row.rstrip(BLANK).split(",")]


def _check_rows(lines: list[str], rows: list[str]) -> None:
    """Raise Rejected unless there are 600 rows of twelve columns and the last one is complete."""
    for number, row in enumerate(rows, start=1):
        if (columns := row.rstrip(BLANK).count(",") + 1) != len(LEADS):
            raise Rejected(f"wrong number of columns: row {number} has {columns}; allowed 12")
    if len(rows) != BEAT_SAMPLES:
        narrow = [number for number, line in enumerate(lines) if NARROW_ROW.fullmatch(line)]
        if narrow and len(rows) + len(narrow) == BEAT_SAMPLES and narrow[0] < len(lines) - 1:
            raise Rejected(f"wrong number of columns: {len(narrow)} rows have fewer than 12")
        kind = "truncated" if len(rows) < BEAT_SAMPLES else "wrong number of rows"
        raise Rejected(f"{kind}: {len(rows)} rows of medians; {BEAT_SAMPLES} needed")
    if rows[0].rstrip().endswith(",") and rows[-1] == rows[-1].rstrip(BLANK):
        # Without the final comma of the other rows, the number may be cut as well.
        raise Rejected("truncated: the last row does not end as the others do")


def index(folder: str | Path, labels_path: str | Path) -> list[Entry]:
    """All records of a folder and a label table, sorted by id.

    Files are found by listing the folder: no id of the table becomes a path.
    """
    if not labels_path:
        raise ValueError("source 12sl needs labels_path, the table with the 12SL labels")
    table, patients = read_label_table(labels_path)
    entries, used = [], set()
    table_path = os.path.realpath(labels_path)
    for entry in list_files(folder, (".csv",)):
        if os.path.realpath(entry.path) == table_path:
            continue
        key = id_key(entry.record_id)
        used.add(key)
        labels = table.get(key, "no label row: this id is not in the label table")
        given = {"reason" if isinstance(labels, str) else "labels": labels}
        who = patients.get(key, "")
        entries.append(replace(entry, **given, patient=who, rule=IN_TABLE if who else ""))
    no_file = "no file: this id is in the label table, but not in the folder"
    for key in table.keys() - used:
        why = table[key] if isinstance(table[key], str) else no_file
        entries.append(Entry(key, "", reason=bad_id(key) or why))
    return settle_ids(entries, id_key)


def read(entry: Entry) -> Reading:
    """One record; raises Rejected."""
    median = parse_median(read_bytes(entry.path, MOST_CSV_BYTES))
    check_signal(median.astype(np.float32), SAMPLING_RATE_HZ)
    machine = dict(zip(LABELS, entry.labels, strict=True))
    recording = Recording("12SL CSV", None, median_uv=median, machine=machine, program=GE_12SL)
    return Reading(
        median,
        entry.labels,
        patient=entry.patient,
        rule=entry.rule,
        machine=entry.labels[: len(TARGETS)],
        program=GE_12SL,
        own=own_targets(recording),
        digest=digest_of(median),
    )
