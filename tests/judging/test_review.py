"""The review: verdicts need a whole interval, mixtures are unclear, nothing is said of nothing."""

import numpy as np
import pandas as pd
import pytest

from ecghelpers.config import Results
from ecghelpers.ecg import TARGETS
from ecghelpers.judging import agreement, planted_networks, review, review_words
from ecghelpers.statistics import summary

SCORES = ("plant", "method", "score", "value", "low", "high", "chance")


def label(method):
    return method.upper()


def planted(*rows):
    return pd.DataFrame(rows, columns=SCORES)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.61, 0.9, "passes"),
        (0.1, 0.39, "fails"),
        (0.3, 0.7, "unclear"),
        (np.nan, 0.9, "unclear"),
        (0.51, 0.52, "unclear"),  # whichever side of one half: a limit of 0.53 would say otherwise
        (0.48, 0.49, "unclear"),
    ],
)
def test_a_plant_is_found_only_if_the_whole_interval_says_so_for_every_limit(low, high, verdict):
    table = planted(("amplitude", "saliency", "rank", 0.5, low, high, 0.01))
    (row,) = review.from_planted(table)
    assert (row["test"], row["target"], row["verdict"]) == ("planted_amplitude", "all", verdict)


@pytest.mark.parametrize(("records", "believed"), [(5, 0), (8, 0.1)])
def test_few_records_give_no_verdict_and_chance_alone_hardly_ever(records, believed):
    """Maps that reach the limit exactly: neither better nor worse."""
    random = np.random.default_rng(records)
    verdicts = []
    for _ in range(150):
        found = summary(random.normal(max(review.MOST_POINTS), 0.2, records))
        rows = planted(("amplitude", "saliency", "rank", *list(found.values())[1:], 0.01))
        verdicts += [row["verdict"] for row in review.from_planted(rows)]
    assert np.mean([verdict != "unclear" for verdict in verdicts]) <= believed


def test_a_shortcut_is_held_against_what_the_network_does_with_it():
    """A network that leans by 0.7 to 0.9 on the marker: a share above 0.54 shows it, whatever the
    limit, one below 0.28 does not; one that hardly leans on it can judge no map."""

    def verdicts(*network):
        table = planted(
            ("shortcut", "network", "marker share", *network, np.nan),
            ("shortcut", "saliency", "marker share", 0.6, 0.56, 0.64, 0.06),
            ("shortcut", "smoothgrad", "marker share", 0.42, 0.4, 0.44, 0.06),
            ("shortcut", "deeplift", "marker share", 0.2, 0.16, 0.24, 0.06),
            ("shortcut", "random", "marker share", 0.06, 0.05, 0.07, 0.06),
        )
        table = table[table.method.ne("network") | table.value.notna()]
        return {row["method"]: row["verdict"] for row in review.from_planted(table)}

    leaning = {"saliency": "passes", "smoothgrad": "unclear", "deeplift": "fails", "random": ""}
    assert verdicts(0.8, 0.7, 0.9) == leaning
    assert set(verdicts(0.09, 0.08, 0.095).values()) == {""}
    assert set(verdicts(np.nan, np.nan, np.nan).values()) == {""}


def test_likeness_is_judged_beyond_chance(tmp_path):
    """Maps times the same beat are alike by 0.58 whatever the network: 0.45 is not failing."""
    rows = [
        ("weights", "inputxgradient", 0.45, 0.58, "passes"),
        ("weights", "saliency", 0.45, 0.0, "fails"),
        ("weights", "deeplift", 0.95, 0.58, "fails"),
        ("trainings", "inputxgradient", 0.7, 0.58, "fails"),
        ("trainings", "saliency", 0.7, 0.0, "passes"),
        ("trainings", "random", 0.0, 0.0, ""),
    ]
    table = pd.DataFrame(rows, columns=["part", "method", "value", "chance", "verdict"])
    table = table.assign(score="rank correlation", n=9, low=table.value, high=table.value)
    paths = Results(tmp_path)
    for name in (paths.network("qt", 1), paths.truth("qt", 1)):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.touch()
    table.reindex(columns=agreement.COLUMNS).to_csv(paths.truth("qt", 1), index=False)
    found = {(row["test"], row["method"]): row["verdict"] for row in review.from_truth(paths)}
    test = {"weights": "depends_on_weights", "trainings": "consistent"}
    assert found == {(test[row[0]], row[1]): row[-1] for row in rows}


