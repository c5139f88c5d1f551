"""Labels: what a table or an attribute gives for targets and fiducials, and which of it to take."""

import csv
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..ecg import BEAT_SAMPLES, FIDUCIALS, SAMPLING_RATE_HZ, TARGETS
from .checks import Rejected, shown_id, text_encoding

LABELS = (*TARGETS, *FIDUCIALS)
ID_COLUMN = "patid"
PATIENT_COLUMN = "patient_id"
RATE_COLUMN = "samplerate_ECG"
DELIMITERS = ";\t,"
MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", ".", "none", "null")
MOST_UV = 32767
LONGEST_ROW = 100_000  # characters
LINES_A_ROW = 20
HEADER_WITHIN = 10  # lines: above it may stand a title, or a spreadsheet's "sep=;"
# The smallest and largest value of what counts from zero: a beat of 1.2 s holds no longer interval,
# and one of less than 10 is in seconds.
RANGES = {"VentRate": (10, 600)} | dict.fromkeys(("pr", "qrs", "qt"), (10, 1200))
RANGES |= dict.fromkeys(FIDUCIALS, (0, BEAT_SAMPLES - 1))


def parse_label(name: str, value) -> float:
    """A label as a number, NaN for missing.

    Rates, intervals and fiducials of zero or less mean that the wave was not found, so they are
    missing. A decimal comma is taken. Raises Rejected for what is no number or cannot be right.
    """
    number = _number(name, value)
    low, high = RANGES.get(name, (-MOST_UV, MOST_UV))
    if name in RANGES and number <= 0:
        return math.nan
    if number > high or number < low:
        unit = TARGETS[name].unit if name in TARGETS else "samples"
        raise Rejected(f"label out of range: {name} is {number:g}; allowed {low} to {high} {unit}")
    return number


def check_order(labels: np.ndarray) -> None:
    """Raise Rejected for a wave of labels (13,) that ends before or where it begins, or that begins
    after the next one."""
    of = dict(zip(LABELS, labels, strict=True))
    for onset, later in (("ponset", "qonset"), ("qonset", "tonset"), ("qoffset", "toffset")):
        if of[later] <= of[onset]:
            raise Rejected(f"fiducials: {later} {of[later]:g} is not after {onset} {of[onset]:g}")
    for onset, offset in zip(FIDUCIALS[::2], FIDUCIALS[1::2], strict=True):
        if of[offset] <= of[onset]:
            raise Rejected(f"fiducials: {offset} {of[offset]:g} is not after {onset} {of[onset]:g}")


def check_sampling_rate(value) -> None:
    """Raise Rejected for a source's sampling rate that is given and is not 500 Hz.

    Its fiducials count samples, so beats at another rate would need other fiducials too.
    """
    rate = _number(RATE_COLUMN, value)
    if not (math.isnan(rate) or rate == SAMPLING_RATE_HZ):
        raise Rejected(f"sampling rate: {rate:g} Hz; allowed {SAMPLING_RATE_HZ}")


def _number(name: str, value) -> float:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in MISSING:
            return math.nan
        value = text if "." in text else text.replace(",", ".", 1)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.inf
    if math.isinf(number) or isinstance(value, bool | np.bool_) or "_" in str(value):
        raise Rejected(f"label not a number: {name} is {str(value)[:40]!r}")
    return number


def id_key(text: str) -> str:
    """What a table's id and a file's name are matched by: 7, 007 and 7.0 are the same record."""
    text = unicodedata.normalize("NFC", text.strip())  # a Mac's file names are not
    number = re.fullmatch(r"0*(\d+?)(\.0*)?", text, re.ASCII)
    return number[1] if number else text


