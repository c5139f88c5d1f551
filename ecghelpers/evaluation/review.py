"""The review: a row for every method and control and test, with what it is based on.

To add a test, give it a row in TESTS and have 08 or the benchmark write its values.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..attribution import RANDOM
from ..data.medians import Medians
from ..files import read_table, write_table
from ..paths import Results
from .agreement import CEILING
from .controls import MEAN_MAP, SLOPE, VOLTAGE
from .known_networks import ORACLE
from .statistics import summary, t_interval

ALL = "all"
PASSES, FAILS, UNCLEAR = "passes", "fails", "unclear"
COLUMNS = ["target", "method", "test", "value", "low", "high", "chance", "verdict"]
COLUMNS += ["n", "unit_of_n"]
BLIND = (VOLTAGE, SLOPE, RANDOM)  # they know nothing of the network: a test they pass tells nothing
NO_METHOD = (*BLIND, MEAN_MAP, ORACLE, CEILING)
KNOWN = ("level", "contrast", "interval")
BY_CONSTRUCTION = (("occlusion", "flat"), ("occlusion@mean", "mean"))  # it is this very effect
FROM_ANSWER = {"yes": PASSES, "no": FAILS, "unclear": UNCLEAR}


@dataclass(frozen=True)
class Test:
    """A column of the review.

    limit: what the whole interval has to lie above (or below, unless above), as a share of the
    ceiling where there is one. part, score: of its values in truth.csv; empty for tests on networks
    with known readouts. necessary: failing tells something and passing does not, since a map that
    knows nothing can pass. beats_controls: the paired difference to |voltage| and |slope| has to be
    above zero as well.
    """

    label: str
    question: str
    unit: str
    limit: float
    above: bool = True
    part: str = ""
    score: str = ""
    chance: float = 0.0
    necessary: bool = False
    beats_controls: bool = False


TESTS = {
    "change": Test(
        "a change would matter",
        "does it mark where another ECG's voltages would matter?",
        "rank correlation with the intervention map",
        0.5,
        part="agreement",
        score="donors",
        beats_controls=True,
    ),
    "flat": Test(
        "what is there",
        "does it tell what each segment adds, against a flat line?",
        "correlation with the effect of removing it",
        0.5,
        part="agreement",
        score="signed_flat",
        beats_controls=True,
    ),
    "mean": Test(
        "why unlike average",
        "does it tell why this ECG differs from the average one?",
        "correlation with the effect of the average beat",
        0.5,
        part="agreement",
        score="signed_mean",
        beats_controls=True,
    ),
    "own": Test(
        "this ECG's own",
        "does it say more of this ECG than the mean map of other ECGs?",
        "gain in rank correlation",
        0.0,
        part="agreement",
        score="own",
    ),
    "known_sensitivity": Test(
        "known: change",
        "does it find where a change would matter in a known readout?",
        "share of the truth found",
        0.5,
        score="sensitivity",
        chance=0.005,
    ),
    "known_contribution": Test(
        "known: what is there",
        "does it find what was there in a known readout?",
        "share of the truth found",
        0.5,
        score="contribution",
        chance=0.005,
    ),
    "shortcut": Test(
        "shortcut exposed",
        "does it mark a marker more where the network reads it?",
        "share found, shortcut minus decoy",
        0.3,
        score="marker",
    ),
    "decoy": Test(
        "decoy ignored",
        "does it leave out a marker that the network does not read?",
        "share of the most marked points on it",
        0.1,
        score="marker",
        above=False,
        chance=0.005,
        necessary=True,
    ),
    "depends_on_last_layer": Test(
        "depends on last layer",
        "does it change when the last layer is shuffled?",
        "rank correlation with the map before, beyond chance",
        0.7,
        part="weights",
        score="last_layer",
        above=False,
    ),
    "depends_on_weights": Test(
        "depends on all layers",
        "does it change when all layers are shuffled?",
        "rank correlation with the map before, beyond chance",
        0.3,
        part="weights",
        score="all_layers",
        above=False,
    ),
    "consistent": Test(
        "consistent",
        "do other trainings of the network have the same map?",
        "rank correlation between trainings",
        0.5,
        part="trainings",
        score="consistent",
        necessary=True,
    ),
    "stable": Test(
        "stable",
        "does it stay with 20 µV of noise?",
        "rank correlation with the map before",
        0.5,
        part="stability",
        score="stable",
        necessary=True,
    ),
    "readers": Test(
        "readers", "do readers see in it where they would measure?", "score, 1 to 5", 3
    ),
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


def row(target, method, test, value, low, high, chance, verdict, n=0, unit_of_n="ECG") -> dict:
    """A row of the review with the columns of COLUMNS; an end of an interval may be missing."""
    low, high = (end if np.isfinite(end) else np.nan for end in (low, high))
    values = target, method, test, value, low, high, chance, verdict, n, unit_of_n
    return dict(zip(COLUMNS, values, strict=True))


def _judged(target, method, test, found: Mapping, said: str, unit_of_n: str) -> dict:
    """A row from what statistics found. Passing a necessary test is no verdict."""
    nothing = method in (ORACLE, CEILING) or (method, test) in BY_CONSTRUCTION
    nothing = nothing or (TESTS[test].necessary and said == PASSES)
    chance = found.get("chance", TESTS[test].chance)
    values = found["value"], found["low"], found["high"], chance, "" if nothing else said
    return row(target, method, test, *values, found["n"], unit_of_n)


def from_truth(tables: Mapping[tuple[str, int], pd.DataFrame], groups: Mapping) -> list[dict]:
    """The tests on the networks of the targets, from their truth.csv: one ECG, one value.

    tables: (target, model) → rows of agreement.COLUMNS; groups: record → patient. Rows for each
    target and, as ``all``, for the mean over targets of each ECG: the same ECGs serve all targets,
    so that the ECG (or patient) is what is independent.
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
        for target in (*mine.columns, ALL):
            column = mine.mean(axis=1) if target == ALL else mine[target]
            table = column.unstack("method").dropna(how="all", axis=1)
            patients = [groups.get(record, record) for record in table.index]
            rows += _rows_of(target, name, test, table, patients, unit)
    # A gain over another ECG's map tells nothing of a map that does not show what matters at all.
    change = [one for one in rows if one["test"] == "change" and one["verdict"] == FAILS]
    failed = {(one["target"], one["method"]) for one in change}
    for one in rows:
        if one["test"] == "own" and (one["target"], one["method"]) in failed:
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
        said = verdict(test, found["low"], found["high"], ceiling)
        others = [c for c in (VOLTAGE, SLOPE) if c in table and test.beats_controls]
        if said == PASSES and method not in NO_METHOD:
            gains = [summary((table[method] - table[c]).to_numpy(), groups) for c in others]
            said = PASSES if all(gain["low"] > 0 for gain in gains) else UNCLEAR
        rows.append(_judged(target, method, name, found, said, unit))
    return rows


