"""The answer: one table of all tests of the maps, over all networks, and what it says in words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..attribution import FLOOR, METHODS
from ..config import Results
from ..data.maps_and_curves import Perturbation, read_perturbation
from ..data.medians import Medians
from ..ecg import TARGETS
from ..files import whole_file
from ..statistics import summary
from ..truth.plants import PLANTS
from . import gaps, shortcut

COLUMNS = ["target", "method", "test", "value", "low", "high", "chance", "verdict"]
ALL = "all"
PASSES, FAILS, UNCLEAR = "passes", "fails", "unclear"
FROM_ANSWER = {"yes": PASSES, "no": FAILS, "unclear": UNCLEAR, "": ""}
# Where a value that no test decides becomes a verdict; the reasons stand in docs/truth.md.
MOST_POINTS = 0.5  # of the points a map marks most: so many must lie on the plant
MOST_SHARE = 0.5  # of the network's leaning on a marker: so much a map must show
MOST_LEFT = 0.25  # rank correlation with the map of shuffled weights
MOST_ALIKE = 0.5  # rank correlation between trainings


@dataclass(frozen=True)
class Test:
    """A column of the review: what people call it, what it asks, and what its values are."""

    label: str
    question: str
    unit: str


def planted_test(name: str) -> str:
    """What the test by a plant is called."""
    return name if PLANTS[name].gives_away else f"planted_{name}"


TESTS = {
    planted_test(name): Test(f"{name} exposed", plant.question, "share of the map")
    if plant.gives_away
    else Test(f"planted {name}", plant.question, "rank accuracy")
    for name, plant in PLANTS.items()
} | {
    "faithful": Test(
        "faithful",
        "does the map's order mean more to the network than a random one, under most operators?",
        "gap, SD",
    ),
    "better_than_shifted": Test(
        "right times", gaps.FLOOR_QUESTIONS["shifted"], "gap over the shifted map's, SD"
    ),
    "better_than_other_record": Test(
        "this ECG's own", gaps.FLOOR_QUESTIONS["other_record"], "gap over the other map's, SD"
    ),
    "depends_on_weights": Test(
        "depends on the weights",
        "does the map change when the network's weights are drawn anew?",
        "rank correlation with the map of random weights",
    ),
    "consistent": Test(
        "consistent",
        "do other trainings of the same network have the same map?",
        "rank correlation between trainings",
    ),
    "readers": Test(
        "readers",
        "do readers see in it where they would measure?",
        "score of 1 to 5",
    ),
}


def row(target, method, test, value, low, high, chance, verdict) -> dict:
    """A row of the review, with the contract's columns; an interval without ends is empty."""
    low, high = (end if np.isfinite(end) else np.nan for end in (low, high))
    values = target, method, test, value, low, high, chance, verdict
    return dict(zip(COLUMNS, values, strict=True))


def from_perturbation(
    content: Iterable[Perturbation], target: str, sd: float, patients: Mapping[str, str]
) -> list[dict]:
    """The three tests by perturbation of one target.

    content: of its networks, which were given the same records; patients: record id → patient. With
    several networks, an ECG's gap is the mean over them.
    """
    first, *more = content
    if any(list(part.record_id) != list(first.record_id) for part in more):
        raise ValueError("the networks of one target were perturbed on other records; run 06 again")
    groups = [patients.get(record, record) for record in first.record_id]
    table = gaps.gap_table(first, target, sd, groups, more=more)
    summary = gaps.faithfulness(table)
    rows = []
    answers = {"faithful": PASSES, "worse than the floor": FAILS}
    for found in summary.itertuples():
        rows.append(
            row(
                target,
                found.method,
                "faithful",
                found.gain,
                found.gain_low,
                found.gain_high,
                0.0,
                answers.get(found.verdict, UNCLEAR),
            )
        )
    overall = table[table.operator == ALL]
    for floor in ("shifted", "other_record"):
        for found in overall[overall.floor == floor].itertuples():
            values = (found.gain, found.gain_low, found.gain_high, 0.0)
            test = f"better_than_{floor}"
            rows.append(row(target, found.method, test, *values, FROM_ANSWER[found.verdict]))
    return rows


