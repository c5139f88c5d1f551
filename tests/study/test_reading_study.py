"""The reading study's files: what is rated, by whom, and what a row may say."""

import csv
import os
import re

import pandas as pd
import pytest
import reading
from refusals import refused

from ecghelpers.ecg import TARGETS
from ecghelpers.study import reading_study
from ecghelpers.study.reading_study import text_hash
from ecghelpers.views.content import study_setup

METHODS = ["saliency", "deeplift", "random"]
NETWORK = {"target": "qt", "model": 1, "records": ["a"], "methods": METHODS, "maps": "1"}
NETWORKS = [
    NETWORK | {"records": ["a", 'b"<script>', "c,d"]},
    NETWORK | {"target": "pr", "records": ["a", 'b"<script>']},
    NETWORK | {"model": 2},
]
TRUE_SCORES = {"deeplift": 5, "saliency": 3, "random": 1}


@pytest.fixture
def study():
    return reading_study.Study(NETWORKS, seed=3)


def write(study, folder, reader, score):
    """A reader's file: score(item) of each map in her order."""
    path = reading_study.reader_file(folder, reader)
    for item in reading.items(study, reader):
        row = reading.row(study, reader, item, score(item), f'{item.record}, "ok"')
        reading_study.append_rating(path, row)
    return path


def test_hash_is_fixed():
    # FNV-1a and MurmurHash3's finalizer of the empty text, worked out by hand from their constants
    value = 0x811C9DC5
    value = ((value ^ value >> 16) * 0x85EBCA6B) % 2**32
    value = ((value ^ value >> 13) * 0xC2B2AE35) % 2**32
    assert text_hash("") == value ^ value >> 16
    assert len({text_hash(f"{i}") for i in range(2000)}) == 2000


def test_the_latest_rating_counts_regardless_of_its_file(study, tmp_path):
    item = reading.items(study, "AB")[0]
    for name, time, score in (("r (1).csv", "2026-06-01", 5), ("r.csv", "2026-01-01", 1)):
        row = reading.row(study, "AB", item, score, "") | {"time": f"{time}T00:00:00.000Z"}
        reading_study.append_rating(tmp_path / name, row)
    (tmp_path / "folder.csv").mkdir()
    table, left_out = study.gather(tmp_path)
    assert list(table["score"]) == [5] and list(left_out) == ["folder.csv"]


def test_files_of_readers_do_not_collide_and_hide_the_methods(study, tmp_path):
    names = [reading_study.reader_file(tmp_path, reader) for reader in ("A/B", "A_B", "../A", "")]
    assert len(set(names)) == 4 and all(path.parent == tmp_path for path in names)
    text = write(study, tmp_path, "AB", lambda i: 2).read_text(encoding="utf-8")
    assert not [method for method in METHODS if method in text]


def test_a_renamed_reader_keeps_her_ratings(study, tmp_path):
    """Pseudonyms are given after the study; the letters were those of the reader's first name."""
    path = write(study, tmp_path, "AB", lambda i: TRUE_SCORES[i.method])
    path.write_text(path.read_text(encoding="utf-8").replace('"AB"', '"r1"'), encoding="utf-8")
    table, left_out = study.gather(tmp_path)
    assert len(table) == 15 and set(table["reader"]) == {"R1"} and not left_out
    assert all(table["score"] == table["method"].map(TRUE_SCORES))


@pytest.mark.parametrize("column", ["target", "model", "record", "code", "mark"])
def test_an_edited_row_is_left_out(study, tmp_path, column):
    path = write(study, tmp_path, "AB", lambda i: TRUE_SCORES[i.method])
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    others = {"target": {"qt": "pr", "pr": "qt"}, "model": {"1": "9"}, "record": {"a": "c,d"}}
    others |= {"code": {"A": "B", "B": "Z", "C": ""}}
    was = table[column].copy()
    table[column] = was.map(lambda value: others.get(column, {}).get(value, "0" * 8))
    edited = table[column] != was
    table.to_csv(path, index=False)
    read, left_out = study.gather(tmp_path)
    assert len(read) == (~edited).sum()
    counts = re.findall(r"(\d+) of 15 ratings", left_out[path.name])
    assert sum(map(int, counts)) == edited.sum()
    assert ("do not fit" in left_out[path.name]) == (column in ("record", "code", "mark"))


