"""Tables beside records, as pandas reads them: 12SL's labels, PTB-XL+'s features, patients."""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from ..ecg import MS_PER_SAMPLE, TARGETS
from .checks import Rejected, one_line, shown_id, text_encoding
from .labels import LABELS, MISSING, RATE_COLUMN, check_sampling_rate, label_row

ID_COLUMN = "patid"
PATIENT_COLUMN = "patient_id"
DELIMITERS = ";\t,"
LONGEST_ROW = 100_000  # characters
HEADER_WITHIN = 10  # lines: above it may stand a title, or a spreadsheet's "sep=;"
PLACEHOLDER = re.compile(r"x+|0{2,}|[\W_]+|anonym\w*|unknown|deidentified", re.IGNORECASE)
# PTB-XL+'s columns of 12SL: intervals and times in the median beat in ms, amplitudes in mV.
FEATURES = "12sl_features.csv"
FEATURE_COLUMNS = {
    "VentRate": ("HR__Global", 1),
    "pr": ("PR_Int_Global", 1),
    "qrs": ("QRS_Dur_Global", 1),
    "qt": ("QT_Int_Global", 1),
    "R_PeakAmpl_v5": ("R_Amp_V5", 1000),
    "T_PeakAmpl_v5": ("T_Amp_V5", 1000),
    "ponset": ("P_On_Global", 1 / MS_PER_SAMPLE),
    "poffset": ("P_Off_Global", 1 / MS_PER_SAMPLE),
    "qonset": ("QRS_On_Global", 1 / MS_PER_SAMPLE),
    "qoffset": ("QRS_Off_Global", 1 / MS_PER_SAMPLE),
    "tonset": ("T_On_Global", 1 / MS_PER_SAMPLE),
    "toffset": ("T_Off_Global", 1 / MS_PER_SAMPLE),
}


def id_key(text: str) -> str:
    """What a table's id and a file's name are matched by: 7, 007 and 7.0 are the same record."""
    text = unicodedata.normalize("NFC", text.strip())  # a Mac's file names are not
    number = re.fullmatch(r"0*(\d+?)(\.0*)?", text, re.ASCII)
    return number[1] if number else text


def patient_key(text: str) -> str:
    """What a patient is told apart by; "" for one who is not known, or is a placeholder."""
    plain = text.strip()
    if plain.lower() in MISSING or PLACEHOLDER.fullmatch(plain):
        return ""
    return shown_id(id_key(plain))


def read_table(path: str | Path, id_columns: Sequence[str]) -> tuple[pd.DataFrame, list[list[str]]]:
    """A table's cells as text, its columns' names stripped, and the rows that are too long.

    The heading is the first row that names one of id_columns, in any case, or else the first. Cells
    that a short row lacks are NaN, empty ones "". Raises ValueError for what is no text.
    """
    try:
        with open(path, "rb") as file:
            encoding = text_encoding(file.read(4))
        text = Path(path).read_text(encoding=encoding, errors="surrogateescape")
    except UnicodeError as error:
        raise ValueError(f"{path} is no readable table ({error})") from None
    lines = [line[:LONGEST_ROW] for line in text.split("\n")]
    headings = [_cells(line) for line in lines[:HEADER_WITHIN]]
    named = [n for n, cells in enumerate(headings) if set(_folded(cells)) & set(id_columns)]
    start = named[0] if named else 0
    names = headings[start]
    while names and not names[-1]:
        names.pop()
    if not names:
        return pd.DataFrame(), []
    too_long: list[list[str]] = []
    how = {
        "sep": _delimiter(lines[start]),
        "names": range(len(names) + 1),  # the last for what is too much
        "index_col": False,
        "dtype": str,
        "na_filter": False,
        "engine": "python",
        "on_bad_lines": lambda cells: too_long.append(cells) if any(cells[len(names) :]) else cells,
    }
    body = "\n".join(lines[start + 1 :])
    if body.count('"') % 2:  # one that nothing closes would swallow the rest
        body = body.replace('"', "")
    try:
        table = pd.read_csv(io.StringIO(body), **how)
    except pd.errors.EmptyDataError:
        table = pd.DataFrame(columns=how["names"])
    spare = (
        table.pop(len(names))
        .map(lambda cell: isinstance(cell, str) and cell.strip() != "")
        .astype(bool)
    )
    too_long += [[*cells, ""] for cells in table[spare].itertuples(index=False, name=None)]
    table.columns = names
    return table[~spare], too_long