def from_readers(scores: pd.DataFrame) -> list[dict]:
    """The readers' mean scores, of ``study.results.scores``; chance is what random maps got."""
    return [
        row(
            ALL,
            found.method,
            "readers",
            *(found.score, found.low, found.high, found.chance),
            FROM_ANSWER[found.verdict],
        )
        for found in scores.itertuples()
    ]


def _beside(found, limit: float, above: bool = True) -> str:
    """Passes where the whole interval lies on the right side of a limit, fails on the other."""
    if not np.isfinite([found.low, found.high]).all():
        return UNCLEAR
    if found.low > limit:
        return PASSES if above else FAILS
    return UNCLEAR if found.high >= limit else FAILS if above else PASSES


def from_planted(scores: pd.DataFrame) -> list[dict]:
    """The tests by planted truth, from the scores of all planted networks that have learnt.

    A method passes a plant if more than half of the points it marks most lie on it; it exposes the
    shortcut if its share on the marker is at least half of what the marker counts for the network.
    """
    rows = []
    for name, plant in PLANTS.items():
        score = shortcut.SHARE if plant.gives_away else "rank"
        part = scores[(scores.plant == name) & (scores.score == score)]
        limit = MOST_POINTS
        if plant.gives_away:
            limit = MOST_SHARE * part.set_index("method").value.get(shortcut.TRUTH, np.nan)
        for found in part[part.method.isin(METHODS)].itertuples():
            values = (found.value, found.low, found.high, found.chance)
            judged = found.method != FLOOR and np.isfinite(limit)
            verdict = _beside(found, limit) if judged else ""
            rows.append(row(ALL, found.method, planted_test(name), *values, verdict))
    return rows


def from_truth(results: Results) -> list[dict]:
    """How each target's maps depend on its network's weights, and agree between its trainings."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for target, model in results.models():
        path = results.truth(target, model)
        if path.is_file():
            tables.setdefault(target, []).append(pd.read_csv(path))
    rows = []
    for target, several in tables.items():
        whole = pd.concat(several)
        whole = whole[(whole.score == "rank correlation") & whole.method.isin(METHODS)]
        for part, test, limit, above in (
            ("weights", "depends_on_weights", MOST_LEFT, False),
            ("trainings", "consistent", MOST_ALIKE, True),
        ):
            means = whole[whole.part == part].groupby("method", sort=False)
            for method, found in means[["value", "low", "high", "chance"]].mean().iterrows():
                verdict = "" if method == FLOOR else _beside(found, limit, above)
                rows.append(row(target, method, test, *found, verdict))
    return rows


def gather(
    results: Results,
    data: Medians,
    sd: Mapping[str, float],
    shared: Iterable[dict] = (),
) -> pd.DataFrame:
    """Write ``review.csv`` from what a results folder holds, and return it.

    sd: target → SD of its test values. shared: rows that belong to no target.
    """
    patients = dict(zip(data.record_id, data.groups, strict=True))
    rows, networks = [], {}
    for target, model in results.models():
        path = results.perturbation(target, model)
        if path.is_file():
            networks.setdefault(target, []).append(path)
    for target, paths in networks.items():
        content = map(read_perturbation, paths)
        rows += from_perturbation(content, target, sd[target], patients)
    rows += from_truth(results)
    table = pd.DataFrame(rows, columns=COLUMNS)
    parts = [table, over_targets(table), pd.DataFrame(shared, columns=COLUMNS)]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    write(results.review, table)
    return table


def write(path: Path, table: pd.DataFrame) -> None:
    """Write the review, whole or not at all."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)


