"""Labels: what a table or an attribute gives for targets and fiducials, and which of it to take."""

import csv
import math
import re
from pathlib import Path

import numpy as np

from ..ecg import BEAT_SAMPLES, FIDUCIALS, SAMPLING_RATE_HZ, TARGETS
from .checks import Rejected, shown_id, text_encoding

LABELS = (*TARGETS, *FIDUCIALS)
ID_COLUMN = "patid"
PATIENT_COLUMN = "patient_id"
RATE_COLUMN = "samplerate_ECG"
DELIMITERS = ";\t,"
MISSING = ("", "nan", "na", "n/a", "none", "null")
MOST_UV = 32767
# The largest value of what counts from zero: a beat of 1.2 s holds no longer interval.
LARGEST = {"VentRate": 600} | dict.fromkeys(("pr", "qrs", "qt"), 1200)
LARGEST |= dict.fromkeys(FIDUCIALS, BEAT_SAMPLES - 1)


def parse_label(name: str, value) -> float:
    """A label as a number, NaN for missing.

    Rates, intervals and fiducials of zero or less mean that the wave was not found, so they are
    missing. A decimal comma is taken. Raises Rejected for what is no number or cannot be right.
    """
    number = _number(name, value)
    amplitude = name not in LARGEST
    if number > LARGEST.get(name, MOST_UV) or (amplitude and number < -MOST_UV):
        raise Rejected(f"label out of range: {name} is {number:g}")
    return number if amplitude or number > 0 else math.nan


def check_order(labels: np.ndarray) -> None:
    """Raise Rejected for a wave of labels (13,) that ends before or where it begins."""
    of = dict(zip(LABELS, labels, strict=True))
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
    text = text.strip()
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
    with open(path, "rb") as file:
        encoding = text_encoding(file.read(4))
    rows: dict[str, np.ndarray | str] = {}
    try:
        with open(path, encoding=encoding, errors="surrogateescape", newline="") as file:
            reader = _reader(file)
            header = _header(path, next(reader, []))
            for cells in reader:
                _add_row(rows, header, cells, reader.line_num)
    except (csv.Error, UnicodeError) as error:
        wrong = f"{path} is no readable table ({error}); give the 12SL label table"
        raise ValueError(wrong) from None
    return rows


def read_patients(path: str | Path, id_columns: tuple[str, ...] = (ID_COLUMN,)) -> dict[str, str]:
    """By id_key of a table's records, the patient of each; empty where it has no patient_id column.

    id_columns: those that name records, as names or as paths. Raises ValueError for what is no
    table.
    """
    with open(path, "rb") as file:
        encoding = text_encoding(file.read(4))
    patients: dict[str, str] = {}
    try:
        with open(path, encoding=encoding, errors="surrogateescape", newline="") as file:
            reader = _reader(file)
            names = [name.strip().casefold() for name in next(reader, [])]
            places = [names.index(column) for column in id_columns if column in names]
            patient = names.index(PATIENT_COLUMN) if PATIENT_COLUMN in names else None
            for cells in reader if patient is not None else ():
                for place in places:
                    if max(place, patient) < len(cells) and cells[patient].strip():
                        patients[id_key(Path(cells[place]).name)] = id_key(cells[patient])
    except (csv.Error, UnicodeError) as error:
        raise ValueError(f"{path} is no readable table ({error})") from None
    return patients


def _reader(file):
    """A CSV reader with the delimiter that the header has."""
    first = file.readline(csv.field_size_limit())
    file.seek(0)
    return csv.reader(file, delimiter=next((d for d in DELIMITERS if d in first), DELIMITERS[0]))


def _header(path: Path, names: list[str]) -> dict[str, int]:
    """Where each column that is used stands; "" gives the number of columns."""
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    folded = [name.casefold() for name in names]
    columns = {"": len(names)}
    for wanted in (ID_COLUMN, RATE_COLUMN, *LABELS):
        place = [i for i, name in enumerate(names) if name == wanted]
        place = place or [i for i, name in enumerate(folded) if name == wanted.casefold()]
        if len(place) > 1:
            raise ValueError(f"{path} has {len(place)} columns {wanted!r}; rename all but one")
        columns |= {wanted: place[0]} if place else {}
    if ID_COLUMN not in columns or not columns.keys() & TARGETS.keys():
        needed = f"{ID_COLUMN!r} and at least one of {', '.join(TARGETS)}"
        shown = ", ".join(map(shown_id, names[:8])) or "none"
        raise ValueError(f"{path} lacks a column; needed: {needed}; its columns begin: {shown}")
    return columns


def _add_row(rows: dict, columns: dict[str, int], cells: list[str], line: int) -> None:
    """Add one row of the table, or the reason why it cannot be used."""
    if not any(cell.strip() for cell in cells):
        return
    found = columns[ID_COLUMN] < len(cells) and id_key(cells[columns[ID_COLUMN]])
    key = found or f"(line {line})"
    if not found:
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
