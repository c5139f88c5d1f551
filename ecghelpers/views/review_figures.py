"""The review of all tests as coloured cells."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from ..evaluation.controls import label
from ..evaluation.review import ALL, NO_METHOD, TESTS, voided
from ..formatting import format_number, interval
from .method_rows import in_order
from .picture import WIDTH_INCHES, Picture

CELL_STYLES = {"passes": ("#0072B2", "✓"), "fails": ("#D55E00", "✗"), "unclear": ("#e8e8e8", "?")}
VOID = "#c9c9c9"


def review_figure(table: pd.DataFrame) -> Picture:
    """The review over all targets as coloured cells: sign and value, interval, and n.

    A line separates the methods from the controls. The column of a test that a control passes is
    grey and marked void. Legible on a page of A4 as well.
    """
    rows, void = table[table.target == ALL], voided(table)
    tests = [name for name in TESTS if name in set(rows.test)] or list(TESTS)
    methods = in_order(rows.method)
    width = min(WIDTH_INCHES, max(8.0, 2.4 + 0.76 * len(tests)))
    figure = Picture(2.2 + 0.52 * max(1, len(methods)), width)
    axes = figure.subplots()
    for test in void:
        axes.add_patch(Rectangle((tests.index(test), 0), 1, len(methods), facecolor=VOID, lw=0))
    for row in rows[rows.test.isin(tests) & rows.method.isin(methods)].itertuples():
        x, y = tests.index(row.test), methods.index(row.method)
        colour, sign = CELL_STYLES.get(row.verdict, ("none", ""))
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", lw=2))
        ink = "white" if row.verdict in ("passes", "fails") else "black"
        count = f"{row.n:.0f} {row.unit_of_n}{'s' if row.n != 1 else ''}"
        lines = (f"{sign} {format_number(row.value)}", interval(row.low, row.high, "z.2f"), count)
        for height, size, text in zip((0.25, 0.56, 0.82), (10, 6.8, 7.5), lines, strict=True):
            style = {"fontsize": size, "color": ink, "ha": "center", "va": "center"}
            axes.text(x + 0.5, y + height, text, **style)
    axes.axhline(sum(method not in NO_METHOD for method in methods), color="black", lw=1.2)
    axes.set(xlim=(0, len(tests)), ylim=(max(1, len(methods)), 0))
    names = [fill(t, 12, break_long_words=False) + ("\nVOID" if t in void else "") for t in tests]
    axes.set_xticks(np.arange(len(tests)) + 0.5, names, fontsize=8)
    axes.xaxis.tick_top()
    names = [fill(label(method), 24) for method in methods]
    axes.set_yticks(np.arange(len(methods)) + 0.5, names, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    legend = {f"{sign} {verdict}": colour for verdict, (colour, sign) in CELL_STYLES.items()}
    legend["void: a map that does not depend on the network passes"] = VOID
    handles = [Rectangle((0, 0), 1, 1, facecolor=colour) for colour in legend.values()]
    style = {"loc": "outside lower center", "ncols": 4, "frameon": False, "fontsize": 9}
    figure.legend(handles, list(legend), **style)
    return figure