def read_label_table(path: str | Path) -> dict[str, np.ndarray | str]:
    """The labels of a 12SL table by id_key: (13,) float32 in the order of LABELS, NaN = missing.

    A record whose row cannot be used has the reason instead. Columns are found by name, in any
    order and case. Raises FileNotFoundError or ValueError for a table that is none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"labels_path {path} is no file; give the 12SL label table")
    rows: dict[str, np.ndarray | str] = {}
    columns, table = _table(path, (ID_COLUMN,), _header)
    for line, cells in table:
        _add_row(rows, columns, cells, line)
    return rows


def read_patients(path: str | Path, id_columns: tuple[str, ...] = (ID_COLUMN,)) -> dict[str, str]:
    """By id_key of a table's records, the patient of each; empty where it has no patient_id column.

    id_columns: those that name records, as names or as paths. Raises ValueError for what is no
    table.
    """
    patients: dict[str, str] = {}
    names, table = _table(path, id_columns, lambda _, names: names)
    names = [name.strip().casefold() for name in names]
    places = [names.index(column) for column in id_columns if column in names]
    patient = names.index(PATIENT_COLUMN) if PATIENT_COLUMN in names else None
    for _, cells in table if patient is not None else ():
        for place in places:
            if max(place, patient) < len(cells) and (who := patient_key(cells[patient])):
                patients[id_key(Path(cells[place]).name)] = who
    return patients


def patient_key(text: str) -> str:
    """What a patient is told apart by, fit to be stored; "" for one who is not known."""
    return "" if text.strip().lower() in MISSING else shown_id(id_key(text))


def _table(path: str | Path, id_columns: tuple[str, ...], header: Callable) -> tuple[Any, Iterator]:
    """What ``header(path, names)`` makes of a table's heading; (line number, cells) of its rows.

    The heading is the first row that names an id column, if one of the first does; else the first.
    Raises ValueError for what is no text.
    """
    path = Path(path)
    with open(path, "rb") as file:
        encoding = text_encoding(file.read(4))
    try:
        text = path.read_text(encoding=encoding, errors="surrogateescape")
    except UnicodeError as error:
        wrong = f"{path} is no readable table ({error}); give the 12SL label table"
        raise ValueError(wrong) from None
    lines = text.split("\n")
    for number, line in enumerate(lines[:HEADER_WITHIN]):
        delimiter = next((d for d in DELIMITERS if d in line), DELIMITERS[0])
        names = next(csv.reader([line[:LONGEST_ROW]], delimiter=delimiter), [])
        if {name.strip().casefold() for name in names} & set(id_columns):
            return header(path, names), _rows(lines, number + 1, delimiter)
    first = lines[0][:LONGEST_ROW]
    delimiter = next((d for d in DELIMITERS if d in first), DELIMITERS[0])
    return header(path, next(csv.reader([first], delimiter=delimiter), [])), iter(())


def _rows(lines: list[str], number: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of the rows from a line on.

    A quote may hold line ends, but one that nothing closes within some lines costs only its own.
    """
    while number < len(lines):
        more = (end for end in range(number + 1, number + 1 + LINES_A_ROW) if end <= len(lines))
        row = (lines[number:end] for end in more)
        whole = next((r for r in row if "".join(r).count('"') % 2 == 0), lines[number : number + 1])
        text = "\n".join(whole)
        try:
            cells = next(csv.reader([text[:LONGEST_ROW]], delimiter=delimiter), [])
        except csv.Error:
            cells = text[:LONGEST_ROW].split(delimiter)
        yield number + 1, cells
        number += len(whole)


def _header(path: Path, names: list[str]) -> dict[str, int]:
    """Where each column that is used stands; "" gives the number of columns."""
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    folded = [name.casefold() for name in names]
    columns = {"": len(names)}
    for column in (ID_COLUMN, RATE_COLUMN, *LABELS):
        place = [i for i, name in enumerate(names) if name == column]
        place = place or [i for i, name in enumerate(folded) if name == column.casefold()]
        if len(place) > 1:
            raise ValueError(f"{path} has {len(place)} columns {column!r}; rename all but one")
        columns |= {column: place[0]} if place else {}
    if ID_COLUMN not in columns or not columns.keys() & TARGETS.keys():
        needed = f"{ID_COLUMN!r} and at least one of {', '.join(TARGETS)}"
        beginning = ", ".join(map(shown_id, names[:8])) or "none"
        raise ValueError(f"{path} lacks a column; needed: {needed}; its columns begin: {beginning}")
    return columns


def _add_row(rows: dict, columns: dict[str, int], cells: list[str], line: int) -> None:
    """Add one row of the table, or the reason why it cannot be used."""
    if not any(cell.strip() for cell in cells):
        return
    record_id = columns[ID_COLUMN] < len(cells) and id_key(cells[columns[ID_COLUMN]])
    key = record_id or f"(line {line})"
    if not record_id:
        rows[key] = f"bad id: empty in line {line} of the label table"
    elif key in rows:
        rows[key] = f"duplicate id: again in line {line} of the label table"
    elif len(cells) < columns[""]:
        rows[key] = f"label row truncated: {len(cells)} of {columns['']} cells in line {line}"
    elif any(cell.strip() for cell in cells[columns[""] :]):
        rows[key] = f"label row too long: {len(cells)} cells in line {line}; header {columns['']}"
    else:
        rows[key] = _labels({name: cells[place] for name, place in columns.items() if name})


def _labels(row: dict[str, str]) -> np.ndarray | str:
    try:
        check_sampling_rate(row.get(RATE_COLUMN, ""))
        return np.array([parse_label(name, row.get(name, "")) for name in LABELS], np.float32)
    except Rejected as reason:
        return str(reason)
