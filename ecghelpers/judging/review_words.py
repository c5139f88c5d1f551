"""What the review says, in words made from its rows."""

from collections.abc import Callable

import pandas as pd

from ..attribution import FLOOR
from ..ecg import TARGETS
from .review import ALL, FAILS, PASSES, TESTS, UNCLEAR


def answer(table: pd.DataFrame, label: Callable[[str], str]) -> str:
    """What the review says, in a paragraph made from its rows. label: method → its name."""
    overall = table[(table.target == ALL) & (table.method != FLOOR)]
    overall = overall[overall.verdict.isin([PASSES, FAILS, UNCLEAR])]
    if overall.empty:
        return "There is nothing to say yet: no test has been made."
    tests = list(dict.fromkeys(overall.test))
    said = [f"{len(tests)} tests were made of {overall.method.nunique()} methods"]
    passed = overall[overall.verdict == PASSES].groupby("method", sort=False).test.nunique()
    whole = list(passed.index[passed == len(tests)])
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
    """What holds for some targets only: a sentence a test, how many and where it is the reverse."""
    said = []
    for test, methods in table[table.target != ALL].groupby("test", sort=False):
        parts = []
        for method, rows in methods.groupby("method", sort=False):
            passing = int((rows.verdict == PASSES).sum())
            failing = [TARGETS[t].label for t in rows.target[rows.verdict == FAILS]]
            if max(passing, len(failing)) not in (0, len(rows)):
                fails = f" (fails for {', '.join(failing)})" if failing else ""
                parts.append(f"{label(method)} {passing} of {len(rows)}{fails}")
        if parts:
            said.append(f"{TESTS[test].label}, for some targets only: {', '.join(parts)}")
    return said


def _without_mixtures(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Of rows over all targets, those of which no target has a verdict."""
    decided = table[(table.target != ALL) & table.verdict.isin([PASSES, FAILS])]
    mixed = set(zip(decided.method, decided.test, strict=True))
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
