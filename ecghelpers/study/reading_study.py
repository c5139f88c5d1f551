"""The reading study: the raters' files of ratings, and the maps that they are about.

``views/assets/view/study.js`` decides the order of the maps and the letters that hide their
methods. Files come from the explorer (one row per rating) and from the page (its export). The
column ``reader`` names the rater. A row names the method by its letter alone, so that the file does
not unblind anyone who opens it. From ``mark`` this module finds the method, even if the rater was
renamed, and detects edited rows. ``beside`` is empty: two maps are no longer rated side by side.
``settings`` names the maps chosen for the study. Marks depend on text alone;
``views/assets/view/blinding.js`` has the same ``text_hash``.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..data.checks import read_bytes, shown_id

COLUMNS = ("reader", "time", "version", "study", "target", "model", "record", "code")
COLUMNS += ("beside", "score", "text", "mark", "settings")
LONGEST_ROW = 100_000  # characters
PLACE = ["target", "model", "record", "code", "mark"]
MAP = ["reader", "target", "model", "record", "method"]


def text_hash(text: str) -> int:
    """A 32-bit number from a text: FNV-1a over UTF-8, then MurmurHash3's finalizer."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def study_id(seed: int, network: Mapping) -> str:
    """A short name for the rated maps of one network; it changes with seed, maps and methods.

    network: target, model, methods, and maps (a fingerprint of them).
    """
    parts = (seed, network["target"], network["model"], network["maps"], *network["methods"])
    return f"{text_hash('|'.join(map(str, parts))):08x}"


def mark(study: str, *place) -> str:
    """A hash of study and place (target, model, record, letter, method) of the rated map.

    The analysis finds the method by trying all of them; nobody can read it in the file.
    """
    return f"{text_hash('|'.join(map(str, (study, *place)))):08x}"


class Study:
    """What can be rated: every map of the first model of each target.

    networks: target, model, records, methods and maps, as ``Cases.networks`` gives them. names: by
    target and model, the name of the study of that network's maps.
    """

    def __init__(self, networks: Sequence[dict], seed: int):
        first: dict[str, dict] = {}
        for network in networks:
            first.setdefault(network["target"], network)
        self.seed, self.networks = seed, list(first.values())
        self.names = {(n["target"], n["model"]): study_id(seed, n) for n in self.networks}

    def keep(self, folder: str | Path, row: Mapping) -> Path:
        """Add a view's row to its rater's file in a folder, and return the file.

        Raises ValueError for a row that does not fit the maps, OSError where none can be written.
        """
        checked = {name: str(row.get(name, "")) for name in COLUMNS}
        checked["reader"] = reader_name(checked["reader"])
        if not checked["reader"]:
            raise ValueError("a rating needs its rater: initials, for example")
        with io.StringIO() as text:
            _write(text, checked, header=True)
            table = _parse(text.getvalue(), "the rating")
        if reasons := self._why_left_out(table):
            raise ValueError("; ".join(reasons))
        path = reader_file(folder, checked["reader"])
        append_rating(path, checked)
        return path

    def rows_of(self, folder: str | Path, reader: str) -> list[dict]:
        """The ratings of one rater in all files of a folder, as rows."""
        table, _ = self.gather(folder)
        mine = table[table["reader"] == reader_name(reader)]
        return mine[list(COLUMNS)].to_dict("records")

    def gather(self, folder: str | Path) -> tuple[pd.DataFrame, dict[str, str]]:
        """The ratings in all raters' files of a folder, with the method that each letter hid.

        Ratings of other maps (another seed, network or settings), and those that do not fit the map
        they name, are left out. Names of raters are case-insensitive; of several ratings of one map
        by one rater the latest counts. Also returns, by file, what was left out and why.
        """
        tables, left_out = [pd.DataFrame(columns=[*COLUMNS, "method"])], {}
        for path in sorted(Path(folder).glob("*.csv")):
            try:
                table = _parse(read_bytes(path).decode("utf-8-sig"), str(path))
            except UnicodeDecodeError:
                left_out[path.name] = f"{path} is not UTF-8 text; export the ratings again"
            except (ValueError, OSError) as error:
                left_out[path.name] = str(error)
            else:
                tables.append(table.assign(method=self._methods(table)))
                if reasons := self._why_left_out(table):
                    left_out[path.name] = "; ".join(reasons)
        tables = [part for part in tables if len(part)] or tables[:1]
        table = pd.concat(tables, ignore_index=True).sort_values("time", kind="stable")
        table = table.dropna(subset="method").drop_duplicates(MAP, keep="last")
        return table.reset_index(drop=True), left_out

    def _why_left_out(self, table: pd.DataFrame) -> list[str]:
        """In words: incomplete rows, ratings of absent or replaced maps, rows that do not fit."""
        count, cut = len(table), table.attrs["cut"]
        faults: Counter[str] = Counter()
        for row, method in zip(table.itertuples(), self._methods(table), strict=True):
            network = f"{row.target} model{row.model}"
            if (study := self.names.get((row.target, row.model))) is None:
                faults[f"are of {network}, a network without maps; run 04 for it"] += 1
            elif study != row.study:
                faults["are of other maps: another seed, network or settings"] += 1
            elif method is None:
                faults[f"of {network} do not fit the map they name: edited?"] += 1
        reasons = [f"{cut} of {cut + count} rows are incomplete"] if cut else []
        return reasons + [f"{n} of {count} ratings {fault}" for fault, n in faults.items()]

    def _methods(self, table: pd.DataFrame) -> list[str | None]:
        """The method of each row, None where its mark is that of none."""
        methods = {(n["target"], n["model"]): n["methods"] for n in self.networks}
        rows = list(table[PLACE].itertuples(index=False, name=None))
        method_of = {
            (*place, mark(self.names[place[:2]], *place, method)): method
            for place in {row[:-1] for row in rows if row[:2] in methods}
            for method in methods[place[:2]]
        }
        return [method_of.get(row) for row in rows]


