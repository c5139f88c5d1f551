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
CAVEATS = (
    "A contribution against a flat line shares out f(x) − f(flat line), which can be a few "
    "milliseconds of an interval of 400; it does not share out the interval itself.",
    "DeepLIFT, integrated gradients, gradient SHAP and input × gradient are one family: where they "
    "agree, that is one piece of evidence.",
)


def answer(table: pd.DataFrame) -> str:
    """Which maps to use for which question, and what every test found. table: of review.csv."""
    rows = table[(table.target == ALL) & ~table.method.isin(NO_METHOD)]
    if rows.empty:
        return "There is nothing to say yet: no test has been made."
    void, said = voided(table), []
    for test, words in QUESTIONS.items():
        passing = rows[(rows.test == test) & (rows.verdict == PASSES)]
        if test in set(rows.test):
            best = passing.sort_values("value", ascending=False).method[:3]
            said.append(f"{words} {_names(best)}." if len(best) else _nothing(rows, test))
    own = rows[(rows.test == "specific to this ECG") & (rows.verdict == PASSES)].sort_values(
        "value"
    )[::-1]
    if "specific to this ECG" in set(rows.test):
        names = _names(own.method) if len(own) else "no method"
        said.append(f"More of this ECG than the mean map of other ECGs: {names}.")
    shared = table[
        (table.target == ALL) & (table.method == MEAN_MAP) & (table.test == "change matters")
    ]
    if (shared.verdict == PASSES).any():
        value = format_number(shared.value.iloc[0])
        said.append(f"Most of it is common to all ECGs: their mean map alone reaches {value}.")
    for test in (
        t for t in TESTS if t in set(rows.test) and t not in (*QUESTIONS, "specific to this ECG")
    ):
        if test in void:
            said.append(f"{_title(test)}: void, {_names(void[test])} passes.")
            continue
        mine = rows[rows.test == test]
        parts = [
            f"{_names(mine.method[mine.verdict == verdict])} {word}"
            for verdict, word in ((PASSES, "pass"), (FAILS, "fail"), (UNCLEAR, "unclear"))
            if (mine.verdict == verdict).any()
        ]
        if (mine.verdict == UNCLEAR).all():
            parts = ["unclear for every method"]
        said += [f"{_title(test)}: {'; '.join(parts)}."] if parts else []
    return " ".join([*said, *CAVEATS])


def _nothing(rows: pd.DataFrame, test: str) -> str:
    trivial = [method for method, which in BY_CONSTRUCTION if which == test]
    mine = rows[(rows.test == test) & ~rows.method.isin(trivial)]
    best = mine.sort_values("value").iloc[-1]
    ends = interval(best.low, best.high, ".2f", "too few ECGs for an interval")
    question = TESTS[test].question.removesuffix("?")
    return (
        f"No method passes the question “{question}”; the best is {label(best.method)} with "
        f"{format_number(best.value)} ({ends})."
    )


def one_line(table: pd.DataFrame, method: str) -> str:
    """What the review says of one method: tests passed, failed and open."""
    part = table[(table.target == ALL) & (table.method == method) & table.test.isin(list(TESTS))]
    parts = []
    for verdict in (PASSES, FAILS, UNCLEAR):
        names = list(part.test[part.verdict == verdict])
        if names:
            parts.append(f"{verdict}: {', '.join(names)}")
    return "; ".join(parts) or "not tested"


def targets_that_differ(table: pd.DataFrame, test: str = "change matters") -> str:
    """How far a test's values reach over targets, method by method, in a sentence each."""
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
