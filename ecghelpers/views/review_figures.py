"""The review of all tests, as a table to read and as coloured cells."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..attribution_methods import METHODS
from ..evaluation.controls import AGAINST_MEAN, label
from ..evaluation.review import ALL, NO_METHOD, TESTS, voided
from ..formatting import format_number, interval, significant
from .picture import Picture

CELL_STYLES = {"passes": ("#0072B2", "✓"), "fails": ("#D55E00", "✗"), "unclear": ("#e8e8e8", "?")}
WORDS = {"passes": "passes", "fails": "fails", "unclear": "unclear"}
VOID = "#c9c9c9"


def methods_of(table: pd.DataFrame) -> list[str]:
    """Methods as METHODS has them, then those against the mean beat, then the controls."""
    valid = list(dict.fromkeys(table.method))
    plain = [m for m in METHODS if m in valid and m not in NO_METHOD]
    against = [m + AGAINST_MEAN for m in METHODS if m + AGAINST_MEAN in valid]
    return [*plain, *against, *(m for m in NO_METHOD if m in valid)]


def review_table(table: pd.DataFrame) -> pd.DataFrame:
    """The review over all targets to read: a row a method or control, a column a test."""
    rows, void = table[table.target == ALL], voided(table)
    methods = methods_of(rows)
    tests = [test for test in TESTS if test in set(rows.test)]
    cells = {(row.method, row.test): _cell_text(row) for row in rows.itertuples()}
    return pd.DataFrame(
        [[cells.get((method, test), "") for test in tests] for method in methods],
        index=pd.Index(map(label, methods), name="method or control"),
        columns=[t + (" (void)" if t in void else "") for t in tests],
    )


def _cell_text(row) -> str:
    sign = CELL_STYLES[row.verdict][1] + " " if row.verdict in CELL_STYLES else ""
    ends = interval(row.low, row.high, ".2f")
    count = f"{row.n:.0f} {row.unit_of_n}{'s' if row.n != 1 else ''}"
    return f"{sign}{significant(row.value)} ({ends + '; ' if ends else ''}{count})"


def review_figure(table: pd.DataFrame) -> Picture:
    """The review over all targets as coloured cells: sign, value, interval, and n below.

    A line separates the methods from the controls. The column of a test that a control passes is
    grey and marked void.
    """
    rows, void = table[table.target == ALL], voided(table)
    tests = [name for name in TESTS if name in set(rows.test)]
    methods = methods_of(rows)
    figure = Picture(2.2 + 0.5 * max(1, len(methods)), max(8.0, 2.6 + 0.72 * len(tests)))
    axes = figure.subplots()
    for x, test in enumerate(tests):
        if test in void:
            axes.add_patch(Rectangle((x, 0), 1, len(methods), facecolor=VOID, lw=0))
    for row in rows.itertuples():
        if row.test in tests and row.method in methods:
            _cell(axes, row, tests.index(row.test), methods.index(row.method))
    controls = sum(method not in NO_METHOD for method in methods)
    axes.axhline(controls, color="black", lw=1.2)
    axes.set_xlim(0, max(1, len(tests)))
    axes.set_ylim(max(1, len(methods)), 0)
    names = [fill(t, 12) + ("\nVOID" if t in void else "") for t in tests]
    axes.set_xticks(np.arange(len(tests)) + 0.5, names, fontsize=7)
    axes.xaxis.tick_top()
    names = [fill(label(method), 26) for method in methods]
    axes.set_yticks(np.arange(len(methods)) + 0.5, names, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    handles = [Rectangle((0, 0), 1, 1, facecolor=CELL_STYLES[name][0]) for name in WORDS]
    texts = [f"{CELL_STYLES[name][1]} {text}" for name, text in WORDS.items()]
    handles.append(Rectangle((0, 0), 1, 1, facecolor=VOID))
    texts.append("void: a map that does not depend on the network passes")
    figure.legend(handles, texts, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _cell(axes: Axes, row, x: int, y: int) -> None:
    """One cell of the review: colour and sign of the verdict, value, interval, n."""
    colour, sign = CELL_STYLES.get(row.verdict, ("none", ""))
    ink = "white" if row.verdict in ("passes", "fails") else "black"
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", lw=2))
    how = {"ha": "center", "va": "center", "color": ink}
    axes.text(x + 0.5, y + 0.27, f"{sign} {format_number(row.value)}", fontsize=9, **how)
    axes.text(x + 0.5, y + 0.6, interval(row.low, row.high, ".2f", ""), fontsize=6, **how)
    axes.text(
        x + 0.5,
        y + 0.84,
        f"{row.n:.0f} {row.unit_of_n}{'s' if row.n != 1 else ''}",
        fontsize=5.5,
        **how,
    )
