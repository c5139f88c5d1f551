"""Figures of the tests by perturbation: perturbed beats, their curves, gaps against the floors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from ..ecg import LEADS, MS_PER_SAMPLE
from ..perturbation import ONE_BY_ONE, OPERATORS
from .picture import Picture
from .styles import METHOD_LABELS, METHOD_STYLES, in_order

GREY, BLACK = "#9a9a9a", "#000000"
# Okabe and Ito's colours, told apart with any colour vision; each also has a sign.
VERDICT_STYLES = {
    "yes": ("#0072B2", "o", "better than the floor"),
    "no": ("#D55E00", "X", "worse than the floor"),
    "unclear": ("#8c8c8c", "s", "not told apart"),
}
ORDER_STYLES = {
    "morf": ("#0072B2", "-", "most relevant first"),
    "lerf": ("#E69F00", "--", "least relevant first"),
}
LOG_TICKS, FEW_TICKS = (1, 10, 100, 1000), (1, 2, 5, 10, 20)  # for up to 25 points
MARGIN_MS = 60  # of the beat before and after the points that are shown


def _log_points(axes: Axes, points: np.ndarray) -> None:
    """A logarithmic axis of the number of points, with a few plain numbers on it."""
    axes.set_xscale("log")
    ticks = LOG_TICKS if points[-1] > ONE_BY_ONE else FEW_TICKS
    ticks = [tick for tick in ticks if tick <= points[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [str(tick) for tick in ticks])


def first_points(beat_uv: np.ndarray, first: np.ndarray, title: str) -> Picture:
    """Where the points lie that are perturbed first, in the four leads with most of them.

    beat_uv: (12, time) in µV; first: (point,) in their order, numbered lead by lead. The lighter a
    dot, the later its point comes.
    """
    leads, times = np.divmod(first, beat_uv.shape[1])
    counts = np.bincount(leads, minlength=len(LEADS))
    chosen = sorted(np.argsort(-counts, kind="stable")[: min(4, np.count_nonzero(counts))])
    picture = Picture(3)
    panels = np.atleast_1d(picture.subplots(1, len(chosen), sharex=True))
    in_sight = times[np.isin(leads, chosen)]
    reach = round(MARGIN_MS / MS_PER_SAMPLE)
    part = slice(max(0, in_sight.min() - reach), in_sight.max() + reach)
    time = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE
    for axes, lead in zip(panels, chosen, strict=True):
        axes.plot(time[part], beat_uv[lead, part] / 1000, color=GREY, lw=1, zorder=0)
        mine = np.flatnonzero(leads == lead)[::-1]  # the first on top
        at = times[mine]
        dots = {"c": mine + 1, "cmap": "viridis", "vmin": 1, "vmax": len(first), "s": 22}
        drawn = axes.scatter(time[at], beat_uv[lead, at] / 1000, **dots)
        axes.set_title(f"{LEADS[lead]}: {len(mine)} of {len(first)}", fontsize=10)
        axes.set_xlabel("Time (ms)")
    panels[0].set_ylabel("Voltage (mV)")
    picture.colorbar(drawn, ax=panels, pad=0.01).set_label("Perturbed as number", fontsize=9)
    picture.suptitle(title, fontsize=11)
    return picture


def perturbed_beat(
    beat_uv: np.ndarray, perturbed: Mapping[str, np.ndarray], first: np.ndarray
) -> Picture:
    """What every operator makes of the points in the lead with most of them, and of its neighbours.

    beat_uv: (lead, time) in µV; perturbed: operator → (lead, time); first: (point,) the points that
    are perturbed, numbered lead by lead. Drawn is the part of the beat with the points in it.
    """
    leads, times = np.divmod(first, beat_uv.shape[1])
    lead = int(np.bincount(leads, minlength=len(LEADS)).argmax())
    time, beat = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE, beat_uv[lead] / 1000
    marked = np.sort(times[leads == lead])
    figure = Picture(4.6)
    grid = figure.subplots(2, -(-(len(perturbed) + 1) // 2), sharex=True).ravel()
    grid[0].plot(time, beat, color=GREY, lw=1)
    grid[0].plot(time[marked], beat[marked], "o", ms=3, color="#D55E00")
    grid[0].set_title("the beat, and the points to be perturbed", fontsize=10)
    for axes, (operator, changed) in zip(grid[1:], perturbed.items(), strict=False):
        axes.plot(time, beat, color=GREY, lw=3, label="the beat", alpha=0.6)
        axes.plot(time, changed[lead] / 1000, color="#0072B2", lw=1, label="perturbed")
        axes.set_title(OPERATORS[operator].label, fontsize=10)
    grid[0].set_xlim(time[marked[0]] - MARGIN_MS, time[marked[-1]] + MARGIN_MS)
    grid[1].legend(fontsize=8, frameon=False)
    for axes in grid[len(perturbed) + 1 :]:
        axes.set_axis_off()
    figure.supxlabel("Time (ms)", fontsize=10)
    figure.supylabel(f"Lead {LEADS[lead]} (mV)", fontsize=10)
    figure.suptitle(f"{len(first)} points perturbed, {len(marked)} of them in {LEADS[lead]}")
    return figure


def operator_curves(
    curves: Mapping[tuple[str, str], np.ndarray], points: np.ndarray, unit: str, title: str
) -> Picture:
    """Change of the prediction by both orders, a panel for each operator.

    curves: (operator, order) → (step,) in target unit, at the numbers in points, all above zero.
    """
    operators = list(dict.fromkeys(operator for operator, _ in curves))
    figure = Picture(3.2)
    panels = np.atleast_1d(figure.subplots(1, len(operators), sharey=True))
    for axes, operator in zip(panels, operators, strict=True):
        for order, (colour, dash, label) in ORDER_STYLES.items():
            if (operator, order) in curves:
                axes.plot(points, curves[operator, order], dash, color=colour, label=label)
        _log_points(axes, points)
        axes.set_title(OPERATORS[operator].label, fontsize=10)
        axes.set_xlabel("Points perturbed")
    panels[0].set_ylabel(f"Change of the prediction ({unit})")
    lines = panels[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    figure.suptitle(title)
    return figure


def error_curves(curves: Mapping, points: np.ndarray, unit: str, title: str) -> Picture:
    """Mean absolute error against the number of points perturbed, a small panel a method.

    curves: method → (mean, low, high), each (step,), as ``evaluation.error_curves`` gives; points:
    (step,), beginning with 0, whose height is the dotted line. Random is black in every panel.
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
        _log_points(axes, points)
        axes.set_title(METHOD_LABELS.get(method, method), fontsize=10)
        axes.set_ylim(bottom=0)
    for axes in panels[len(methods) :]:
        axes.set_visible(False)
    for axes in panels[: len(methods)][-columns:]:  # the last of each column
        axes.tick_params(labelbottom=True)
    figure.supxlabel("Points perturbed (of 7200, logarithmic)", fontsize=10)
    figure.supylabel(f"Mean absolute error ({unit})", fontsize=10)
    figure.suptitle(f"{title}; black dashes: random, dots: the untouched beat")
    return figure


