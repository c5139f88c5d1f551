"""Figures of the tests by perturbation: interventions, agreement with them, error curves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ..ecg import LEADS, MS_PER_SAMPLE
from ..evaluation.agreement import CEILING
from ..evaluation.controls import label
from ..perturbation import OPERATORS
from .method_rows import colour_of, in_order, method_rows
from .picture import Picture, panels

GREY, BLACK = "#9a9a9a", "#000000"


def intervention_map(
    beat_uv: np.ndarray, effects: Mapping[str, np.ndarray], unit: str, title: str
) -> Picture:
    """|effect| of replacing each segment, a panel for each replacement, the beat above it.

    beat_uv: (12, time) in µV; effects: words → (12, segment) in target unit. Each panel has its own
    colour scale, since replacements differ in size.
    """
    figure = Picture(4.4)
    grid = np.atleast_1d(figure.subplots(1, len(effects), sharey=True))
    time = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE
    ends = (0, time[-1] + MS_PER_SAMPLE, len(LEADS) - 0.5, -0.5)
    for axes, (words, effect) in zip(grid, effects.items(), strict=True):
        size = np.abs(effect)
        image = axes.imshow(size, aspect="auto", cmap="Blues", extent=ends, vmin=0)
        for row, voltage in enumerate(beat_uv):
            axes.plot(time, row + 0.1 - voltage / 2500, color=BLACK, lw=0.6, alpha=0.7)
        axes.set_title(words, fontsize=10)
        axes.set_xlabel("Time (ms)")
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.9, pad=0.02)
        bar.set_label(f"|change of the prediction| ({unit})", fontsize=8)
        bar.ax.tick_params(labelsize=8)
        bar.ax.xaxis.set_major_locator(MaxNLocator(4))
    grid[0].set_yticks(range(len(LEADS)), LEADS, fontsize=8)
    figure.suptitle(title)
    return figure


def agreement(table: pd.DataFrame, scores: Mapping[str, str], title: str) -> Picture:
    """Agreement of every map with the interventions: one panel per score, one dot per ECG.

    table: rows of ``agreement.COLUMNS``; scores: score → its name on the panel. The dashed line is
    the agreement that a perfect map is expected to reach.
    """
    values = table[table.score.isin(scores)].rename(columns={"record_id": "group"})
    values = values.assign(words=values.score.map(scores))
    ceiling = values.method == CEILING
    parts = {words: values[(values.words == words) & ~ceiling] for words in scores.values()}
    ceilings = values[ceiling].groupby("words").value.mean().to_dict()
    return method_rows(parts, title, columns=len(parts), ceilings=ceilings)


def relevance_gains(table: pd.DataFrame, title: str) -> Picture:
    """Relevance gain of every map (``published.relevance_gains``), one panel per operator."""
    values = table.rename(columns={"gain": "value", "record_id": "group"})
    parts = {OPERATORS[name].label: part for name, part in values.groupby("operator", sort=False)}
    return method_rows(parts, f"{title} (SD of the target)", columns=max(1, len(parts)))


def error_curves(curves: Mapping, points: np.ndarray, unit: str, title: str) -> Picture:
    """Mean absolute error against the number of points perturbed, one small panel per method.

    curves: method → (mean, low, high), each (step,), of published.error_curves; points: (step,),
    beginning with 0, whose height is the dotted line. Random is black in every panel.
    """
    methods = [method for method in in_order(curves) if method != "random"]
    columns = min(5, max(1, len(methods)))
    figure = Picture(0.6 + 2.5 * -(-len(methods) // columns))
    most = max((np.nanmax(high) for _, _, high in curves.values()), default=1.0)
    for axes, method in zip(panels(figure, len(methods), columns), methods, strict=True):
        for name, style in (("random", "--"), (method, "-")):
            if name in curves:
                mean, low, high = (np.asarray(part)[1:] for part in curves[name])
                colour = colour_of(name)
                axes.fill_between(points[1:], low, high, color=colour, alpha=0.15, lw=0)
                axes.plot(points[1:], mean, color=colour, lw=1.6, ls=style)
        axes.axhline(curves[method][0][0], color=GREY, ls=":", lw=1)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_title(label(method), fontsize=9)
        axes.set_ylim(0, most)
    figure.supxlabel("Points perturbed (of 7200)", fontsize=10)
    figure.supylabel(f"Mean absolute error ({unit})", fontsize=10)
    figure.suptitle(f"{title}; black dashes: random, dots: the untouched beat")
    return figure
