"""The arithmetic of the reading study, proved on two made-up readers' files."""

import numpy as np
import pandas as pd
import pytest

from ecghelpers.study import reading_study
from ecghelpers.study.blinding import letters, shuffled, text_hash

METHODS = ["saliency", "deeplift", "random"]
NETWORKS = [
    {
        "target": "qt",
        "model": 1,
        "records": ["a", 'b"<script>', "c,d"],
        "methods": METHODS,
        "maps": "1",
    },
    {"target": "pr", "model": 1, "records": ["a", 'b"<script>'], "methods": METHODS, "maps": "1"},
    {"target": "qt", "model": 2, "records": ["a"], "methods": METHODS, "maps": "1"},
]
TRUE_SCORES = {"deeplift": 5, "saliency": 3, "random": 1}


@pytest.fixture
def study():
    return reading_study.Study(NETWORKS, seed=3)


def write(study, folder, reader, score, count=None):
    """A reader's file: score(item) of each of the first `count` maps in her order."""
    path = reading_study.reader_file(folder, reader)
    for item in study.items(reader)[:count]:
        reading_study.append_rating(
            path, study.row(reader, item, score(item), f'{item.record}, "ok"')
        )
    return path


def test_hash_is_fixed():
    # FNV-1a and MurmurHash3's finalizer of the empty text, worked out by hand from their constants
    value = 0x811C9DC5
    value = ((value ^ value >> 16) * 0x85EBCA6B) % 2**32
    value = ((value ^ value >> 13) * 0xC2B2AE35) % 2**32
    assert text_hash("") == value ^ value >> 16
    assert len({text_hash(f"{i}") for i in range(2000)}) == 2000


def test_order_depends_on_the_key_alone():
    items = [f"item {i}" for i in range(50)]
    assert shuffled(items, "k") == shuffled(items[::-1], "k") != shuffled(items, "l")
    first = [letters(METHODS, 1, reader, "qt", 1, "a")["A"] for reader in map(str, range(300))]
    share = np.array([first.count(method) for method in METHODS]) / 300
    assert (np.abs(share - 1 / 3) < 0.1).all()  # no method is favoured


def test_every_map_of_the_first_models_is_rated_once(study):
    items = study.items("AB")
    assert len(items) == len(set(items)) == 15 and {item.model for item in items} == {1}
    assert items != study.items("CD")
    assert sorted(i.key for i in items) != [i.key for i in items]


def test_two_readers_who_agree(study, tmp_path):
    paths = [write(study, tmp_path, r, lambda i: TRUE_SCORES[i.method]) for r in ("AB", "C/D")]
    table = study.read(paths)
    assert len(table) == 30 and set(table["reader"]) == {"AB", "C/D"}
    assert all(table["score"] == table["method"].map(TRUE_SCORES))
    scores = reading_study.scores(table).set_index("method")
    assert scores["score"].to_dict() == TRUE_SCORES and list(scores.index)[0] == "deeplift"
    assert (scores["low"] == scores["score"]).all() and (scores["n"] == 5).all()
    assert reading_study.agreement(table) == pytest.approx(1)
    aopc = pd.DataFrame({"target": "qt", "model": 1, "method": METHODS, "aopc": [2.0, 3.0, 1.0]})
    [row] = reading_study.rank_correlation(table, aopc).to_dict("records")
    assert row["target"] == "qt" and row["rho"] == pytest.approx(1)
    aopc["aopc"] *= -1
    assert reading_study.rank_correlation(table, aopc)["rho"][0] == pytest.approx(-1)


