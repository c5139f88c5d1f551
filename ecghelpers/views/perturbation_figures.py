"""Figures of the tests by perturbation: interventions, agreement with them, error curves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ..ecg import LEADS, MS_PER_SAMPLE
from ..evaluation.controls import AGAINST_MEAN, label
from ..perturbation import OPERATORS
from .picture import Picture
from .styles import METHOD_STYLES, in_order

GREY, BLACK = "#9a9a9a", "#000000"


def intervention_map(
    beat_uv: np.ndarray, effects: Mapping[str, np.ndarray], unit: str, title: str
) -> Picture:
    """|effect| of replacing each segment, a panel for each replacement, the beat above it.

    beat_uv: (12, time) in µV; effects: words → (12, segment) in target unit. Each panel has its own
    colour scale, since replacements differ in size.
    """
    figure = Picture(4.4)
    panels = np.atleast_1d(figure.subplots(1, len(effects), sharey=True))
    time = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE
    ends = (0, time[-1] + MS_PER_SAMPLE, len(LEADS) - 0.5, -0.5)
    for axes, (words, effect) in zip(panels, effects.items(), strict=True):
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
    panels[0].set_yticks(range(len(LEADS)), LEADS, fontsize=8)
    figure.suptitle(title)
    return figure


def agreement(table: pd.DataFrame, scores: Mapping[str, str], title: str) -> Picture:
    """Every ECG's value as a dot and their mean as a bar: a panel a score, a row a map.

    table: rows of ``agreement.COLUMNS``; scores: score → its name on the panel. The dashed line is
    the most that a perfect map is expected to reach.
    """
    valid = set(table.method) - {"ceiling"}
    methods = in_order(m for m in dict.fromkeys(table.method) if m in valid)[::-1]
    figure = Picture(1.4 + 0.26 * len(methods))
    panels = np.atleast_1d(figure.subplots(1, len(scores), sharey=True))
    for axes, (score, words) in zip(panels, scores.items(), strict=True):
        part = table[table.score == score]
        for place, method in enumerate(methods):
            values = part.value[part.method == method].dropna()
            plain = method.removesuffix(AGAINST_MEAN)
            colour = METHOD_STYLES[plain][0] if plain in METHOD_STYLES else GREY
            axes.plot(values, np.full(len(values), place), "o", ms=3, color=colour, alpha=0.4)
            axes.plot(values.mean(), place, "|", ms=13, mew=2.5, color=colour)
        most = part.value[part.method == "ceiling"].mean()
        if np.isfinite(most):
            axes.axvline(most, color=BLACK, ls="--", lw=0.8)
        axes.axvline(0, color=BLACK, lw=0.6)
        axes.set_title(words, fontsize=9)
        axes.grid(axis="x", lw=0.4, alpha=0.5)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    panels[0].set_yticks(range(len(methods)), [label(m) for m in methods], fontsize=8)
    panels[0].set_ylim(-0.7, len(methods) - 0.3)
    figure.suptitle(title)
    return figure


def relevance_gains(table: pd.DataFrame, title: str) -> Picture:
    """Relevance gain of every map and operator with its interval, of published.relevance_gains."""
    methods = in_order(table.method)[::-1]
    operators = [name for name in OPERATORS if name in set(table.operator)]
    figure = Picture(1.4 + 0.26 * max(1, len(methods)))
    panels = np.atleast_1d(figure.subplots(1, max(1, len(operators)), sharey=True))
    for axes, operator in zip(panels, operators, strict=False):
        part = table[table.operator == operator].set_index("method")
        for place, method in enumerate(methods):
            row = part.loc[method]
            colour = METHOD_STYLES[method][0] if method in METHOD_STYLES else GREY
            axes.plot([row.gain_low, row.gain_high], [place, place], color=colour, lw=1.6)
            axes.plot(row.gain, place, "o", color=colour, ms=5)
        axes.axvline(0, color=BLACK, lw=0.6)
        axes.set_title(OPERATORS[operator].label, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(3))
    panels[0].set_yticks(range(len(methods)), [label(m) for m in methods], fontsize=8)
    figure.supxlabel("Relevance gain (SD of the target)", fontsize=10)
    figure.suptitle(title)
    return figure


def error_curves(curves: Mapping, points: np.ndarray, unit: str, title: str) -> Picture:
    """Mean absolute error against the number of points perturbed, a small panel a method.

    curves: method → (mean, low, high), each (step,), of published.error_curves; points: (step,),
    beginning with 0, whose height is the dotted line. Random is black in every panel.
    """
    methods = [method for method in in_order(curves) if method != "random"]
    columns = min(5, max(1, len(methods)))
    rows = -(-len(methods) // columns)
    figure = Picture(0.6 + 2.5 * rows)
    panels = np.atleast_1d(figure.subplots(rows, columns, sharey=True, sharex=True)).ravel()
    for axes, method in zip(panels, methods, strict=False):
        for name in ("random", method):
            if name in curves:
                colour = BLACK if name == "random" else METHOD_STYLES.get(name, (GREY,))[0]
                mean, low, high = (np.asarray(part)[1:] for part in curves[name])
                axes.fill_between(points[1:], low, high, color=colour, alpha=0.15, lw=0)
                axes.plot(
                    points[1:], mean, color=colour, lw=1.6, ls="--" if name != method else "-"
                )
        axes.axhline(curves[method][0][0], color=GREY, ls=":", lw=1)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_title(label(method), fontsize=9)
        axes.set_ylim(bottom=0)
    for axes in panels[len(methods) :]:
        axes.set_visible(False)
    for axes in panels[: len(methods)][-columns:]:  # the last of each column
        axes.tick_params(labelbottom=True)
    figure.supxlabel("Points perturbed (of 7200)", fontsize=10)
    figure.supylabel(f"Mean absolute error ({unit})", fontsize=10)
    figure.suptitle(f"{title}; black dashes: random, dots: the untouched beat")
    return figure
