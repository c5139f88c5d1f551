"""Figures of the tests against known truth: edits, scores, leads, and networks that have forgotten.

Matplotlib, so that an executed notebook shows them wherever it is opened.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..attribution import METHODS
from ..config import Results
from ..data.maps_and_curves import read_attributions
from ..ecg import LEADS, MS_PER_SAMPLE
from ..truth.effects import SLOPE
from .picture import Picture
from .styles import METHOD_LABELS, in_order

BLACK, GREY, BLUE, VERMILION = "#000000", "#9a9a9a", "#0072B2", "#D55E00"
OTHERS = {
    "oracle": "Oracle (the mask itself)",
    "blurred oracle": "Blurred oracle",
    "shifted": "Shifted in time",
    "other record": "Another ECG's map",
}


def label(method: str) -> str:
    """What people call a method, an oracle or a floor."""
    return OTHERS.get(method) or METHOD_LABELS.get(method, method)


def edited_beat(beats_uv: np.ndarray, edited: np.ndarray, title: str) -> Picture:
    """V5 and II of the first record that could be edited, before and after.

    beats_uv, edited: (record, 12, time) in µV; edited is NaN where there was no room.
    """
    there = np.flatnonzero(np.isfinite(edited).all((1, 2)))
    figure = Picture(2.8)
    panels = figure.subplots(1, 2)
    time = np.arange(beats_uv.shape[2]) * MS_PER_SAMPLE
    for axes, lead in zip(panels, ("II", "V5"), strict=True):
        axes.set_title(lead, fontsize=10)
        axes.set_xlabel("Time (ms)")
        axes.set_ylabel("Voltage (mV)")
        for record in there[:1]:
            row = LEADS.index(lead)
            axes.plot(time, beats_uv[record, row] / 1000, color=GREY, lw=1.8, label="before")
            axes.plot(time, edited[record, row] / 1000, color=BLUE, lw=1, label="after")
            axes.legend(frameon=False, fontsize=9)
    figure.suptitle(title if len(there) else f"{title}: no ECG had room for it", fontsize=11)
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


def scores(table: pd.DataFrame, names: Mapping[str, str], title: str) -> Picture:
    """A panel a score, a row a method, with 95 % intervals; the grey bar before it is chance.

    table: columns method, score, value, low, high, chance; names: score → its name on the panel.
    """
    methods = in_order(table.method)[::-1]
    figure = Picture(1.3 + 0.28 * len(methods))
    if not methods or not names:
        figure.suptitle(f"{title}: nothing to score", fontsize=11)
        return figure
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    for axes, (score, name) in zip(panels, names.items(), strict=True):
        part = table[table.score == score].set_index("method")
        for place, method in enumerate(methods):
            if method not in part.index or not np.isfinite(part.value[method]):
                continue
            row = part.loc[method]
            colour = METHODS[method].colour if method in METHODS else GREY
            axes.plot([row.low, row.high], [place, place], color=colour, lw=1.8)
            axes.plot(row.value, place, "o" if method in METHODS else "D", color=colour, ms=5)
            axes.plot(row.chance, place, "|", color=BLACK, ms=9, mew=1.5)
        axes.set_title(name, fontsize=10)
        axes.set_ylim(-0.6, len(methods) - 0.4)
        axes.grid(axis="x", lw=0.4, alpha=0.5)
    panels[0].set_yticks(range(len(methods)), [label(method) for method in methods])
    figure.suptitle(f"{title} (black bars: chance)", fontsize=11)
    return figure


def forgetting(table: pd.DataFrame, title: str) -> Picture:
    """Likeness of the maps to the trained network's while more and more of it is shuffled.

    table: of ``randomisation_table``; a small panel a method. Grey: chance, of random numbers that
    are multiplied by the beat where the method is.
    """
    rows = table[table.score == "rank correlation"]
    methods = [m for m in METHODS if m in set(rows.method) and m != "random"]
    stages = list(dict.fromkeys(rows.stage))
    columns = min(5, max(1, len(methods)))
    figure = Picture(0.8 + 2.3 * -(-len(methods) // columns))
    grid = figure.subplots(-(-len(methods) // columns), columns, sharex=True, sharey=True)
    panels = np.atleast_1d(grid).ravel()
    places = np.arange(len(stages) + 1)
    for axes, method in zip(panels, methods, strict=False):
        part = rows[rows.method == method].set_index("stage").loc[stages]
        low, high = (np.concatenate(([1.0], part[end])) for end in ("low", "high"))
        axes.fill_between(places, low, high, color=BLUE, alpha=0.2, lw=0)
        axes.plot(places, [1.0, *part.value], "o-", color=BLUE, ms=4)
        axes.plot(places[1:], part.chance, "--", color=GREY, lw=1)
        axes.axhline(0, color=BLACK, lw=0.6)
        axes.set_title(label(method), fontsize=10)
        axes.set_xticks(places, ["trained", *stages], rotation=60, fontsize=8)
    for axes in panels[len(methods) :]:
        axes.set_visible(False)
    for axes in panels[: len(methods)][-columns:]:  # the last of each column
        axes.tick_params(labelbottom=True)
    figure.supylabel("Rank correlation with the trained network's map", fontsize=9)
    figure.suptitle(title, fontsize=11)
    return figure


def planted_beats(results: Results, plant: str, methods: Sequence[str], unit: str) -> Picture:
    """The lead with the plant of one test beat, and what methods mark in it and elsewhere."""
    stored = read_attributions(results.planted_attributions(plant), methods)
    if not len(stored.record_id):
        figure = Picture(0.6)
        figure.suptitle(f"Plant {plant}: too few records to plant it in", fontsize=11)
        return figure
    beat, mask = stored.beats[0], stored.mask[0].astype(bool)
    lead = int(mask.sum(1).argmax())
    time = np.arange(beat.shape[1]) * MS_PER_SAMPLE
    figure = Picture(1.9 + 1.4 * len(stored.maps))
    panels = figure.subplots(1 + len(stored.maps), 1, sharex=True)
    for axes in panels:
        axes.fill_between(
            time,
            0,
            mask[lead].astype(float),
            color="#F0E442",
            alpha=0.6,
            lw=0,
            step="mid",
            transform=axes.get_xaxis_transform(),
        )
    panels[0].plot(time, beat[lead] / 1000, color=BLACK, lw=1)
    panels[0].set_ylabel(f"{LEADS[lead]} (mV)")
    for axes, (method, maps) in zip(panels[1:], stored.maps.items(), strict=True):
        heat = np.abs(maps[0])
        rest = (heat.sum(0) - heat[lead]) / (len(LEADS) - 1)
        axes.plot(time, heat[lead], color=VERMILION, lw=1, label=LEADS[lead])
        axes.plot(time, rest, color=GREY, lw=1, label="mean of the other leads")
        axes.set_ylabel(f"|{label(method)}|\n({stored.details[method]['unit']})", fontsize=8)
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    panels[-1].set_xlabel("Time (ms)")
    figure.suptitle(f"Plant {plant} (yellow), {stored.truth[0]:.0f} {unit}", fontsize=11)
    return figure