def gap_panels(table: pd.DataFrame, title: str) -> Picture:
    """Gain over the random floor, a panel for each operator and their mean, a row a method.

    table: of ``gaps.gap_table``, of one network.
    """
    rows = table[table.floor == "random"]
    methods = in_order(rows.method)[::-1]
    operators = list(dict.fromkeys(rows.operator))
    figure = Picture(1.7 + 0.32 * len(methods))
    panels = np.atleast_1d(figure.subplots(1, len(operators), sharey=True, sharex=True))
    for axes, operator in zip(panels, operators, strict=True):
        part = rows[rows.operator == operator].set_index("method")
        _intervals(axes, part, methods)
        label = OPERATORS[operator].label if operator in OPERATORS else "all together"
        axes.set_title(label, fontsize=10)
    panels[0].set_yticks(range(len(methods)), [METHOD_LABELS.get(m, m) for m in methods])
    figure.suptitle(f"{title}, minus that of random maps on the same ECGs (SD of the target)")
    figure.legend(*_verdict_legend(panels[0]), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _intervals(axes: Axes, part: pd.DataFrame, methods: Sequence[str]) -> None:
    axes.axvline(0, color=BLACK, lw=0.8)
    for place, method in enumerate(methods):
        row = part.loc[method]
        colour, sign, _ = VERDICT_STYLES[row.verdict]
        low, high = row.gain_low, row.gain_high
        if np.isfinite([low, high]).all():
            axes.plot([low, high], [place, place], color=colour, lw=1.6)
        axes.plot(row.gain, place, sign, color=colour, ms=5)
    axes.grid(axis="x", lw=0.4, alpha=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(3))


def _verdict_legend(axes: Axes) -> tuple[list, list[str]]:
    styles = VERDICT_STYLES.values()
    return [axes.plot([], [], sign, color=colour, ms=6)[0] for colour, sign, _ in styles], [
        label for *_, label in styles
    ]
