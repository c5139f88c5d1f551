"""Whose record it is: from a data set's own table, from the file, or from the folder's name."""

import re
from pathlib import Path, PurePath

from .tables import id_key, read_patients

# name of the table → the columns that name records, the one that names patients
TABLES = {
    "ptbxl_database.csv": (("filename_hr", "filename_lr", "ecg_id"), "patient_id"),
    "record_list.csv": (("path", "study_id"), "subject_id"),  # MIMIC-IV-ECG
}
PARENTS = 3  # folders above source_path in which tables are looked for
PTB_DB = re.compile(r"patient\d{3}", re.ASCII | re.IGNORECASE)
MIMIC = re.compile(r"(?:^|/)p\d{4}/p(\d{8})(?:/|$)", re.ASCII)
IN_FILE = "the file itself"
IN_FOLDER = "the folder's name"


def tables_beside(folder: str | Path) -> dict[str, dict[str, str]]:
    """The known tables in a folder or above it: table's name → id_key of a record → patient."""
    places = [Path(folder).absolute(), *Path(folder).absolute().parents][: PARENTS + 1]
    found = {}
    for name, columns in TABLES.items():
        path = next((place / name for place in places if (place / name).is_file()), None)
        if path:
            found[name] = read_patients(path, *columns)
    return found


def patient_of(path: str, tables: dict[str, dict[str, str]]) -> tuple[str, str]:
    """A file's patient by a table or its folders, and the rule that told it; both "" for none."""
    key = id_key(PurePath(path).stem.removesuffix("_medians"))
    for name, patients in tables.items():
        if who := patients.get(key):
            return who, name
    folders = PurePath(path).parts[:-1]
    if who := next((part for part in folders if PTB_DB.fullmatch(part)), ""):
        return who.lower(), IN_FOLDER
    mimic = MIMIC.search(str(PurePath(path).parent))
    return (mimic[1], IN_FOLDER) if mimic else ("", "")
