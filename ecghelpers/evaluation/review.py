"""The review: a row for every method or control and every test, with its unit of replication.

To add a test, give it a row in TESTS and have 08 or the benchmark write its values.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..attribution import RANDOM
from .agreement import CEILING
from .controls import MEAN_MAP, SLOPE, VOLTAGE
from .known_networks import ORACLE
from .statistics import summary, t_interval

ALL = "all"
PASSES, FAILS, UNCLEAR = "passes", "fails", "unclear"
COLUMNS = ["target", "method", "test", "value", "low", "high", "chance", "verdict"]
COLUMNS += ["n", "unit_of_n"]
BLIND = (VOLTAGE, SLOPE, RANDOM)  # independent of the network: a test they pass is void
NO_METHOD = (*BLIND, MEAN_MAP, ORACLE, CEILING)
KNOWN = ("level", "contrast", "interval")
BY_CONSTRUCTION = (("occlusion", "against flat line"), ("occlusion@mean", "against average beat"))
FROM_ANSWER = {"yes": PASSES, "no": FAILS, "unclear": UNCLEAR}


@dataclass(frozen=True)
class Test:
    """A column of the review.

    limit: the whole interval must lie above it (below it if above is False); a share of the ceiling
    where there is one. part, score: the rows of truth.csv with its values; empty for tests on
    networks with known readouts. necessary: a method can fail the test but not pass it, since maps
    that do not depend on the network pass. beats_controls: the paired differences from |voltage|,
    |slope| and random must be above zero as well.
    """

    question: str
    unit: str
    limit: float
    part: str = ""
    score: str = ""
    above: bool = True
    chance: float = 0.0
    necessary: bool = False
    beats_controls: bool = False


BEYOND_CHANCE = "rank correlation with the map before, beyond chance"
TESTS = {  # the names that review.csv, the figure, the page and the documentation use
    "change matters": Test(
        "Does it mark where another ECG's voltages would change the prediction?",
        "rank correlation with the intervention map",
        0.5,
        "agreement",
        "donors",
        beats_controls=True,
    ),
    "against flat line": Test(
        "Does it show the contribution of each segment, compared with a flat line?",
        "correlation with the effect of removing it",
        0.5,
        "agreement",
        "signed_flat",
        beats_controls=True,
    ),
    "against average beat": Test(
        "Does it show why this ECG differs from the average one?",
        "correlation with the effect of the average beat",
        0.5,
        "agreement",
        "signed_mean",
        beats_controls=True,
    ),
    "specific to this ECG": Test(
        "Does it agree better with this ECG than the mean map of other ECGs does?",
        "gain in rank correlation",
        0.0,
        "agreement",
        "own",
        beats_controls=True,
    ),
    "known sensitivity": Test(
        "Does it find where a change would matter in a known readout?",
        "share of the truth found",
        0.5,
        score="sensitivity",
    ),
    "known contribution": Test(
        "Does it find the voltages that contributed in a known readout?",
        "share of the truth found",
        0.5,
        score="contribution",
    ),
    "shortcut exposed": Test(
        "Does it show a marker more strongly where the network reads it?",
        "share found, shortcut minus decoy",
        0.3,
        score="marker",
    ),
    "decoy ignored": Test(
        "Does it leave out a marker that the network does not read?",
        "share of the most marked points on it",
        0.1,
        score="marker",
        above=False,
        necessary=True,
    ),
    "depends on last layer": Test(
        "Does it change when the last layer is shuffled?",
        BEYOND_CHANCE,
        0.7,
        "weights",
        "last_layer",
        above=False,
    ),
    "depends on all layers": Test(
        "Does it change when all layers are shuffled?",
        BEYOND_CHANCE,
        0.3,
        "weights",
        "all_layers",
        above=False,
    ),
    "consistent between trainings": Test(
        "Do other trainings of the network have the same map?",
        "rank correlation between trainings, beyond chance",
        0.5,
        "trainings",
        "consistent",
        necessary=True,
    ),
    "stable under noise": Test(
        "Does it stay the same with 20 µV of noise?",
        "rank correlation with the map before",
        0.5,
        "stability",
        "stable",
        necessary=True,
    ),
    "raters": Test("Do raters find that it marks where they would measure?", "score, 1 to 5", 3),
}


def verdict(test: Test, low: float, high: float, ceiling: float = 1.0) -> str:
    """PASSES or FAILS where the whole interval lies on one side of the limit, else UNCLEAR."""
    limit = test.limit * ceiling
    if not np.isfinite([low, high, limit]).all():
        return UNCLEAR
    above, below = low > limit, high < limit
    if not (above or below):
        return UNCLEAR
    return PASSES if above == test.above else FAILS


def _judged(target, method, test, found: Mapping, said: str, unit_of_n: str) -> dict:
    """A row from a summary of statistics. Passing a necessary test is no verdict."""
    nothing = method in (ORACLE, CEILING) or (method, test) in BY_CONSTRUCTION
    nothing = nothing or (TESTS[test].necessary and said == PASSES)
    return {
        "target": target,
        "method": method,
        "test": test,
        **{name: found[name] for name in ("value", "low", "high", "n")},
        "chance": found.get("chance", TESTS[test].chance),
        "verdict": "" if nothing else said,
        "unit_of_n": unit_of_n,
    }


def from_truth(tables: Mapping[tuple[str, int], pd.DataFrame], groups: Mapping) -> list[dict]:
    """The tests on the networks of the targets, from their truth.csv: one ECG, one value.

    tables: (target, model) → rows of agreement.COLUMNS; groups: record → patient. Rows for each
    target and, as ``all``, for the mean over targets of each ECG: the same ECGs serve all targets,
    so the ECG (or patient) is the independent unit; between trainings it is the target.
    """
    if not tables:
        return []
    whole = pd.concat([t.assign(target=target) for (target, _), t in tables.items()])
    keys = ["part", "score", "method", "target", "record_id"]
    values = whole.groupby(keys, sort=False).value.mean().unstack("target")
    unit = "ECG" if all(groups.get(r, r) == r for r in set(whole.record_id)) else "patient"
    rows = []
    for name, test in TESTS.items():
        if not test.part or (test.part, test.score) not in values.index.droplevel([2, 3]):
            continue
        mine = values.loc[test.part, test.score]
        if test.part == "trainings":
            rows += _between_trainings(name, mine.groupby("method", sort=False).mean().T)
            continue
        for target in (*mine.columns, ALL):
            column = mine.mean(axis=1) if target == ALL else mine[target]
            table = column.unstack("method").dropna(how="all", axis=1)
            patients = [groups.get(record, record) for record in table.index]
            rows += _rows_of(target, name, test, table, patients, unit)
    # A gain over the mean map means nothing if the map does not show what matters at all.
    change = [one for one in rows if one["test"] == "change matters" and one["verdict"] == FAILS]
    failed = {(one["target"], one["method"]) for one in change}
    for one in rows:
        if one["test"] == "specific to this ECG" and (one["target"], one["method"]) in failed:
            one["verdict"] = FAILS
    return rows


def _rows_of(
    target: str, name: str, test: Test, table: pd.DataFrame, groups: Sequence, unit: str
) -> list[dict]:
    """The rows of one target and test; table: (record, method) values."""
    ceiling = float(table[CEILING].mean()) if CEILING in table else 1.0
    rows = []
    for method in table:
        found = summary(table[method].to_numpy(), groups)
        found["n"] = len(set(np.array(groups)[table[method].notna()]))  # not records of a patient
        said = verdict(test, found["low"], found["high"], ceiling)
        others = [c for c in BLIND if c in table and test.beats_controls]
        if said == PASSES and method not in NO_METHOD:
            gains = [summary((table[method] - table[c]).to_numpy(), groups) for c in others]
            said = PASSES if all(gain["low"] > 0 for gain in gains) else UNCLEAR
        rows.append(_judged(target, method, name, found, said, unit))
    return rows


def _between_trainings(name: str, means: pd.DataFrame) -> list[dict]:
    """The rows of a test between trainings; means: (target, method) over ECGs and trainings.

    The networks vary, and all ECGs are explained by the same few: the target is the unit.
    """
    rows = []
    for target in (*means.index, ALL):
        for method, column in means.items():
            mine = column if target == ALL else column[[target]]
            found = t_interval(mine.to_numpy())
            found |= {end: np.clip(found[end], -1.0, 1.0) for end in ("low", "high")}
            said = verdict(TESTS[name], found["low"], found["high"])
            rows.append(_judged(target, method, name, found, said, "target"))
    return rows


def from_known(scores: pd.DataFrame) -> list[dict]:
    """The tests on networks with known readouts.

    scores: of ``planted/scores.csv`` or ``networks/benchmark.csv``. ``shortcut exposed`` is the
    paired difference between shortcut and decoy networks of the same place. There are rows for each
    kind and, as ``all``, over kinds.
    """
    scores, rows = scores.assign(place=place_of(scores)), []
    for name in ("known sensitivity", "known contribution"):
        part = scores[(scores.score == TESTS[name].score) & scores.kind.isin(KNOWN)]
        for target in (*KNOWN, ALL):
            rows += _of_known(target, name, part if target == ALL else part[part.kind == target])
    marker = scores[scores.score == "marker"]
    rows += _of_known(ALL, "decoy ignored", marker[marker.kind == "decoy"])
    by_place = marker.groupby(["kind", "method", "place"]).value.mean().unstack("kind")
    if {"shortcut", "decoy"} <= set(by_place):
        difference = (by_place.shortcut - by_place.decoy).dropna().rename("value").reset_index()
        rows += _of_known(ALL, "shortcut exposed", difference.assign(kind="shortcut"))
    return rows


def _of_known(target: str, name: str, part: pd.DataFrame) -> list[dict]:
    rows, chance = [], over_places(part[part.method == RANDOM])["value"]
    for method, mine in part.groupby("method", sort=False):
        found = over_places(mine) | {"chance": chance}
        if name != "shortcut exposed":  # shares; that one is a difference
            found |= {end: np.clip(found[end], 0.0, 1.0) for end in ("low", "high")}
        said = verdict(TESTS[name], found["low"], found["high"])
        rows.append(_judged(target, method, name, found, said, "place"))
    return rows


def over_places(networks: pd.DataFrame) -> dict[str, float]:
    """n (places), value (mean), low and high (95 %, Student's t) of known readouts.

    networks: a row each, with its kind, place and value. Initialisations at a place are averaged.
    The networks of one place share its lead and time, so the place is the independent unit
    (cluster-robust; Cameron and Miller, J Hum Resour 50:317, 2015).
    """
    known = networks.groupby(["kind", "place"]).value.mean().dropna().reset_index()
    mean = known.value.mean()
    sums = ((known.value - mean) / len(known)).groupby(known.place).sum().to_numpy()
    return t_interval(mean + len(sums) * sums)


def place_of(scores: pd.DataFrame) -> pd.Series:
    """The place of each network, from its name "place-initialisation"."""
    return scores.model.astype(str).str.split("-").str[0].astype(int)


def from_ratings(scores: pd.DataFrame) -> list[dict]:
    """The raters' mean scores, of ``study.results.scores``; chance is what random maps got."""
    rows = []
    table = scores.drop(columns="n").rename(columns={"score": "value", "records": "n"})
    for found in table.to_dict("records"):
        said = FROM_ANSWER.get(found["verdict"], "")
        rows.append(_judged(ALL, found["method"], "raters", found, said, "ECG"))
    return rows


def voided(table: pd.DataFrame) -> dict[str, list[str]]:
    """Void test → the controls that pass it."""
    passed = table[table.method.isin(BLIND) & (table.target == ALL) & (table.verdict == PASSES)]
    return {test: list(part.method) for test, part in passed.groupby("test", sort=False)}


def put_together(rows: Iterable[dict]) -> pd.DataFrame:
    """The review's table; in a test that a control passes no method has a verdict."""
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    void = table.test.isin(voided(table)) & ~table.method.isin(BLIND)
    return table.assign(verdict=table.verdict.mask(void, ""))
