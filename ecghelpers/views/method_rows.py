"""Values of methods and controls, a row each, in panels side by side."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ..attribution import METHODS, RANDOM
from ..evaluation.controls import AGAINST_MEAN, label
from ..evaluation.statistics import t_interval
from ..study import results
from .picture import PANELS, Picture, panels

GREY = "#9a9a9a"


def colour_of(method: str) -> str:
    """The colour of a method, also against the mean beat; grey for a control."""
    name = method.removesuffix(AGAINST_MEAN)
    return METHODS[name].colour if name in METHODS else GREY


def in_order(names) -> list[str]:
    """Each name once: methods in the order of METHODS, then the rest as they come."""
    valid = dict.fromkeys(names)
    return [name for name in METHODS if name in valid] + [n for n in valid if n not in METHODS]


def raters_figure(ratings: pd.DataFrame) -> Picture:
    """The score of each method by all raters; the dashed line is the score of random maps.

    ratings: of ``Study.gather``.
    """
    maps = ratings.groupby([*results.MAP_OF])["score"].mean().reset_index(name="value")
    title = "Mean score of a map: 1 not at all … 5 exactly there"
    random = maps.value[maps.method == RANDOM].mean()
    parts, raters = {title: maps.assign(group=maps.record)}, ratings["reader"].nunique()
    words = f"{len(maps)} maps, rater{'s' * (raters > 1)}: {raters}"
    return method_rows(parts, words, columns=1, limits=(0.9, 5.1), ceilings={title: random})


def method_rows(
    parts: Mapping[str, pd.DataFrame],
    title: str,
    *,
    columns: int = PANELS,
    limits: tuple[float, float] | None = None,
    ceilings: Mapping[str, float] | None = None,
) -> Picture:
    """A dot for each value, a bar for their mean and a line for its 95 % interval (Student's t).

    parts: title of a panel → rows with ``method``, ``value`` and ``group``, which is independent of
    others. ceilings: title → where the panel has a dashed line.
    """
    methods = in_order(method for part in parts.values() for method in part.method)[::-1]
    rows = -(-max(len(parts), 1) // columns)
    figure = Picture(0.6 + rows * (0.9 + 0.21 * max(1, len(methods))))
    grid = panels(figure, len(parts), columns)
    for number, (words, part) in enumerate(parts.items()):
        axes = grid[number]
        for place, method in enumerate(methods):
            mine = part[part.method == method]
            found, colour = t_interval(mine.value.to_numpy(), mine.group), colour_of(method)
            axes.plot(mine.value, np.full(len(mine), place), "o", ms=3, color=colour, alpha=0.35)
            axes.plot([found["low"], found["high"]], [place, place], color=colour, lw=1.4)
            axes.plot(found["value"], place, "|", ms=10, mew=2.3, color=colour)
        axes.axvline(0, color="black", lw=0.6)
        axes.axvline((ceilings or {}).get(words, np.nan), color="black", ls="--", lw=0.8)
        axes.set_title(words, fontsize=9)
        axes.grid(axis="x", lw=0.4, alpha=0.5)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlim(limits)
        axes.set_ylim(-0.7, len(methods) - 0.3)
        names = [] if number % columns else [label(method) for method in methods]
        axes.set_yticks(range(len(methods)), names or [""] * len(methods), fontsize=8)
    figure.suptitle(title)
    return figure
