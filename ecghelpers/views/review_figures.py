"""The review of all tests, as a table to read and as coloured cells."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..judging.review import TESTS
from ..written import interval, significant, written
from .picture import Picture
from .styles import METHOD_LABELS

CELL_STYLES = {"passes": ("#0072B2", "✓"), "fails": ("#D55E00", "✗"), "unclear": ("#e8e8e8", "?")}


def review_table(table: pd.DataFrame) -> pd.DataFrame:
    """The review over all targets to read: a row a method, a column a test, sign and interval."""
    rows = table[table.target == "all"]
    cells = {
        (METHOD_LABELS.get(row.method, row.method), TESTS[row.test].label): _cell_text(row)
        for row in rows.itertuples()
        if row.test in TESTS
    }
    methods = list(dict.fromkeys(method for method, _ in cells))
    labels = [test.label for test in TESTS.values() if any(key[1] == test.label for key in cells)]
    return pd.DataFrame(
        [[cells.get((method, label), "") for label in labels] for method in methods],
        index=pd.Index(methods, name="method"),
        columns=labels,
    )


def _cell_text(row) -> str:
    sign = CELL_STYLES[row.verdict][1] + " " if row.verdict in CELL_STYLES else ""
    ends = interval(row.low, row.high)
    chance = f"; chance {significant(row.chance)}" if np.isfinite(row.chance) else ""
    return f"{sign}{significant(row.value)}{f' ({ends})' if ends else ''}{chance}"


def review_figure(table: pd.DataFrame) -> Picture:
    """The review over all targets as coloured cells: sign, value, interval, and chance below."""
    rows = table[table.target == "all"]
    tests = [name for name in TESTS if name in set(rows.test)]
    methods = [name for name in METHOD_LABELS if name in set(rows.method)]
    figure = Picture(1.6 + 0.56 * max(1, len(methods)))
    axes = figure.subplots()
    for row in rows.itertuples():
        if row.test in tests and row.method in methods:
            _cell(axes, row, tests.index(row.test), methods.index(row.method))
    axes.set_xlim(0, max(1, len(tests)))
    axes.set_ylim(max(1, len(methods)), 0)
    labels = [fill(TESTS[test].label, 14) for test in tests]
    axes.set_xticks(np.arange(len(tests)) + 0.5, labels, fontsize=9)
    axes.xaxis.tick_top()
    axes.set_yticks(np.arange(len(methods)) + 0.5, [METHOD_LABELS[m] for m in methods])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    words = {"passes": "passes", "fails": "fails", "unclear": "unclear, or differs between targets"}
    handles = [Rectangle((0, 0), 1, 1, facecolor=CELL_STYLES[name][0]) for name in words]
    names = [f"{CELL_STYLES[name][1]} {text}" for name, text in words.items()]
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _cell(axes: Axes, row, x: int, y: int) -> None:
    """One cell of the review: colour and sign of the verdict, value, interval, chance."""
    colour, sign = CELL_STYLES.get(row.verdict, ("#ffffff", ""))
    ink = "white" if row.verdict in ("passes", "fails") else "black"
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", lw=2))
    how = {"ha": "center", "va": "center", "color": ink}
    ends = interval(row.low, row.high, ".2f", "too few ECGs")
    chance = f"chance {written(row.chance)}" if np.isfinite(row.chance) else ""
    axes.text(x + 0.5, y + 0.26, f"{sign} {written(row.value)}", **how)
    axes.text(x + 0.5, y + 0.58, ends, fontsize=7, **how)
    axes.text(x + 0.5, y + 0.82, chance, fontsize=6.5, **how)