def test_alpha_of_two_readers_in_closed_form(study, tmp_path):
    """Two values, two readers, no gaps: α = 1 − (2N − 1) · mixed / (ones · twos) for 2N ratings."""
    first = write(study, tmp_path, "AB", lambda i: 1 + (i.method == "deeplift"))
    flip = {(i.target, i.record) for i in study.items("AB") if i.record == "a"}
    second = write(
        study,
        tmp_path,
        "CD",
        lambda i: 1 + ((i.method == "deeplift") != ((i.target, i.record) in flip)),
    )
    table = study.read([first, second])
    pair = table.pivot(index=["target", "record", "method"], columns="reader", values="score")
    mixed = (pair["AB"] != pair["CD"]).sum() * 2
    ones, twos = (table["score"] == 1).sum(), (table["score"] == 2).sum()
    expected = 1 - (len(table) - 1) * mixed / 2 / (ones * twos)
    assert mixed > 0 and reading_study.agreement(table) == pytest.approx(expected)


def test_intervals_cover_the_spread_between_maps(study, tmp_path):
    path = write(study, tmp_path, "AB", lambda i: 1 if i.record == "a" else 5)
    scores = reading_study.scores(study.read([path]))
    assert (scores["low"] < scores["score"]).all() and (scores["score"] < scores["high"]).all()
    np.testing.assert_allclose(scores["score"], (1 + 1 + 5 + 5 + 5) / 5)


def test_one_reader_or_one_value_has_no_agreement(study, tmp_path):
    same = [write(study, tmp_path, reader, lambda i: 3) for reader in ("AB", "CD")]
    assert np.isnan(reading_study.agreement(study.read(same[:1])))
    assert np.isnan(reading_study.agreement(study.read(same)))
    assert reading_study.scores(study.read([])).empty


def test_last_rating_of_a_map_counts(study, tmp_path):
    path = write(study, tmp_path, "AB", lambda i: 1)
    item = study.items("AB")[0]
    reading_study.append_rating(path, study.row("AB", item, 4, "changed my mind"))
    table = study.read([path])
    assert len(table) == 15 and table["score"].max() == 4


def test_the_latest_rating_counts_whatever_its_file_is_called(study, tmp_path):
    item = study.items("AB")[0]
    for name, time, score in (("r (1).csv", "2026-06-01", 5), ("r.csv", "2026-01-01", 1)):
        row = study.row("AB", item, score, "") | {"time": f"{time}T00:00:00.000Z"}
        reading_study.append_rating(tmp_path / name, row)
    (tmp_path / "folder.csv").mkdir()
    table, left_out = study.gather(tmp_path)
    assert list(table["score"]) == [5] and list(left_out) == ["folder.csv"]


def test_files_of_readers_do_not_collide_and_hide_the_methods(study, tmp_path):
    names = [reading_study.reader_file(tmp_path, reader) for reader in ("A/B", "A_B", "../A", "")]
    assert len(set(names)) == 4 and all(path.parent == tmp_path for path in names)
    text = write(study, tmp_path, "AB", lambda i: 2).read_text(encoding="utf-8")
    assert not [method for method in METHODS if method in text]


@pytest.mark.parametrize(
    ("old", "new", "message"), [('"score"', '"points"', "allowed"), ('"2",', '"6",', "1 to 5")]
)
def test_damaged_files_are_refused(study, tmp_path, old, new, message):
    path = write(study, tmp_path, "AB", lambda i: 2)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        study.read([path])


@pytest.mark.parametrize("name", ["R1", "ab", "", "CD"])
def test_a_renamed_reader_keeps_her_ratings(study, tmp_path, name):
    """Pseudonyms are given after the study; the letters were those of the reader's first name."""
    path = write(study, tmp_path, "AB", lambda i: TRUE_SCORES[i.method])
    path.write_text(path.read_text(encoding="utf-8").replace('"AB"', f'"{name}"'), encoding="utf-8")
    table, left_out = study.gather(tmp_path)
    assert len(table) == 15 and set(table["reader"]) == {name} and not left_out
    assert all(table["score"] == table["method"].map(TRUE_SCORES))


@pytest.mark.parametrize("column", ["target", "model", "record", "code", "mark"])
def test_a_row_that_says_something_else_than_was_rated_is_refused(study, tmp_path, column):
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
    assert f"{edited.sum()} of 15 ratings" in left_out[path.name]
    assert ("do not fit" in left_out[path.name]) == (column in ("record", "code", "mark"))