def test_ratings_of_other_maps_are_left_out(study, tmp_path):
    path = write(study, tmp_path, "AB", lambda i: 2)
    assert not len(reading_study.Study(NETWORKS, seed=4).gather(tmp_path)[0])
    retrained = [NETWORKS[0], NETWORKS[1] | {"maps": "2"}, NETWORKS[2]]
    table, left_out = reading_study.Study(retrained, seed=3).gather(tmp_path)
    assert set(table["target"]) == {"qt"} and len(table) == 9
    assert "6 of 15" in left_out[path.name]
    more = [*NETWORKS, NETWORKS[1] | {"target": "qrs", "maps": "3"}]
    assert len(reading_study.Study(more, seed=3).gather(tmp_path)[0]) == 15
    without_pr, left_out = reading_study.Study(NETWORKS[::2], seed=3).gather(tmp_path)
    assert len(without_pr) == 9 and "run 04" in left_out[path.name]
    assert not len(study.gather(tmp_path / "none")[0])


def test_names_of_raters_are_case_insensitive(study, tmp_path):
    assert reading_study.reader_name("  a\u030ab  Cd\n") == "ÅB CD"
    item = reading.items(study, "AB")[0]
    for name, score in (("AB", 2), (" ab", 4)):
        study.keep(tmp_path, reading.row(study, name, item, score, settings="maps=1"))
    [path] = tmp_path.iterdir()
    table, left_out = study.gather(tmp_path)
    assert list(table["score"]) == [4] and list(table["reader"]) == ["AB"] and not left_out
    assert list(table["settings"]) == ["maps=1"]
    # a page's file of the same reader under another name of the same letters
    older = reading.row(study, "Ab", reading.items(study, "AB")[1], 1)
    older["time"] = "2026-01-01T00:00:00.000Z"
    reading_study.append_rating(tmp_path / "ratings-page.csv", older)
    assert [row["score"] for row in study.rows_of(tmp_path, "aB ")] == [1, 4]
    assert study.rows_of(tmp_path, "CD") == []


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("score", 6, "1 to 5"),
        ("score", "", "1 to 5"),
        ("reader", "  ", "rater"),
        ("mark", "0" * 8, "do not fit"),
        ("record", "../x", "do not fit"),
        ("target", "qrs", "without maps"),
        ("study", "0" * 8, "other maps"),
    ],
)
def test_a_row_that_does_not_fit_is_not_kept(study, tmp_path, column, value, message):
    row = reading.row(study, "AB", reading.items(study, "AB")[0], 3, "") | {column: value}
    with refused(message):
        study.keep(tmp_path, row)
    assert not list(tmp_path.iterdir())


def test_a_truncated_row_does_not_affect_the_others(study, tmp_path):
    path = write(study, tmp_path, "AB", lambda i: TRUE_SCORES[i.method])
    rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\r\n".join(rows[:9]) + "\r\n" + rows[9][:30], encoding="utf-8")
    given = dict(zip(reading_study.COLUMNS, next(csv.reader([rows[9]])), strict=True))
    assert study.keep(tmp_path, given) == path, "the next rating begins a row of its own"
    table, left_out = study.gather(tmp_path)
    assert len(table) == 9 and left_out == {path.name: "1 of 10 rows are incomplete"}


@pytest.mark.parametrize("content", [b"", b"," * 200_000, b"\xff\xfe", b"sep=;\n", b"\0"])
def test_a_foreign_file_does_not_affect_the_others(study, tmp_path, content):
    write(study, tmp_path, "AB", lambda i: TRUE_SCORES[i.method])
    (tmp_path / "x.csv").write_bytes(content)
    os.mkfifo(tmp_path / "pipe.csv")
    table, left_out = study.gather(tmp_path)
    assert len(table) == 15 and set(left_out) == {"x.csv", "pipe.csv"}
    assert all(reason.isprintable() and len(reason) < 400 for reason in left_out.values())


def test_the_setup_proposes_two_records_of_one_target():
    told = study_setup([NETWORKS[1] | {"target": target} for target in ("pr", "qt")])
    assert told["targets"] == ["qt"] and told["records"] == 2
    assert told["questions"]["qt"] == "Does it mark where you would measure the QT interval?"
    of_all = study_setup([NETWORK | {"target": target} for target in TARGETS])
    assert len(set(of_all["questions"].values())) == len(TARGETS)
    assert study_setup([NETWORK | {"target": "pr"}])["targets"] == ["pr"]
