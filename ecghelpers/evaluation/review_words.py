"""The answer of the review in plain words, made from its rows."""

import pandas as pd

from ..formatting import format_number, interval
from .controls import AGAINST_MEAN, MEAN_MAP, label
from .review import ALL, BY_CONSTRUCTION, FAILS, NO_METHOD, PASSES, TESTS, UNCLEAR, voided

QUESTIONS = {
    "change matters": "To see where a change would alter the prediction, use",
    "against flat line": "To see what each part adds, compared with a flat line, use",
    "against average beat": "To see why this ECG differs from the average one, use",
}
SPECIFIC = "specific to this ECG"
CAVEATS = (
    "A contribution against a flat line explains f(x) − f(flat line), which can be a few "
    "milliseconds of an interval of 400; it does not explain the whole interval.",
    "DeepLIFT, integrated gradients, gradient SHAP and input × gradient are one family: where they "
    "agree, that is one piece of evidence.",
)


def answer(table: pd.DataFrame) -> str:
    """Which maps to use for which question, and what every test found. table: of review.csv."""
    pooled, void = table[table.target == ALL], voided(table)
    rows = pooled[~pooled.method.isin(NO_METHOD)].sort_values("value", ascending=False)
    if rows.empty:
        return "There is no answer: no test has been run."
    found = dict(list(rows.groupby("test", sort=False)))
    passing = {test: part.method[part.verdict == PASSES] for test, part in found.items()}
    said = []
    for test, words in QUESTIONS.items():
        if test in found:
            names = _names(passing[test][:3])
            said.append(f"{words} {names}." if len(passing[test]) else _nothing(found[test], test))
    if SPECIFIC in found:
        said.append(f"More specific than the mean map of other ECGs: {_names(passing[SPECIFIC])}.")
    shared = pooled[(pooled.method == MEAN_MAP) & (pooled.test == "change matters")]
    if (shared.verdict == PASSES).any():
        value = format_number(shared.value.iloc[0])
        said.append(f"Most of it is common to all ECGs: their mean map alone reaches {value}.")
    for test in (t for t in TESTS if t in found and t not in (*QUESTIONS, SPECIFIC)):
        words = f"void: {_names(void[test])} passes" if test in void else _verdicts(found[test])
        said += [f"{_title(test)} – {words}."] if words else []
    return " ".join([*said, *CAVEATS])


def _verdicts(rows: pd.DataFrame) -> str:
    """The methods by verdict, empty where there is none."""
    if (rows.verdict == UNCLEAR).all():
        return "unclear for every method"
    names = {verdict: rows.method[rows.verdict == verdict] for verdict in (PASSES, FAILS, UNCLEAR)}
    return "; ".join(f"{verdict}: {_names(part)}" for verdict, part in names.items() if len(part))


def _nothing(rows: pd.DataFrame, test: str) -> str:
    trivial = [method for method, which in BY_CONSTRUCTION if which == test]
    mine = rows[(rows.test == test) & ~rows.method.isin(trivial)]
    best = mine.sort_values("value").iloc[-1]
    ends = interval(best.low, best.high, "z.2f", "too few ECGs for an interval")
    question = TESTS[test].question.removesuffix("?")
    return (
        f"No method passes the question “{question}”; the best is {label(best.method)} with "
        f"{format_number(best.value)} ({ends})."
    )


def one_line(table: pd.DataFrame, method: str) -> str:
    """The verdicts on one method: tests passed, failed and unclear."""
    part = table[(table.target == ALL) & (table.method == method) & table.test.isin(list(TESTS))]
    parts = []
    for verdict in (PASSES, FAILS, UNCLEAR):
        names = list(part.test[part.verdict == verdict])
        if names:
            parts.append(f"{verdict}: {', '.join(names)}")
    return "; ".join(parts) or "not tested"


def targets_that_differ(table: pd.DataFrame, test: str = "change matters") -> str:
    """The range of a test's values over targets, for each method, in one sentence."""
    rows = table[(table.test == test) & (table.target != ALL) & ~table.method.isin(NO_METHOD)]
    said = []
    for method, mine in rows.groupby("method", sort=False):
        if not method.endswith(AGAINST_MEAN) and len(mine) > 1:
            ends = f"{format_number(mine.value.min())} to {format_number(mine.value.max())}"
            said.append(f"{label(method)} {ends}")
    return f"{_title(test)}, lowest to highest target: {', '.join(said)}." if said else ""


def _title(test: str) -> str:
    return test[0].upper() + test[1:]


def _names(methods) -> str:
    return ", ".join(map(label, methods)) or "none"