def test_ratings_of_other_maps_are_left_out(study, tmp_path):
    path = write(study, tmp_path, "AB", lambda i: 2)
    assert not len(reading_study.Study(NETWORKS, seed=4).read([path]))
    retrained = [
        network | {"maps": "2"} if network["target"] == "pr" else network for network in NETWORKS
    ]
    table, left_out = reading_study.Study(retrained, seed=3).gather(tmp_path)
    assert set(table["target"]) == {"qt"} and len(table) == 9
    assert "6 of 15" in left_out[path.name]
    more = [
        *NETWORKS,
        {"target": "qrs", "model": 1, "records": ["a"], "methods": METHODS, "maps": "3"},
    ]
    assert len(reading_study.Study(more, seed=3).read([path])) == 15, (
        "another target spoils nothing"
    )
    with pytest.raises(ValueError, match="1 to 5"):
        study.row("AB", study.items("AB")[0], 0, "")


def test_pairs_are_of_one_record_and_hold_every_map_once(study, tmp_path):
    pairs = study.screens("AB", 2)
    assert sorted(item.key for pair in pairs for item in pair) == sorted(
        item.key for item in study.items("AB")
    )
    assert sorted(map(len, pairs)) == [1] * 5 + [2] * 5  # three methods: a pair and one left over
    assert all(len({item.key[:3] for item in pair}) == 1 for pair in pairs)
    assert pairs != study.screens("CD", 2) and study.screens("AB", 2) == pairs
    pair = next(pair for pair in pairs if len(pair) == 2)
    path = reading_study.reader_file(tmp_path, "AB")
    for item, other in (pair, pair[::-1]):
        score = TRUE_SCORES[item.method]
        reading_study.append_rating(path, study.row("AB", item, score, "", other.code))
    table = study.read([path])
    assert list(table["beside"]) == list(table["code"][::-1])
    assert all(table["score"] == table["method"].map(TRUE_SCORES))


def test_gathering_a_folder_leaves_out_other_studies_and_damaged_files(study, tmp_path):
    ours = write(study, tmp_path, "AB", lambda i: 3)
    write(reading_study.Study(NETWORKS, seed=4), tmp_path, "CD", lambda i: 5)
    (tmp_path / "broken.csv").write_text("reader,score\nX,9\n")
    table, left_out = study.gather(tmp_path)
    assert set(table["reader"]) == {"AB"} and len(table) == 15
    assert (
        len(left_out) == 2
        and "15 of 15" in str(left_out)
        and ours.name not in left_out
        and "columns" in left_out["broken.csv"]
    )
    nothing, left_out = study.gather(tmp_path / "none")
    assert not len(nothing) and not left_out
    assert not len(reading_study.scores(nothing)) and not len(
        reading_study.rank_correlation(nothing, nothing)
    )


def test_the_interval_is_over_records_and_not_over_their_maps():
    """Seven targets of one record say little more than one of it."""
    random = np.random.default_rng(1)
    rows = [
        {"method": "saliency", "target": target, "model": 1, "record": record, "score": score}
        for record, score in enumerate(random.integers(1, 6, 12))
        for target in ("a", "b", "c", "d", "e", "f", "g")
    ]
    many, one = (
        reading_study.scores(pd.DataFrame(part)).iloc[0]
        for part in (rows, [row for row in rows if row["target"] == "a"])
    )
    assert many["score"] == pytest.approx(one["score"]) and many["n"] == 7 * one["n"]
    assert many["high"] - many["low"] == pytest.approx(one["high"] - one["low"], rel=0.1)


def test_ratings_of_maps_that_are_not_there_yet_are_not_called_others(study, tmp_path):
    path = write(study, tmp_path, "AB", lambda i: 2)
    fewer = [network for network in NETWORKS if network["target"] == "qt"]
    table, left_out = reading_study.Study(fewer, seed=3).gather(tmp_path)
    assert len(table) == 9
    reason = left_out[path.name]
    assert reason.startswith("6 of 15") and "pr model1" in reason and "run 04" in reason
    assert "other maps" not in reason
