"""The answer: one table of all tests of the maps, over all networks, and what it says in words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import gaps
from .attribution import METHODS
from .config import Results, generator
from .data.store import Medians, Perturbation, read_perturbation
from .ecg import TARGETS
from .evaluation import FLOOR
from .files import whole_file

COLUMNS = ["target", "method", "test", "value", "low", "high", "chance", "verdict"]
ALL = "all"
PASSES, FAILS, UNCLEAR = "passes", "fails", "unclear"
FROM_ANSWER = {"yes": PASSES, "no": FAILS, "unclear": UNCLEAR, "": ""}
RESAMPLES = 2000
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


TESTS = {
    "planted_amplitude": Test(
        "planted amplitude",
        "is a bump of known place, whose height is the label, what the map marks most?",
        "rank accuracy",
    ),
    "planted_interval": Test(
        "planted interval",
        "are two bumps of known places, whose distance is the label, what the map marks most?",
        "rank accuracy",
    ),
    "shortcut": Test(
        "shortcut exposed",
        "does the map show the marker that gave the label away in training?",
        "share of the map",
    ),
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
    """A row of the review, with the contract's columns."""
    return dict(
        zip(COLUMNS, (target, method, test, value, low, high, chance, verdict), strict=True)
    )


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
    """The readers' mean scores, of ``reading_study.scores``; chance is what random maps got.

    Empty without ratings. passes: the interval lies above the score of random maps.
    """
    if scores.empty:
        return []
    table = scores.set_index("method")
    chance = float(table.score.get(FLOOR, np.nan))
    rows = []
    for method, found in table.iterrows():
        verdict = PASSES if found.low > chance else FAILS if found.high < chance else UNCLEAR
        verdict = "" if method == FLOOR or np.isnan(chance) else verdict
        values = (found.score, found.low, found.high, chance)
        rows.append(row(ALL, method, "readers", *values, verdict))
    return rows


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
    for plant in ("amplitude", "interval"):
        part = scores[(scores.plant == plant) & (scores.score == "rank")]
        for found in part[part.method.isin(METHODS)].itertuples():
            values = (found.value, found.low, found.high, found.chance)
            verdict = "" if found.method == FLOOR else _beside(found, MOST_POINTS)
            rows.append(row(ALL, found.method, f"planted_{plant}", *values, verdict))
    part = scores[scores.score == "marker share"].set_index("method")
    leaning = part.value.get("network", np.nan)
    for found in part.reset_index().itertuples():
        if found.method in METHODS:
            values = (found.value, found.low, found.high, found.chance)
            known = np.isfinite(leaning) and found.method != FLOOR
            verdict = _beside(found, leaning * MOST_SHARE) if known else ""
            rows.append(row(ALL, found.method, "shortcut", *values, verdict))
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
    """Rows ``all``: the mean over targets, with the 95 % interval of a bootstrap over targets.

    The verdict is that of most targets (more than half); a mixture is unclear. Tests that stand
    under ``all`` already, because they belong to no target, are left as they are.
    """
    rows = []
    single = table[(table.target != ALL) & table.value.notna()]
    for (method, test), part in single.groupby(["method", "test"], sort=False):
        values = part.value.to_numpy(float)
        draws = generator(0, "targets", str(len(values))).integers(
            len(values), size=(RESAMPLES, len(values))
        )
        low, high = np.quantile(values[draws].mean(1), (0.025, 0.975))
        if len(values) == 1:
            low, high = part.low.iloc[0], part.high.iloc[0]
        verdicts = part.verdict.value_counts()
        most = verdicts.idxmax() if verdicts.max() > len(part) / 2 else UNCLEAR
        rows.append(row(ALL, method, test, values.mean(), low, high, part.chance.mean(), most))
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
    open_ones = overall[overall.verdict == UNCLEAR]
    if len(open_ones):
        parts = [
            f"{TESTS[test].label} of {_names(list(part.method), label)}"
            for test, part in open_ones.groupby("test", sort=False)
        ]
        said.append(f"too uncertain to say, or different between targets: {'; '.join(parts)}")
    return ". ".join(text[0].upper() + text[1:] for text in said) + "."


def _only_some_targets(table: pd.DataFrame, label: Callable[[str], str]) -> list[str]:
    """Which methods are faithful for some targets and fail for others."""
    part = table[(table.test == "faithful") & (table.target != ALL)]
    said = []
    for method, rows in part.groupby("method", sort=False):
        good = [TARGETS[t].label for t in rows.target[rows.verdict == PASSES]]
        bad = [TARGETS[t].label for t in rows.target[rows.verdict == FAILS]]
        if good and bad:
            said.append(
                f"{label(method)} is faithful for {', '.join(good)}, but worse than random for "
                f"{', '.join(bad)}"
            )
    return said


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
