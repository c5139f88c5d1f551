"""The reading study: the raters' files of ratings, and the maps that they are about.

``views/assets/view/study.js`` decides the order of the maps and the letters that hide their
methods. Files come from the explorer (one row per rating) and from the page (its export). A row
names the method by its letter alone, so that a file cannot unblind its reader. From ``mark`` this
module finds the method, even if the reader was renamed, and detects edited rows. ``beside`` is the
letter of the map beside the rated one, empty for a single map; ``settings`` the maps chosen for the
study.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..data.checks import read_bytes, shown_id
from .marks import mark, study_id, text_hash

COLUMNS = ("reader", "time", "version", "study", "target", "model", "record", "code")
COLUMNS += ("beside", "score", "text", "mark", "settings")
SCORES = (1, 2, 3, 4, 5)
LONGEST_ROW = 100_000  # characters
PLACE = ["target", "model", "record", "code", "mark"]
MAP = ["reader", "target", "model", "record", "method"]


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
        """Add a view's row to its reader's file in a folder, and return the file.

        Raises ValueError for a row that does not fit the maps, OSError where none can be written.
        """
        checked = {name: str(row.get(name, "")) for name in COLUMNS}
        checked["reader"] = reader_name(checked["reader"])
        if not checked["reader"]:
            raise ValueError("a rating needs its reader: initials, for example")
        with io.StringIO() as text:
            _write(text, checked, header=True)
            table = _parse(text.getvalue(), "the rating")
        if reasons := self._why_left_out(table):
            raise ValueError("; ".join(reasons))
        path = reader_file(folder, checked["reader"])
        append_rating(path, checked)
        return path

    def rows_of(self, folder: str | Path, reader: str) -> list[dict]:
        """The ratings of one reader in all files of a folder, as rows."""
        table, _ = self.gather(folder)
        mine = table[table["reader"] == reader_name(reader)]
        return mine[list(COLUMNS)].to_dict("records")

    def others(self, table: pd.DataFrame) -> np.ndarray:
        """(row,) whether a rating is of another map: of another seed, network or settings."""
        places = zip(table["target"], table["model"], strict=True)
        return table["study"].to_numpy() != np.array([self.names.get(p) for p in places], object)

    def gather(self, folder: str | Path) -> tuple[pd.DataFrame, dict[str, str]]:
        """The ratings in all raters' files of a folder, with the method that each letter hid.

        Ratings of other maps (see ``others``), and those that do not fit the map they name, are
        left out. Names of raters are case-insensitive; of several ratings of one map by one rater
        the latest counts. Also returns, by file, what was left out and why.
        """
        tables, left_out = [], {}
        for path in sorted(Path(folder).glob("*.csv")):
            try:
                table = _read(path)
            except (ValueError, OSError) as error:
                left_out[path.name] = str(error)
                continue
            if len(table):
                tables.append(table)
            if reasons := self._why_left_out(table):
                left_out[path.name] = "; ".join(reasons)
        if not tables:
            return pd.DataFrame(columns=[*COLUMNS, "method"]), left_out
        table = pd.concat(tables, ignore_index=True).sort_values("time", kind="stable")
        table = table.assign(method=self._methods(table))  # None for ratings of other maps
        table = table.dropna(subset="method").drop_duplicates(MAP, keep="last")
        return table.reset_index(drop=True), left_out

    def _why_left_out(self, table: pd.DataFrame) -> list[str]:
        """In words: ratings of absent or replaced maps, incomplete rows, rows that do not fit."""
        others, count = self.others(table), len(table)
        places = list(zip(table["target"], table["model"], strict=True))
        absent = np.array([place not in self.names for place in places], bool)
        misfit = ~others & np.array([method is None for method in self._methods(table)], bool)
        reasons = []
        if cut := table.attrs.get("cut", 0):
            reasons.append(f"{cut} of {cut + count} rows are incomplete")
        if absent.any():
            names = sorted({f"{t} model{m}" for t, m in places if (t, m) not in self.names})
            reasons.append(
                f"{absent.sum()} of {count} ratings are of networks without maps "
                f"({', '.join(names)}); run 04 for them"
            )
        if (others & ~absent).any():
            reasons.append(
                f"{(others & ~absent).sum()} of {count} ratings are of other maps: another "
                "seed, network or settings"
            )
        if misfit.any():
            first = table[misfit].iloc[0]
            reasons.append(
                f"{misfit.sum()} of {count} ratings do not fit the map they name, such as "
                f"{first['target']}, record {first['record']}, letter {first['code']}: edited?"
            )
        return reasons

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


def _read(path: str | Path) -> pd.DataFrame:
    try:
        return _parse(read_bytes(path).decode("utf-8-sig"), str(path))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; export the ratings again") from None


def _parse(text: str, name: str) -> pd.DataFrame:
    """The rows of a reader's file; ``attrs["cut"]`` counts rows whose writing was interrupted.

    Cells hold no line ends, so that such a row does not affect the next.
    """
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    header, *rows = (next(csv.reader([line[:LONGEST_ROW]])) for line in lines or [""])
    if tuple(header) != COLUMNS:
        held = ", ".join(map(shown_id, header[: len(COLUMNS)])) or "none"
        raise ValueError(f"{name} has the columns {held}; allowed: {', '.join(COLUMNS)}")
    whole = [row for row in rows if len(row) == len(header)]
    table = pd.DataFrame(whole, columns=header, dtype=str)
    table = table.assign(reader=table["reader"].map(reader_name))
    wrong = [value for value in table["score"] if value not in map(str, SCORES)]
    wrong += [value for value in table["model"] if not re.fullmatch("[0-9]{1,9}", value)]
    if wrong:
        wrong = wrong[0][:40]
        raise ValueError(f"{name} holds {wrong!r}; a score is 1 to 5, a model a whole number")
    table = table.reindex(columns=COLUMNS, fill_value="").astype({"score": int, "model": int})
    table.attrs["cut"] = len(rows) - len(whole)
    return table


def reader_name(text: str) -> str:
    """A reader's name without regard to case and spaces: AB for " ab"."""
    return " ".join(unicodedata.normalize("NFC", text).split()).upper()


def reader_file(folder: str | Path, reader: str) -> Path:
    """Where the ratings of a rater are kept. Different raters never share a file."""
    plain = re.sub(r"[^\w-]+", "_", reader)[:40]
    return Path(folder) / f"ratings-{plain}-{text_hash(reader):08x}.csv"


def append_rating(path: str | Path, row: Mapping) -> None:
    """Add one row to a reader's file, which is made with its header if it is not there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", newline="", encoding="utf-8", errors="replace") as file:
        file.seek(0)
        text = file.read()
        header = next(csv.reader(text.removeprefix("\ufeff").splitlines()), [])
        if text and not text.endswith(("\r", "\n")):  # the last row was cut while it was written
            file.write("\r\n")
        if header and tuple(header) != COLUMNS:
            raise ValueError(f"{path} has other columns than {', '.join(COLUMNS)}; move it away")
        _write(file, row, header=not header)


def _write(file, row: Mapping, header: bool) -> None:
    writer = csv.DictWriter(file, COLUMNS, quoting=csv.QUOTE_ALL)
    if header:
        writer.writeheader()
    writer.writerow(row)
