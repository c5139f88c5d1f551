"""Figures of the tests by perturbation: maps of interventions, and error curves."""

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator

from ..ecg import LEADS, MS_PER_SAMPLE
from ..evaluation.controls import label
from .method_rows import colour_of, in_order
from .picture import BLACK, PLAIN, Picture, panels


def intervention_map(
    beat_uv: np.ndarray, effects: Mapping[str, np.ndarray], unit: str, title: str
) -> Picture:
    """|effect| of replacing each segment, a panel for each replacement, the beat above it.

    beat_uv: (12, time) in µV; effects: words → (12, segment) in target unit. Each panel has its own
    colour scale, since replacements differ in size.
    """
    figure = Picture(4.4)
    time = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE
    ends = (0, time[-1] + MS_PER_SAMPLE, len(LEADS) - 0.5, -0.5)
    traces = np.arange(len(LEADS))[:, None] + 0.1 - beat_uv / 2500
    grid = figure.subplots(1, len(effects), sharey=True, squeeze=False)[0]
    for axes, (words, effect) in zip(grid, effects.items(), strict=True):
        image = axes.imshow(np.abs(effect), aspect="auto", cmap="Blues", extent=ends, vmin=0)
        axes.plot(time, traces.T, color=BLACK, lw=0.6, alpha=0.7)
        axes.set_title(words, fontsize=10)
        axes.set_xlabel("Time (ms)")
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.9, pad=0.02)
        bar.set_label(f"|change of the prediction| ({unit})", fontsize=8)
        bar.ax.xaxis.set_major_locator(MaxNLocator(4))
    grid[0].set_yticks(range(len(LEADS)), LEADS, fontsize=8)
    figure.suptitle(title)
    return figure


def error_curves(curves: Mapping, points: np.ndarray, unit: str, title: str) -> Picture:
    """Mean absolute error against the number of points perturbed, one small panel per method.

    curves: method → (mean, low, high), each (step,), of published.error_curves; points: (step,),
    beginning with 0, whose height is the dotted line. Random is dashed in every panel.
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
        axes.axhline(curves[method][0][0], color=PLAIN, ls=":", lw=1)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_title(label(method), fontsize=9)
        axes.set_ylim(0, most)
    figure.supxlabel("Points perturbed (of 7200)", fontsize=10)
    figure.supylabel(f"Mean absolute error ({unit})", fontsize=10)
    figure.suptitle(f"{title}; dashes: random, dots: the untouched beat")
    return figure
