"""Figures of the tests against known truth: edits, known readouts, and randomised networks.

Matplotlib, so that an executed notebook shows them wherever it is opened.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..attribution.methods import METHODS
from ..ecg import LEADS, MS_PER_SAMPLE
from ..evaluation.controls import label
from ..evaluation.effects import SLOPE
from ..evaluation.network_truth import STAGES
from ..evaluation.review import place_of
from .method_rows import method_rows
from .picture import Picture, panels

BLACK, GREY, BLUE, VERMILION = "#000000", "#9a9a9a", "#0072B2", "#D55E00"
SCORES = {
    "sensitivity": "known sensitivity",
    "contribution": "known contribution",
    "marker": "found on the marker",
}


def edited_beat(
    beats_uv: np.ndarray,
    edited: np.ndarray,
    title: str,
    leads: Sequence[int] = (LEADS.index("II"), LEADS.index("V5")),
) -> Picture:
    """Some leads of the first record that could be edited, before and after.

    beats_uv, edited: (record, 12, time) in µV; edited is NaN where the edit does not fit.
    """
    valid = np.flatnonzero(np.isfinite(edited).all((1, 2)))
    figure = Picture(2.8)
    grid = np.atleast_1d(figure.subplots(1, len(leads)))
    time = np.arange(beats_uv.shape[2]) * MS_PER_SAMPLE
    for axes, row in zip(grid, leads, strict=True):
        axes.set_title(LEADS[row], fontsize=10)
        axes.set_xlabel("Time (ms)")
        axes.set_ylabel("Voltage (mV)")
        for record in valid[:1]:
            axes.plot(time, beats_uv[record, row] / 1000, color=GREY, lw=1.8, label="before")
            axes.plot(time, edited[record, row] / 1000, color=BLUE, lw=1, label="after")
            axes.legend(frameon=False, fontsize=9)
    figure.suptitle(title if len(valid) else f"{title}: it fits no ECG", fontsize=11)
    return figure


def doses(table: pd.DataFrame, title: str, unit: str) -> Picture:
    """Dose against the change that was measured and the one that the network predicts.

    table: of ``effects_table``.
    """
    rows = table[(table["edit"] != SLOPE) & (table["n"] > 0)].sort_values("dose")
    figure = Picture(4.2, 6.5)
    axes = figure.subplots()
    ends = [rows.dose.min(), rows.dose.max()] if len(rows) else [-1, 1]
    axes.plot(ends, ends, color=GREY, lw=1, label="true: as much as was edited")
    axes.plot(rows.dose, rows.measured, "s", ms=6, mfc="none", color=BLACK, label="measured")
    spread = [rows.predicted - rows.predicted_low, rows.predicted_high - rows.predicted]
    style = {"fmt": "o-", "color": BLUE, "ms": 5, "capsize": 3, "label": "predicted, 95 % interval"}
    axes.errorbar(rows.dose, rows.predicted, np.array(spread, float), **style)
    axes.axhline(0, color=GREY, lw=0.5)
    axes.set_xlabel(f"Edit ({unit})")
    axes.set_ylabel(f"Change ({unit})")
    axes.set_title(title, fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    return figure


def known_scores(table: pd.DataFrame, title: str) -> Picture:
    """Share of the truth found: a panel for each kind and question, a dot for each network.

    table: of planted/scores.csv or networks/benchmark.csv. Intervals are over places.
    """
    table = table.assign(group=place_of(table))
    table = table[table.score.isin(SCORES)]
    panels_of = table.groupby(["kind", "score"], sort=False)
    parts = {f"{kind}:\n{SCORES[score]}": part for (kind, score), part in panels_of}
    return method_rows(parts, title, limits=(-0.05, 1.05))


def known_beat(
    beat_uv: np.ndarray, mask: np.ndarray, maps: Mapping[str, np.ndarray], kind: str
) -> Picture:
    """The lead that a network reads in a beat, and the relevance in it and in the other leads.

    beat_uv, mask and each of maps (method → map): (12, time).
    """
    lead = int(mask.sum(1).argmax())
    time = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE
    figure = Picture(1.9 + 1.2 * len(maps))
    grid = figure.subplots(1 + len(maps), 1, sharex=True)
    inside = mask[lead].astype(float)
    for axes in grid:
        style = {"color": "#F0E442", "alpha": 0.6, "lw": 0, "step": "mid"}
        axes.fill_between(time, 0, inside, transform=axes.get_xaxis_transform(), **style)
    grid[0].plot(time, beat_uv[lead] / 1000, color=BLACK, lw=1)
    grid[0].set_ylabel(f"{LEADS[lead]} (mV)")
    for axes, (method, values) in zip(grid[1:], maps.items(), strict=True):
        heat = np.abs(values)
        rest = (heat.sum(0) - heat[lead]) / (len(LEADS) - 1)
        axes.plot(time, heat[lead], color=VERMILION, lw=1, label=LEADS[lead])
        axes.plot(time, rest, color=GREY, lw=1, label="mean of the other leads")
        axes.set_ylabel(f"|{label(method)}|", fontsize=8)
    grid[1].legend(frameon=False, fontsize=8, loc="upper right")
    grid[-1].set_xlabel("Time (ms)")
    figure.suptitle(f"{kind}: the network reads the yellow samples")
    return figure


def stages(table: pd.DataFrame, title: str) -> Picture:
    """Likeness of the maps to the trained network's while more and more of it is shuffled.

    table: rows of ``agreement.COLUMNS``, part ``weights``. A dot is an ECG with its own shuffle.
    """
    rows = table[table.part == "weights"]
    methods = [m for m in METHODS if m in set(rows.method)]
    columns, names = min(6, max(1, len(methods))), list(STAGES)
    figure = Picture(0.8 + 2.6 * -(-len(methods) // columns))
    for axes, method in zip(panels(figure, len(methods), columns), methods, strict=True):
        part = rows[rows.method == method]
        means = [part.value[part.score == name].mean() for name in names]
        for place, name in enumerate(names, 1):
            values = part.value[part.score == name]
            axes.plot(np.full(len(values), place), values, "o", ms=3, color=BLUE, alpha=0.4)
        axes.plot(range(len(names) + 1), [1.0, *means], "-", color=BLUE)
        axes.axhline(0, color=BLACK, lw=0.6)
        axes.set_title(label(method), fontsize=9)
        words = ["trained", *(name.replace("_", " ") for name in names)]
        axes.set_xticks(range(len(names) + 1), words, rotation=60, fontsize=8)
        axes.set_ylim(-0.3, 1.05)
    figure.supylabel("Rank correlation with the map before,\nbeyond chance", fontsize=9)
    figure.suptitle(title)
    return figure
