"""The answer: one table of all tests of the maps, over all networks, and what it says in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..attribution import FLOOR, METHODS
from ..config import Results
from ..data.maps_and_curves import read_perturbation
from ..data.medians import Medians
from ..files import write_table
from ..statistics import summary
from ..truth.plants import PLANTS
from . import gaps, shortcut

COLUMNS = ["target", "method", "test", "value", "low", "high", "chance", "verdict"]
ALL = "all"
PASSES, FAILS, UNCLEAR = "passes", "fails", "unclear"
FROM_ANSWER = {"yes": PASSES, "no": FAILS, "unclear": UNCLEAR, "": ""}
# Where a value that no test decides becomes a verdict, and the reasons stand in docs/truth.md. A
# verdict has to hold for every limit between the two, so that no choice among them decides it.
MOST_POINTS = 0.4, 0.6  # of the points a map marks most: so many must lie on the plant
MOST_SHARE = 0.4, 0.6  # of the network's leaning on a marker: so much a map must show
MOST_LEFT = 0.2, 0.3  # rank correlation with the map of shuffled weights
MOST_ALIKE = 0.4, 0.6  # rank correlation between trainings
# Tests of each target: the limits, on a scale from chance (0) to 1, and whether above is passed.
GAPS = "faithful", "better_than_shifted", "better_than_other_record"
LIMITS = dict.fromkeys(GAPS, ((0, 0), True))
LIMITS |= {"depends_on_weights": (MOST_LEFT, False), "consistent": (MOST_ALIKE, True)}


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
        "does the map change when the network's weights are shuffled?",
        "rank correlation with the map of shuffled weights",
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


def perturbation_tables(
    results: Results, data: Medians, sd: Mapping[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``gaps.gap_table`` and ``gaps.faithfulness`` of all targets, one below the other.

    sd: target → SD of its test values. With several networks of a target, which were given the same
    records, an ECG's gap is the mean over them. Raises ValueError if the records differ.
    """
    patients = dict(zip(data.record_id, data.groups, strict=True))
    paths_of: dict[str, list[Path]] = {}
    for target, model in results.models():
        path = results.perturbation(target, model)
        if path.is_file():
            paths_of.setdefault(target, []).append(path)
    tables = []
    for target, paths in paths_of.items():
        first, *more = map(read_perturbation, paths)
        if any(list(part.record_id) != list(first.record_id) for part in more):
            raise ValueError(f"the networks of {target} were perturbed on other records; run 06")
        groups = [patients.get(record, record) for record in first.record_id]
        tables.append(gaps.gap_table(first, target, sd[target], groups, more=more))
    if not tables:
        return pd.DataFrame(columns=gaps.COLUMNS), pd.DataFrame(columns=["target", "method"])
    summaries = [gaps.faithfulness(table) for table in tables]
    return pd.concat(tables, ignore_index=True), pd.concat(summaries, ignore_index=True)


def from_perturbation(table: pd.DataFrame, summaries: pd.DataFrame) -> list[dict]:
    """The three tests by perturbation, from the two tables of perturbation_tables."""
    rows = []
    answers = {"faithful": PASSES, "worse than the floor": FAILS}
    for judged in summaries.itertuples():
        values = (judged.gain, judged.gain_low, judged.gain_high, 0.0)
        verdict = answers.get(judged.verdict, UNCLEAR)
        rows.append(row(judged.target, judged.method, "faithful", *values, verdict))
    overall = table[table.operator == ALL]
    for floor in ("shifted", "other_record"):
        for judged in overall[overall.floor == floor].itertuples():
            values = (judged.gain, judged.gain_low, judged.gain_high, 0.0)
            where = judged.target, judged.method, f"better_than_{floor}"
            rows.append(row(*where, *values, FROM_ANSWER[judged.verdict]))
    return rows


def from_readers(scores: pd.DataFrame) -> list[dict]:
    """The readers' mean scores, of ``study.results.scores``; chance is what random maps got."""
    return [
        row(
            ALL,
            scored.method,
            "readers",
            *(scored.score, scored.low, scored.high, scored.chance),
            FROM_ANSWER[scored.verdict],
        )
        for scored in scores.itertuples()
    ]


def _beside(interval, limits: tuple[float, float], above: bool = True) -> str:
    """Passes where the whole interval lies on the right side of all limits, fails on the other."""
    lowest, highest = limits
    if not np.isfinite([interval.low, interval.high, lowest, highest]).all():
        return UNCLEAR
    if interval.low > highest:
        return PASSES if above else FAILS
    return UNCLEAR if interval.high >= lowest else FAILS if above else PASSES