def test_over_targets_most_decide_and_a_mixture_is_unclear():
    def rows(method, *verdicts):
        return [
            review.row(target, method, "faithful", value, value - 0.1, value + 0.1, 0.0, verdict)
            for target, value, verdict in zip(("qt", "pr", "qrs"), (1, 2, 3), verdicts, strict=True)
        ]

    table = pd.DataFrame(rows("saliency", "passes", "passes", "fails"))
    mixed = pd.DataFrame(rows("deeplift", "passes", "unclear", "fails"))
    over = review.over_targets(pd.concat([table, mixed])).set_index("method")
    assert over.verdict.to_dict() == {"saliency": "passes", "deeplift": "unclear"}
    ends = over.loc["saliency", ["value", "low", "high"]]
    assert list(ends) == pytest.approx([2, 0.9, 3.1])  # too few targets for an interval over them
    seven = [review.row(t, "m", "faithful", i, -9, 9, 0.0, "passes") for i, t in enumerate(TARGETS)]
    over = review.over_targets(pd.DataFrame(seven)).iloc[0]
    assert 0 < over.low < over.value == 3 < over.high < 6 and over.verdict == "passes"
    seven[0]["value"] = -30.0  # one target against six, and more than all of them
    assert review.over_targets(pd.DataFrame(seven)).verdict[0] == "unclear"


def test_readers_are_held_against_what_random_maps_got():
    scores = pd.DataFrame(
        [
            ("saliency", 4, 3.5, 4.5, 2, "yes"),
            ("deeplift", 2, 1.0, 3.0, 2, "unclear"),
            ("smoothgrad", 1, 1.0, 1.5, 2, "no"),
            ("random", 2, 1.5, 2.5, 2, ""),
        ],
        columns=["method", "score", "low", "high", "chance", "verdict"],
    )
    rows = review.from_readers(scores)
    assert {row["method"]: row["verdict"] for row in rows} == {
        "saliency": "passes",
        "deeplift": "unclear",
        "smoothgrad": "fails",
        "random": "",
    }
    assert {row["chance"] for row in rows} == {2} and {row["target"] for row in rows} == {"all"}
    assert review.from_readers(scores[:0]) == []


def test_the_words_say_what_the_table_says():
    assert "nothing to say" in review_words.answer(pd.DataFrame(columns=review.COLUMNS), label)
    values = (0.5, 0.4, 0.6, 0.0)
    table = pd.DataFrame(
        [
            review.row("all", "saliency", "faithful", *values, "passes"),
            review.row("all", "deeplift", "faithful", *values, "fails"),
            review.row("all", "deeplift", "shortcut", *values, "unclear"),
            review.row("qt", "deeplift", "faithful", *values, "passes"),
            review.row("pr", "deeplift", "faithful", *values, "fails"),
        ]
    )
    said = review_words.answer(table, label)
    assert "2 tests were made of 2 methods" in said
    assert "No method passes every one" in said  # saliency was not given the other
    once = table[table.test == "faithful"]
    assert "Passing every one: SALIENCY" in review_words.answer(once, label)
    some = "Faithful, for some targets only: DEEPLIFT 1 of 2 (fails for PR interval)"
    assert some in said and said.endswith("Too uncertain to say: shortcut exposed of DEEPLIFT.")
    assert review_words.one_line(table, "deeplift") == "fails: faithful; unclear: shortcut exposed"
    assert review_words.one_line(table, "smoothgrad") == "not tested"


def test_a_folder_in_which_nothing_was_tested_gives_an_empty_review(tmp_path):
    paths = Results(tmp_path)
    assert (
        planted_networks.planted_scores(paths).empty
        and planted_networks.planted_sentences(paths) == {}
    )
    kept = agreement.collect({"definition": pd.DataFrame()}, tmp_path / "truth.csv")
    assert kept.empty and list(kept.columns) == agreement.COLUMNS
    assert review.from_planted(planted_networks.planted_scores(paths)) == []
    assert review.from_truth(paths) == []