def _parse(text: str, name: str) -> pd.DataFrame:
    """The rows of a rater's file; ``attrs["cut"]`` counts rows whose writing was interrupted.

    Cells hold no line ends, so that such a row does not affect the next.
    """
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    header, *rows = (next(csv.reader([line[:LONGEST_ROW]])) for line in lines or [""])
    if tuple(header) != COLUMNS:
        held = ", ".join(map(shown_id, header[: len(COLUMNS)])) or "none"
        raise ValueError(f"{name} has the columns {held}; allowed: {', '.join(COLUMNS)}")
    whole = [row for row in rows if len(row) == len(header)]
    table = pd.DataFrame(whole, columns=header, dtype=str)
    for column, allowed in (("score", "[1-5]"), ("model", "[0-9]{1,9}")):
        wrong = table.loc[~table[column].str.fullmatch(allowed).astype(bool), column]
        if len(wrong):
            shown = wrong.iloc[0][:40]
            raise ValueError(f"{name} holds {shown!r}; a score is 1 to 5, a model a whole number")
    table = table.assign(reader=table["reader"].map(reader_name))
    table = table.astype({"score": int, "model": int})
    table.attrs["cut"] = len(rows) - len(whole)
    return table


def reader_name(text: str) -> str:
    """A rater's name without regard to case and spaces: AB for " ab"."""
    return " ".join(unicodedata.normalize("NFC", text).split()).upper()


def reader_file(folder: str | Path, reader: str) -> Path:
    """Where the ratings of a rater are kept. Different raters never share a file."""
    plain = re.sub(r"[^\w-]+", "_", reader)[:40]
    return Path(folder) / f"ratings-{plain}-{text_hash(reader):08x}.csv"


def append_rating(path: str | Path, row: Mapping) -> None:
    """Add one row to a rater's file, which is created with its header if it does not exist."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", newline="", encoding="utf-8", errors="replace") as file:
        file.seek(0)
        text = file.read()
        if text and not text.endswith("\n"):  # the last row was cut while it was written
            file.write("\r\n")
        _write(file, row, header=not text)


def _write(file, row: Mapping, header: bool) -> None:
    writer = csv.DictWriter(file, COLUMNS, quoting=csv.QUOTE_ALL)
    if header:
        writer.writeheader()
    writer.writerow(row)