def from_planted(scores: pd.DataFrame) -> list[dict]:
    """The tests by planted truth, from the scores of all planted networks that have learnt.

    A method passes a plant if most of the points it marks most lie on it; it exposes the shortcut
    if its share on the marker is most of what the marker counts for the network, wherever in its
    interval that lies. A network that leans on the marker so little that a map which knows nothing
    would pass is not judged by.
    """
    rows = []
    for name, plant in PLANTS.items():
        score = shortcut.SHARE if plant.gives_away else "rank"
        part = scores[(scores.plant == name) & (scores.score == score)]
        limits, certain = MOST_POINTS, True
        if plant.gives_away:
            leaning = part[part.method == shortcut.TRUTH]
            ends = leaning.low.mean(), leaning.high.mean()
            limits = tuple(share * end for share, end in zip(MOST_SHARE, ends, strict=True))
            certain = len(leaning) and np.isfinite(leaning.value).all()
        for scored in part[part.method.isin(METHODS)].itertuples():
            values = (scored.value, scored.low, scored.high, scored.chance)
            judged = certain and scored.method != FLOOR and not limits[1] <= scored.chance
            verdict = _beside(scored, limits) if judged else ""
            rows.append(row(ALL, scored.method, planted_test(name), *values, verdict))
    return rows


def from_truth(results: Results) -> list[dict]:
    """How each target's maps depend on its network's weights, and agree between its trainings.

    Likeness is held against the limits on a scale from chance (0) to the same map (1).
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for target, model in results.models():
        path = results.truth(target, model)
        if path.is_file():
            tables.setdefault(target, []).append(pd.read_csv(path))
    rows = []
    for target, several in tables.items():
        whole = pd.concat(several)
        whole = whole[(whole.score == "rank correlation") & whole.method.isin(METHODS)]
        for part, test in ("weights", "depends_on_weights"), ("trainings", "consistent"):
            means = whole[whole.part == part].groupby("method", sort=False)
            for method, mean in means[["value", "low", "high", "chance"]].mean().iterrows():
                verdict = "" if method == FLOOR else _beside_limits(mean, test)
                rows.append(row(target, method, test, *mean, verdict))
    return rows


def _beside_limits(interval, test: str) -> str:
    """``_beside`` for a test of LIMITS; interval: with low, high and chance (0 if unknown)."""
    limits, above = LIMITS[test]
    chance = interval.chance if np.isfinite(interval.chance) else 0.0
    lowest, highest = (chance + limit * (1 - chance) for limit in limits)
    return _beside(interval, (lowest, highest), above)


def gather(
    results: Results,
    data: Medians,
    sd: Mapping[str, float],
    shared: Iterable[dict] = (),
) -> pd.DataFrame:
    """Write ``review.csv`` from what a results folder holds, and return it.

    Beside it ``faithful.csv``, which operators say what. sd: target → SD of its test values.
    shared: rows that belong to no target.
    """
    gap_table, summaries = perturbation_tables(results, data, sd)
    write_table(summaries, results.faithful)
    rows = from_perturbation(gap_table, summaries)
    rows += from_truth(results)
    table = pd.DataFrame(rows, columns=COLUMNS)
    parts = [table, over_targets(table), pd.DataFrame(shared, columns=COLUMNS)]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    write_table(table, results.review)
    return table


def over_targets(table: pd.DataFrame) -> pd.DataFrame:
    """Rows ``all``: the mean over targets, with its 95 % interval over targets.

    Fewer than six targets give no such interval: then it reaches from the lowest end to the highest
    of their own. The verdict is that of most targets (more than half), unless an interval over
    targets says otherwise: that is unclear, as a mixture is, for then the way of summing up would
    decide. Tests that stand under ``all`` already, because they belong to no target, are left out.
    """
    rows = []
    single = table[(table.target != ALL) & table.value.notna()]
    for (method, test), part in single.groupby(["method", "test"], sort=False):
        over = pd.Series(summary(part.value.to_numpy(float)) | {"chance": part.chance.mean()})
        verdicts = part.verdict.value_counts()
        most = verdicts.idxmax() if verdicts.max() > len(part) / 2 else UNCLEAR
        if not np.isfinite([over.low, over.high]).all():  # too few targets for one over them
            over.low, over.high = part.low.min(), part.high.max()
        elif most and _beside_limits(over, test) != most:
            most = UNCLEAR
        rows.append(row(ALL, method, test, over.value, over.low, over.high, over.chance, most))
    return pd.DataFrame(rows, columns=COLUMNS)