def over_targets(table: pd.DataFrame) -> pd.DataFrame:
    """Rows ``all``: the mean over targets, with its 95 % interval over targets.

    Fewer than six targets give no such interval: then it reaches from the lowest end to the highest
    of their own. The verdict is that of most targets (more than half); a mixture is unclear. Tests
    that stand under ``all`` already, because they belong to no target, are left as they are.
    """
    rows = []
    single = table[(table.target != ALL) & table.value.notna()]
    for (method, test), part in single.groupby(["method", "test"], sort=False):
        over = summary(part.value.to_numpy(float))
        low, high = over["low"], over["high"]
        if not np.isfinite([low, high]).all():  # too few targets for an interval over them
            low, high = part.low.min(), part.high.max()
        verdicts = part.verdict.value_counts()
        most = verdicts.idxmax() if verdicts.max() > len(part) / 2 else UNCLEAR
        rows.append(row(ALL, method, test, over["value"], low, high, part.chance.mean(), most))
    return pd.DataFrame(rows, columns=COLUMNS)


def answer(table: pd.DataFrame, label: Callable[[str], str]) -> str:
    """What the review says, in a paragraph made from its rows. label: method → its name."""
    overall = table[(table.target == ALL) & (table.method != FLOOR)]
    overall = overall[overall.verdict.isin([PASSES, FAILS, UNCLEAR])]
    if overall.empty:
        return "There is nothing to say yet: no test has been made."
    tests = list(dict.fromkeys(overall.test))
    said = [f"{len(tests)} tests were made of {overall.method.nunique()} methods"]
    methods = overall.groupby("method", sort=False)
    whole = [method for method, part in methods if (part.verdict == PASSES).all()]
    said.append(
        f"passing every one: {_names(whole, label)}" if whole else "no method passes every one"
    )
    for test in tests:
        part = overall[overall.test == test]
        passing = list(part.method[part.verdict == PASSES])
        failing = list(part.method[part.verdict == FAILS])
        words = f"{TESTS[test].label}: {_names(passing, label)} pass" if passing else ""
        if not passing:
            words = f"{TESTS[test].label}: none passes"
        if failing:
            words += f", {_names(failing, label)} fail"
        said.append(words)
    said += _only_some_targets(table, label)
    open_ones = _without_mixtures(overall[overall.verdict == UNCLEAR], table)
    if len(open_ones):
        parts = [
            f"{TESTS[test].label} of {_names(list(part.method), label)}"
            for test, part in open_ones.groupby("test", sort=False)
        ]
        said.append(f"too uncertain to say: {'; '.join(parts)}")
    return ". ".join(text[0].upper() + text[1:] for text in said) + "."


def _only_some_targets(table: pd.DataFrame, label: Callable[[str], str]) -> list[str]:
    """What holds for some targets only: a sentence a test, with the targets of each method."""
    said = []
    for test, methods in table[table.target != ALL].groupby("test", sort=False):
        parts = []
        for method, rows in methods.groupby("method", sort=False):
            answers = {
                verdict: [TARGETS[t].label for t in rows.target[rows.verdict == verdict]]
                for verdict in (PASSES, FAILS)
            }
            if max(map(len, answers.values())) not in (0, len(rows)):
                told = [f"{v} for {', '.join(names)}" for v, names in answers.items() if names]
                parts.append(f"{label(method)} {' and '.join(told)}")
        if parts:
            said.append(f"{TESTS[test].label}, for some targets only: {'; '.join(parts)}")
    return said


def _without_mixtures(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Of rows over all targets, those of which no target has a verdict."""
    known = table[(table.target != ALL) & table.verdict.isin([PASSES, FAILS])]
    mixed = set(zip(known.method, known.test, strict=True))
    return rows[[pair not in mixed for pair in zip(rows.method, rows.test, strict=True)]]


def _names(methods: list[str], label: Callable[[str], str]) -> str:
    return ", ".join(map(label, methods)) or "none"


def one_line(table: pd.DataFrame, method: str) -> str:
    """What the review says of one method over all targets: tests passed, failed and open."""
    part = table[(table.target == ALL) & (table.method == method)]
    parts = []
    for verdict, word in ((PASSES, "passes"), (FAILS, "fails"), (UNCLEAR, "unclear")):
        names = [TESTS[test].label for test in part.test[part.verdict == verdict] if test in TESTS]
        if names:
            parts.append(f"{word}: {', '.join(names)}")
    return "; ".join(parts) or "not tested"
