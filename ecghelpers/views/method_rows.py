"""Values of methods and controls, a row each, in panels side by side."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ..attribution import METHODS
from ..evaluation.controls import AGAINST_MEAN, label
from ..evaluation.review import NO_METHOD
from ..evaluation.statistics import t_interval
from .picture import PANELS, PLAIN, Picture, panels


def colour_of(method: str) -> str:
    """The colour of a method, also against the mean beat; grey for a control."""
    name = method.removesuffix(AGAINST_MEAN)
    return METHODS[name].colour if name in METHODS else PLAIN


def in_order(names: Iterable[str]) -> list[str]:
    """Each name once: methods as METHODS has them, those against the mean beat, then controls."""
    order = [m for m in METHODS if m not in NO_METHOD]
    order += [*(m + AGAINST_MEAN for m in METHODS), *NO_METHOD]
    return sorted(dict.fromkeys(names), key=order.index)


def method_rows(
    table: pd.DataFrame,
    title: str,
    *,
    columns: int = PANELS,
    limits: tuple[float, float] | None = None,
    dashed: Mapping[str, float] | None = None,
) -> Picture:
    """A dot for each value, a bar for their mean and a line for its 95 % interval (Student's t).

    table: rows with ``panel`` (its title), ``method``, ``value`` and ``group``, which is
    independent of others. dashed: panel → where it has a dashed line.
    """
    methods, shown = in_order(table.method)[::-1], table.panel.unique()
    height = 0.9 + 0.21 * max(1, len(methods))
    figure = Picture(0.6 + height * -(-max(len(shown), 1) // columns))
    grid = panels(figure, len(shown), columns)
    for number, (name, axes) in enumerate(zip(shown, grid, strict=True)):
        for place, method in enumerate(methods):
            mine = table[(table.panel == name) & (table.method == method)]
            found, colour = t_interval(mine.value.to_numpy(), mine.group), colour_of(method)
            axes.plot(mine.value, np.full(len(mine), place), "o", ms=3, color=colour, alpha=0.35)
            axes.plot([found["low"], found["high"]], [place, place], color=colour, lw=1.4)
            axes.plot(found["value"], place, "|", ms=10, mew=2.3, color=colour)
        axes.axvline(0, color="black", lw=0.6)
        axes.axvline((dashed or {}).get(name, np.nan), color="black", ls="--", lw=0.8)
        axes.set_title(name, fontsize=9)
        axes.grid(axis="x", lw=0.4, alpha=0.5)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set(xlim=limits, ylim=(-0.7, len(methods) - 0.3))
        names = [] if number % columns else [label(method) for method in methods]
        axes.set_yticks(range(len(methods)), names or [""] * len(methods), fontsize=8)
    figure.suptitle(title)
    return figure
