"""Results of ratings: closed forms, and intervals that widen where they must."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ecghelpers.evaluation import review
from ecghelpers.study import results

METHODS = ("saliency", "deeplift", "random")
TRUE_SCORES = {"deeplift": 5, "saliency": 3, "random": 1}


def ratings(score, readers=("AB",), targets=("qt",), records=5, methods=METHODS):
    """A rating of every map by every reader: score(reader, target, record, method)."""
    rows = itertools.product(readers, targets, map(str, range(records)), methods)
    table = pd.DataFrame(rows, columns=["reader", "target", "record", "method"])
    scores = [score(*row) for row in table.itertuples(index=False)]
    return table.assign(model=1, score=scores)


def test_two_readers_who_agree():
    table = ratings(lambda *row: TRUE_SCORES[row[-1]], ("AB", "CD"), records=9)
    scores = results.scores(table)
    assert list(scores["method"]) == ["deeplift", "saliency", "random"]
    assert list(scores["score"]) == [5, 3, 1] and (scores["chance"] == 1).all()
    assert (scores["low"] == scores["score"]).all() and (scores["high"] == scores["score"]).all()
    assert (scores["n"] == 9).all() and list(scores["verdict"]) == ["yes", "yes", ""]
    agreed = results.agreement(table)
    assert agreed["alpha"] == pytest.approx(1) and (agreed["maps"], agreed["records"]) == (27, 9)
    assert agreed["low"] == agreed["high"] == pytest.approx(1)


def test_scores_and_interval_in_closed_form():
    """One map a record: the interval is Student's; a record with many maps counts as one."""
    values = {"0": 1, "1": 2, "2": 4, "3": 4}
    table = ratings(lambda *row: values[row[2]], records=4, methods=("saliency",))
    [row] = results.scores(table).to_dict("records")
    reach = 3.182446 * np.std([1, 2, 4, 4], ddof=1) / 2
    assert (row["score"], row["n"], row["records"]) == (2.75, 4, 4)
    assert (row["low"], row["high"]) == pytest.approx((max(1, 2.75 - reach), min(5, 2.75 + reach)))
    many = ratings(lambda *row: values[row[2]], targets="abcdefg", records=4, methods=METHODS[:1])
    [more] = results.scores(many).to_dict("records")
    assert more["n"] == 28 and (more["low"], more["high"]) == pytest.approx(
        (row["low"], row["high"])
    )
    [one] = results.scores(table, dict.fromkeys(values, "one patient")).to_dict("records")
    assert one["records"] == 1 and np.isnan([one["low"], one["high"]]).all()


@pytest.mark.parametrize(("records", "verdict"), [(9, "yes"), (8, "unclear")])
def test_too_few_records_carry_no_verdict(records, verdict):
    """As many methods as there are, all of them rated two above random on every record."""
    methods = [f"method {number}" for number in range(9)] + ["random"]
    table = ratings(lambda *row: 2 + 2 * (row[-1] != "random"), records=records, methods=methods)
    scores = results.scores(table).set_index("method")
    assert set(scores["verdict"].drop("random")) == {verdict} and scores["chance"].iloc[0] == 2


def test_alpha_of_two_raters_in_closed_form():
    """Two values, two readers, no gaps: α = 1 − (2N − 1) · mixed / (ones · twos) for 2N ratings."""

    def score(reader, target, record, method):
        return 1 + ((method == "deeplift") != (reader == "CD" and record == "0"))

    table = ratings(score, ("AB", "CD"))
    pair = table.pivot(index=["record", "method"], columns="reader", values="score")
    mixed = (pair["AB"] != pair["CD"]).sum() * 2
    ones, twos = (table["score"] == 1).sum(), (table["score"] == 2).sum()
    expected = 1 - (len(table) - 1) * mixed / 2 / (ones * twos)
    agreed = results.agreement(table)
    assert agreed["maps"] == 15 and mixed > 0 and agreed["alpha"] == pytest.approx(expected)
    assert agreed["low"] < expected < agreed["high"] <= 1
    alone = table[(table["reader"] == "AB") | (table["record"] != "4")]
    assert results.agreement(alone)["maps"] == 12, "maps that one reader rated do not count"


def test_nothing_or_one_value_is_no_agreement_and_without_random_maps_no_verdict():
    same = ratings(lambda *row: 3, ("AB", "CD"))
    for table in (same, same[same["reader"] == "AB"], same[:0]):
        assert np.isnan(results.agreement(table)["alpha"])
    assert results.scores(same[:0]).empty
    alone = results.scores(ratings(lambda *row: 5, records=12, methods=("saliency",)))
    assert list(alone["verdict"]) == [""] and review.from_ratings(alone)[0]["verdict"] == ""
