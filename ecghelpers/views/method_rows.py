"""Values of methods and controls, a row each, in panels side by side."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ..attribution import METHODS, RANDOM
from ..evaluation.agreement import CEILING
from ..evaluation.controls import AGAINST_MEAN, label
from ..evaluation.review import NO_METHOD, place_of
from ..evaluation.statistics import t_interval
from ..perturbation import OPERATORS
from ..study import results
from .picture import PANELS, PLAIN, Picture, panels

KNOWN = {
    "sensitivity": "known sensitivity",
    "contribution": "known contribution",
    "marker": "found on the marker",
}


def colour_of(method: str) -> str:
    """The colour of a method, also against the mean beat; grey for a control."""
    name = method.removesuffix(AGAINST_MEAN)
    return METHODS[name].colour if name in METHODS else PLAIN


def in_order(names: Iterable[str]) -> list[str]:
    """Each name once: methods as METHODS has them, those against the mean beat, then controls."""
    order = [m for m in METHODS if m not in NO_METHOD]
    order += [*(m + AGAINST_MEAN for m in METHODS), *NO_METHOD]
    return sorted(dict.fromkeys(names), key=order.index)


def raters(ratings: pd.DataFrame) -> Picture:
    """The score of each method by all raters; the dashed line is the score of random maps.

    ratings: of ``Study.gather``.
    """
    maps = ratings.groupby(results.MAP)["score"].mean().reset_index(name="value")
    maps["panel"] = "Mean score of a map: 1 not at all … 5 exactly there"
    maps["group"] = maps["record"]
    dashed = maps[maps.method == RANDOM].groupby("panel").value.mean().to_dict()
    title = f"{len(maps)} maps; raters: {ratings['reader'].nunique()}"
    return method_rows(maps, title, columns=1, limits=(0.9, 5.1), dashed=dashed)


def known_readouts(table: pd.DataFrame, title: str) -> Picture:
    """Share of the truth found: a panel for each kind and question, a dot for each network.

    table: of planted/scores.csv or networks/benchmark.csv. Intervals are over places.
    """
    table = table.assign(group=place_of(table))[table.score.isin(KNOWN)]
    table["panel"] = table.kind + ":\n" + table.score.map(KNOWN)
    return method_rows(table, title, limits=(-0.05, 1.05))


def agreement(table: pd.DataFrame, scores: Mapping[str, str], title: str) -> Picture:
    """Agreement of every map with the interventions: one panel per score, one dot per ECG.

    table: rows of ``agreement.COLUMNS``; scores: score → its name on the panel. The dashed line is
    the agreement that a perfect map is expected to reach.
    """
    values = table.assign(panel=table.score.map(scores), group=table.record_id)
    values = values.dropna(subset="panel")
    ceiling = values.method == CEILING
    dashed = values[ceiling].groupby("panel").value.mean().to_dict()
    return method_rows(values[~ceiling], title, columns=len(scores), dashed=dashed)


def relevance_gains(table: pd.DataFrame, title: str) -> Picture:
    """Relevance gain of every map (``published.relevance_gains``), one panel per operator."""
    labels = {name: row.label for name, row in OPERATORS.items()}
    values = table.assign(panel=table.operator.map(labels), group=table.record_id, value=table.gain)
    return method_rows(values, f"{title} (SD of the target)", columns=values.panel.nunique())


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