def _delimiter(line: str) -> str:
    return next((d for d in DELIMITERS if d in line), DELIMITERS[0])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=_delimiter(line)), [])]


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def column_of(path: str | Path, table: pd.DataFrame, column: str) -> int | None:
    """Where a column stands: by its exact name, or in another case; ValueError if it is twice."""
    names = list(table.columns)
    places = [i for i, name in enumerate(names) if name == column]
    places = places or [i for i, name in enumerate(names) if name.casefold() == column.casefold()]
    if len(places) > 1:
        raise ValueError(f"{path} has {len(places)} columns {column!r}; rename all but one")
    return places[0] if places else None


def read_label_table(path: str | Path) -> tuple[dict[str, np.ndarray | str], dict[str, str]]:
    """A 12SL table by id_key: labels (13,), or why a row cannot be used; and the known patients.

    Columns are found by name, in any order and case. Raises FileNotFoundError or ValueError for a
    table that is none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"labels_path {path} is no file; give the 12SL label table")
    table, too_long = read_table(path, (ID_COLUMN,))
    wanted = (ID_COLUMN, PATIENT_COLUMN, RATE_COLUMN, *LABELS)
    places = {column: column_of(path, table, column) for column in wanted}
    places = {column: place for column, place in places.items() if place is not None}
    if ID_COLUMN not in places or not places.keys() & TARGETS.keys():
        needed = f"{ID_COLUMN!r} and at least one of {', '.join(TARGETS)}"
        beginning = ", ".join(map(shown_id, table.columns[:8])) or "none"
        raise ValueError(f"{path} lacks a column; needed: {needed}; its columns begin: {beginning}")
    labels: dict[str, np.ndarray | str] = {}
    patients: dict[str, str] = {}
    for cells in table.itertuples(index=False, name=None):
        row = {column: cells[place] for column, place in places.items()}
        _add_row(labels, patients, row, sum(isinstance(cell, str) for cell in cells), len(cells))
    for cells in too_long:
        key = id_key(cells[places[ID_COLUMN]])
        labels[key] = f"label row too long: {len(cells)} cells; header {len(table.columns)}"
    return labels, patients


def _add_row(labels: dict, patients: dict, row: dict, cells: int, width: int) -> None:
    """Add one row of the table, or the reason why it cannot be used."""
    given = [value for value in row.values() if isinstance(value, str) and value.strip()]
    if not given:
        return
    key = id_key(row[ID_COLUMN]) if isinstance(row[ID_COLUMN], str) else ""
    if not key:
        labels[f"(row {len(labels) + 1})"] = "bad id: empty in the label table"
    elif key in labels:
        labels[key] = "duplicate id: twice in the label table"
    elif cells < width:
        labels[key] = f"label row truncated: {cells} of {width} cells"
    else:
        patients[key] = patient_key(row.get(PATIENT_COLUMN, ""))
        try:
            check_sampling_rate(row.get(RATE_COLUMN, ""))
            labels[key] = label_row(row)
        except Rejected as reason:
            labels[key] = str(reason)


def read_features(path: Path) -> dict[str, dict[str, float]]:
    """12SL's values of PTB-XL+ by id_key of the record, under the names of targets and fiducials.

    Raises ValueError for a table without the ids of its records.
    """
    wanted = {"ecg_id", *(column for column, _ in FEATURE_COLUMNS.values())}
    try:
        table = pd.read_csv(path, usecols=lambda name: name in wanted)
    except (pd.errors.ParserError, ValueError) as error:  # empty, cut, or no text
        raise ValueError(f"{path} is no readable table ({one_line(error)})") from None
    if "ecg_id" not in table:
        raise ValueError(f"{path} has no column 'ecg_id'")
    columns = {k: v for k, v in FEATURE_COLUMNS.items() if v[0] in table}
    numbers = {k: pd.to_numeric(table[c], errors="coerce") * f for k, (c, f) in columns.items()}
    rows = pd.DataFrame(numbers).to_dict("records")
    return dict(zip(map(id_key, table["ecg_id"].astype(str)), rows, strict=True))


def read_patients(path: Path, id_columns: Sequence[str], patient_column: str) -> dict[str, str]:
    """By id_key of a table's records, whose columns hold names or paths, the patient of each."""
    table, _ = read_table(path, id_columns)
    place = column_of(path, table, patient_column)
    patients: dict[str, str] = {}
    ids = [column_of(path, table, column) for column in id_columns]
    for cells in table.itertuples(index=False, name=None) if place is not None else ():
        who = patient_key(cells[place]) if isinstance(cells[place], str) else ""
        for column in ids if who else ():
            if column is not None and isinstance(cells[column], str):
                patients[id_key(PurePath(cells[column]).name)] = who
    return patients
