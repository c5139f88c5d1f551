"""Tables beside records: 12SL's labels, PTB-XL+'s features, and patients."""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePath

import pandas as pd

from ..ecg import FIDUCIALS, MS_PER_SAMPLE, TARGETS
from .checks import Rejected, one_line, shown_id, text_encoding
from .folder import Entry
from .labels import LABELS, MISSING, RATE_COLUMN, given_labels

ID_COLUMN = "patid"
PATIENT_COLUMN = "patient_id"
DELIMITERS = ";\t,"
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
IN_TABLE = "the label table"
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
}
EDGES = ("P_On", "P_Off", "QRS_On", "QRS_Off", "T_On", "T_Off")
FEATURE_COLUMNS |= {
    name: (f"{edge}_Global", 1 / MS_PER_SAMPLE) for name, edge in zip(FIDUCIALS, EDGES, strict=True)
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


def read_table(path: str | Path, id_columns: Sequence[str], wanted: Sequence[str]) -> pd.DataFrame:
    """Those columns of a text table that are wanted and exist, as text, and its faulty rows.

    The heading is the first row that has one of id_columns, or else the first row; an exact name
    wins over another case. Column ``fault``: why a row has too many or too few cells, or "". Raises
    ValueError for a file that is no table, or has a wanted column twice.
    """
    try:
        with open(path, "rb") as file:
            encoding = text_encoding(file.read(4))
        lines = Path(path).read_text(encoding=encoding, errors="surrogateescape").split("\n")
        cells = [_cells(line) for line in lines[:HEADER_WITHIN]]
        named = (n for n, row in enumerate(cells) if {c.casefold() for c in row} & set(id_columns))
        start = next(named, 0)
        names, places = [name.strip() for name in cells[start]], {}
        for column in wanted:
            exact = [n for n, name in enumerate(names) if name == column]
            folded = [n for n, name in enumerate(names) if name.casefold() == column.casefold()]
            if len(same := exact or folded) > 1:
                raise ValueError(f"{path} has {len(same)} columns {column!r}; rename all but one")
            places |= {column: same[0]} if same else {}
        text = "\n".join(lines[start:])
        # an unclosed quote would swallow the rest
        quoting = csv.QUOTE_NONE if text.count('"') % 2 else csv.QUOTE_MINIMAL
        reader = csv.reader(io.StringIO(text), delimiter=_delimiter(lines[start]), quoting=quoting)
        width, rows = len(names), []
        for row in islice(reader, 1, None):
            row = [cell.strip() for cell in row]
            fault = f"label row too long: more than {width} cells" if any(row[width:]) else ""
            if len(row) < width:
                fault = f"label row truncated: {len(row)} of {width} cells"
                row += [""] * (width - len(row))
            if any(row):
                rows.append([*(row[place] for place in places.values()), fault])
    except (UnicodeError, csv.Error) as error:
        raise ValueError(f"{path} is no readable table ({one_line(error)})") from None
    table = pd.DataFrame(rows, columns=[*places, "fault"])
    table.attrs["heading"] = ", ".join(map(shown_id, names[:8])) or "none"
    return table


def _delimiter(line: str) -> str:
    return next((d for d in DELIMITERS if d in line), DELIMITERS[0])


def _cells(line: str) -> list[str]:
    """The cells of a line, without empty ones at its end."""
    delimiter = _delimiter(line)
    return next(csv.reader([line.rstrip(f"{delimiter} ")], delimiter=delimiter), [""]) or [""]


def read_label_table(path: str | Path) -> dict[str, Entry]:
    """The rows of a 12SL table by id_key, as entries without a file.

    Columns are found by name, in any order and case. Raises FileNotFoundError or ValueError if the
    table cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"labels_path {path} is no file; give the 12SL label table")
    table = read_table(path, (ID_COLUMN,), (ID_COLUMN, PATIENT_COLUMN, RATE_COLUMN, *LABELS))
    if ID_COLUMN not in table or not set(table) & TARGETS.keys():
        needed = f"{ID_COLUMN!r} and at least one of {', '.join(TARGETS)}"
        begin = table.attrs["heading"]
        raise ValueError(f"{path} lacks a column; needed: {needed}; its columns begin: {begin}")
    rows: dict[str, Entry] = {}
    known = table.drop(columns="fault").ne("").any(axis=1)
    for row in table[known].to_dict("records"):
        key, machine, reason = id_key(row[ID_COLUMN]), None, row["fault"]
        if key in rows:
            reason = "duplicate id: twice in the label table"
        elif not key:
            key, reason = f"(row {len(rows) + 1})", "bad id: empty in the label table"
        elif not reason:
            try:
                machine = given_labels(row)
            except Rejected as error:
                reason = str(error)
        who = patient_key(row.get(PATIENT_COLUMN, ""))
        rows[key] = Entry(key, "", "", machine, reason, who, IN_TABLE if who else "")
    return rows


def read_features(path: Path) -> dict[str, dict[str, float]]:
    """PTB-XL+'s values of 12SL by id_key of the record, under the names of targets and fiducials.

    Raises ValueError for a table without record ids.
    """
    columns = {column: name for name, (column, _) in FEATURE_COLUMNS.items()}
    table = read_table(path, ("ecg_id",), ("ecg_id", *columns)).drop(columns="fault")
    if "ecg_id" not in table:
        raise ValueError(f"{path} has no column 'ecg_id'")
    table.index = table.pop("ecg_id").map(id_key)
    table = table.rename(columns=columns).apply(pd.to_numeric, errors="coerce")
    return table.mul({n: FEATURE_COLUMNS[n][1] for n in table}).T.to_dict()


def file_beside(folder: str | Path, *names: str) -> Path | None:
    """The first file of these names in a folder or one of the PARENTS folders above it."""
    places = [Path(folder).absolute(), *Path(folder).absolute().parents][: PARENTS + 1]
    paths = (place / name for place in places for name in names)
    return next((path for path in paths if path.is_file()), None)


def tables_beside(folder: str | Path) -> dict[str, dict[str, str]]:
    """The known tables in a folder or above it: table's name → id_key of a record → patient."""
    found = {name: file_beside(folder, name) for name in PATIENT_TABLES}
    return {name: _read_patients(p, *PATIENT_TABLES[name]) for name, p in found.items() if p}


def _read_patients(path: Path, id_columns: Sequence[str], patient_column: str) -> dict[str, str]:
    """By id_key of a table's records, whose columns contain names or paths, the patient of each."""
    table = read_table(path, id_columns, (*id_columns, patient_column)).drop(columns="fault")
    patients: dict[str, str] = {}
    if patient_column in table:
        table.index = table.pop(patient_column).map(patient_key)
        for column in table:
            keys = table[column].map(lambda cell: id_key(PurePath(cell).name))
            patients |= {key: who for who, key in keys.items() if who}
    return patients


def record_key(path: str) -> str:
    """The id_key by which tables name a file's record, without PTB-XL+'s suffix."""
    return id_key(PurePath(path).stem.removesuffix("_medians"))


def patient_of(path: str, tables: dict[str, dict[str, str]]) -> tuple[str, str]:
    """A file's patient by a table or its folders, and the origin; both "" if unknown."""
    for name, patients in tables.items():
        if who := patients.get(record_key(path)):
            return who, name
    folder = PurePath(path).parent
    if who := next(filter(PTB_DB.fullmatch, folder.parts), ""):
        return who.lower(), IN_FOLDER
    mimic = MIMIC.search(str(folder))
    return (mimic[1], IN_FOLDER) if mimic else ("", "")
