"""Tables beside records: 12SL's labels, PTB-XL+'s features, and patients."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
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
HEADER_WITHIN = 10  # lines: a title or a spreadsheet's "sep=;" may precede it
PLACEHOLDER = re.compile(r"x+|0{2,}|[\W_]+|anonym\w*|unknown|deidentified", re.IGNORECASE)
# Tables of patients: name → the columns that name records, the one that names patients.
PATIENT_TABLES = {
    "ptbxl_database.csv": (("filename_hr", "filename_lr", "ecg_id"), "patient_id"),
    "record_list.csv": (("path", "study_id"), "subject_id"),  # MIMIC-IV-ECG
}
PARENTS = 3  # folders above source_path in which tables are searched for
PTB_DB = re.compile(r"patient\d{3}", re.ASCII | re.IGNORECASE)
MIMIC = re.compile(r"(?:^|/)p\d{4}/p(\d{8})(?:/|$)", re.ASCII)
IN_FILE = "the file itself"
IN_FOLDER = "the folder's name"
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
    """The key that matches a table's id and a file's name: 7, 007 and 7.0 are the same record."""
    text = unicodedata.normalize("NFC", text.strip())  # file names of macOS are decomposed
    number = re.fullmatch(r"0*(\d+?)(\.0*)?", text, re.ASCII)
    return number[1] if number else text


def patient_key(text: str) -> str:
    """The key of a patient id; "" for a missing one or a placeholder."""
    plain = text.strip()
    if plain.lower() in MISSING or PLACEHOLDER.fullmatch(plain):
        return ""
    return shown_id(id_key(plain))


def read_table(path: str | Path, id_columns: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The column names and the rows of a table, as text.

    The heading is the first row that has one of id_columns, in any case, or else the first row.
    Empty rows are left out. Raises ValueError for a file that is no text.
    """
    try:
        with open(path, "rb") as file:
            encoding = text_encoding(file.read(4))
        text = Path(path).read_text(encoding=encoding, errors="surrogateescape")
        lines = [line[:LONGEST_ROW] for line in text.split("\n")]
        headings = [_cells(line) for line in lines[:HEADER_WITHIN]]
        named = (n for n, cells in enumerate(headings) if set(_folded(cells)) & set(id_columns))
        start = next(named, 0)
        names = headings[start]
        while names and not names[-1]:
            names.pop()
        body = [f"{line}\n" for line in lines[start + 1 :]]
        if sum(line.count('"') for line in body) % 2:  # an unclosed quote would swallow the rest
            body = [line.replace('"', "") for line in body]
        rows = list(csv.reader(body, delimiter=_delimiter(lines[start])))
    except (UnicodeError, csv.Error) as error:
        raise ValueError(f"{path} is no readable table ({one_line(error)})") from None
    return names, [row for row in rows if any(map(str.strip, row))] if names else []


def _delimiter(line: str) -> str:
    return next((d for d in DELIMITERS if d in line), DELIMITERS[0])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=_delimiter(line)), [])]


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def _columns(path: str | Path, names: list[str], wanted: Iterable[str]) -> dict[str, int]:
    """The positions of those wanted columns that exist; an exact name wins over another case.

    Raises ValueError for a column that occurs twice.
    """
    places = {}
    for column in wanted:
        found = [i for i, name in enumerate(names) if name == column]
        found = found or [i for i, n in enumerate(names) if n.casefold() == column.casefold()]
        if len(found) > 1:
            raise ValueError(f"{path} has {len(found)} columns {column!r}; rename all but one")
        if found:
            places[column] = found[0]
    return places


def read_label_table(path: str | Path) -> tuple[dict[str, np.ndarray | str], dict[str, str]]:
    """A 12SL table by id_key: labels (13,) or the reason why a row is unusable; known patients.

    Columns are found by name, in any order and case. Raises FileNotFoundError or ValueError if the
    table cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"labels_path {path} is no file; give the 12SL label table")
    names, rows = read_table(path, (ID_COLUMN,))
    places = _columns(path, names, (ID_COLUMN, PATIENT_COLUMN, RATE_COLUMN, *LABELS))
    if ID_COLUMN not in places or not places.keys() & TARGETS.keys():
        needed = f"{ID_COLUMN!r} and at least one of {', '.join(TARGETS)}"
        beginning = ", ".join(map(shown_id, names[:8])) or "none"
        raise ValueError(f"{path} lacks a column; needed: {needed}; its columns begin: {beginning}")
    labels: dict[str, np.ndarray | str] = {}
    patients: dict[str, str] = {}
    for cells in rows:
        row = {column: cells[place] for column, place in places.items() if place < len(cells)}
        if not any(map(str.strip, row.values())):
            continue
        key = id_key(row.get(ID_COLUMN, ""))
        if not key:
            labels[f"(row {len(labels) + 1})"] = "bad id: empty in the label table"
        elif any(map(str.strip, cells[len(names) :])):
            labels[key] = f"label row too long: {len(cells)} cells; header {len(names)}"
        elif key in labels:
            labels[key] = "duplicate id: twice in the label table"
        elif len(cells) < len(names):
            labels[key] = f"label row truncated: {len(cells)} of {len(names)} cells"
        else:
            patients[key] = patient_key(row.get(PATIENT_COLUMN, ""))
            try:
                check_sampling_rate(row.get(RATE_COLUMN, ""))
                labels[key] = label_row(row)
            except Rejected as reason:
                labels[key] = str(reason)
    return labels, patients


def read_features(path: Path) -> dict[str, dict[str, float]]:
    """PTB-XL+'s values of 12SL by id_key of the record, under the names of targets and fiducials.

    Raises ValueError for a table without record ids.
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


def tables_beside(folder: str | Path) -> dict[str, dict[str, str]]:
    """The known tables in a folder or above it: table's name → id_key of a record → patient."""
    found = {}
    for name, columns in PATIENT_TABLES.items():
        path = next((p for p in (place / name for place in above(folder)) if p.is_file()), None)
        if path:
            found[name] = _read_patients(path, *columns)
    return found


def above(folder: str | Path) -> list[Path]:
    """A folder and the folders above it in which tables are searched for."""
    return [Path(folder).absolute(), *Path(folder).absolute().parents][: PARENTS + 1]


def _read_patients(path: Path, id_columns: Sequence[str], patient_column: str) -> dict[str, str]:
    """By id_key of a table's records, whose columns contain names or paths, the patient of each."""
    names, rows = read_table(path, id_columns)
    places = _columns(path, names, (*id_columns, patient_column))
    place = places.pop(patient_column, None)
    patients: dict[str, str] = {}
    for cells in rows if place is not None else ():
        who = patient_key(cells[place]) if place < len(cells) else ""
        for column in places.values() if who else ():
            if column < len(cells):
                patients[id_key(PurePath(cells[column]).name)] = who
    return patients


def patient_of(path: str, tables: dict[str, dict[str, str]]) -> tuple[str, str]:
    """A file's patient by a table or its folders, and the origin; both "" if unknown."""
    key = id_key(PurePath(path).stem.removesuffix("_medians"))
    for name, patients in tables.items():
        if who := patients.get(key):
            return who, name
    folders = PurePath(path).parts[:-1]
    if who := next((part for part in folders if PTB_DB.fullmatch(part)), ""):
        return who.lower(), IN_FOLDER
    mimic = MIMIC.search(str(PurePath(path).parent))
    return (mimic[1], IN_FOLDER) if mimic else ("", "")