def from_known(scores: pd.DataFrame) -> list[dict]:
    """The tests on networks with known readouts: one network, one value.

    scores: of ``planted/scores.csv`` or ``networks/benchmark.csv``. Places are independent, the
    initialisations at one place are not: intervals are Student's t over places. ``shortcut`` is the
    paired difference between shortcut and decoy networks of the same place. Rows stand under each
    kind and, as ``all``, over kinds.
    """
    scores = scores.assign(place=scores.model.astype(str).str.split("-").str[0])
    rows = []
    for name in ("known_sensitivity", "known_contribution"):
        part = scores[(scores.score == TESTS[name].score) & scores.kind.isin(KNOWN)]
        for target in (*KNOWN, ALL):
            mine = part if target == ALL else part[part.kind == target]
            rows += _over_places(target, name, mine, mine.kind + mine.place)
    marker = scores[scores.score == "marker"]
    decoy = marker[marker.kind == "decoy"]
    rows += _over_places(ALL, "decoy", decoy, decoy.place)
    by_place = marker.groupby(["kind", "method", "place"]).value.mean().unstack("kind")
    if {"shortcut", "decoy"} <= set(by_place):
        difference = (by_place.shortcut - by_place.decoy).dropna().rename("value").reset_index()
        rows += _over_places(ALL, "shortcut", difference, difference.place)
    return rows


def _over_places(target: str, name: str, part: pd.DataFrame, places: pd.Series) -> list[dict]:
    rows = []
    for method, mine in part.groupby("method", sort=False):
        found = t_interval(mine.value.to_numpy(float), places[mine.index])
        if name != "shortcut":  # shares; that one is a difference
            found |= {end: np.clip(found[end], 0.0, 1.0) for end in ("low", "high")}
        said = verdict(TESTS[name], found["low"], found["high"])
        rows.append(_judged(target, method, name, found, said, "network"))
    return rows


def from_readers(scores: pd.DataFrame) -> list[dict]:
    """The readers' mean scores, of ``study.results.scores``; chance is what random maps got."""
    rows = []
    for scored in scores.itertuples():
        found = {"value": scored.score, "low": scored.low, "high": scored.high}
        found |= {"chance": scored.chance, "n": scored.records}
        said = FROM_ANSWER.get(scored.verdict, "")
        rows.append(_judged(ALL, scored.method, "readers", found, said, "ECG"))
    return rows


def voided(table: pd.DataFrame) -> dict[str, list[str]]:
    """Test → the controls that pass it, for tests that therefore tell nothing."""
    passed = table[table.method.isin(BLIND) & (table.target == ALL) & (table.verdict == PASSES)]
    return {test: list(part.method) for test, part in passed.groupby("test", sort=False)}


def put_together(rows: Iterable[dict]) -> pd.DataFrame:
    """The review's table; in a test that a control passes no method has a verdict."""
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    void = table.test.isin(voided(table)) & ~table.method.isin(BLIND)
    return table.assign(verdict=table.verdict.mask(void, ""))


def gather(
    results: Results, data: Medians, known: pd.DataFrame, shared: Iterable[dict] = ()
) -> pd.DataFrame:
    """Write ``review.csv`` from the truth.csv of every network and return it.

    data: whose records they are, patient by patient; known: scores of known readouts; shared: more
    rows, such as the readers'.
    """
    tables = {
        network: read_table(results.truth(*network), ["part", "method", "score"], ["value"])
        for network in results.models()
        if results.truth(*network).is_file()
    }
    groups = {str(r): g for r, g in zip(data.record_id, data.groups, strict=True)}
    tables = {k: t.assign(record_id=t.record_id.astype(str)) for k, t in tables.items()}
    table = put_together([*from_truth(tables, groups), *from_known(known), *shared])
    write_table(table, results.review)
    return table
