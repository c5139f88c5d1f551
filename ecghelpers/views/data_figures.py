"""Figures of the data and of predictions: a recording, median beats, distributions, errors."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..ecg import FIDUCIALS, INDEPENDENT_LEADS, LEADS, MS_PER_SAMPLE, TARGETS
from ..formatting import format_number
from .heatmap import BEAT_MS, INK, MS_PER_MV, PAPER, boxes, ecg_paper
from .picture import (
    OURS,
    PANELS,
    PLAIN,
    PUBLISHED,
    VERMILION,
    WAVE_COLORS,
    WIDTH_INCHES,
    Picture,
    panels,
)

NAMED = 3  # records with the largest errors


def recording(
    ecg_uv: np.ndarray, r: np.ndarray, title: str = "", leads=("II", "V1", "V5")
) -> Picture:
    """A recording (8, time) in µV at 500 Hz on ECG paper, with its beats at samples r marked.

    ecg_uv has the leads INDEPENDENT_LEADS; leads are drawn one below the other.
    """
    ms, mv = np.arange(ecg_uv.shape[1]) * MS_PER_SAMPLE, ecg_uv / 1000
    signals = mv[[INDEPENDENT_LEADS.index(lead) for lead in leads]]
    apart = -boxes(-signals.max()) - boxes(signals.min())
    low, high = boxes(signals[-1].min()) - apart * (len(leads) - 1), -boxes(-signals[0].max()) + 0.5
    picture = Picture(1 + (high - low) * MS_PER_MV * WIDTH_INCHES / ms[-1])
    axes = picture.subplots()
    for row, (lead, signal) in enumerate(zip(leads, signals, strict=True)):
        axes.plot(ms, signal - row * apart, color=INK, lw=0.8)
        place = {"fontsize": 10, "bbox": {"fc": PAPER, "ec": "none", "pad": 1}}
        axes.text(40, 0.4 - row * apart, lead, **place)
    axes.plot(ms[np.asarray(r, int)], np.full(len(r), high - 0.2), "v", color=VERMILION, ms=6)
    axes.set(xlim=(0, ms[-1]), ylim=(low, high), xlabel="Time (ms), 25 mm/s")
    axes.set_ylabel(f"10 mm/mV; the leads are {apart:g} mV apart")
    ecg_paper(axes)
    axes.yaxis.set_major_formatter("")
    axes.xaxis.set_major_formatter(lambda ms, _: f"{ms:.0f}" if ms % 1000 == 0 else "")
    axes.set_title(f"{title} · triangles: beats found", fontsize=10, parse_math=False)
    return picture


def beats_with_fiducials(medians, fiducials, titles, *, columns: int = 3) -> Picture:
    """Median beats (record, 12, 600) in µV, leads superimposed, with P, QRS and T shaded.

    fiducials: (record, 6) sample indices, NaN = missing. Lead II is dark.
    """
    picture = Picture(0.4 + 2.3 * -(-len(medians) // columns))
    grid = panels(picture, len(medians), columns)
    for axes, beat_uv, marks, title in zip(grid, medians, fiducials, titles, strict=True):
        beat = np.asarray(beat_uv, float) / 1000
        axes.plot(BEAT_MS, beat.T, color=PLAIN, lw=0.6)
        axes.plot(BEAT_MS, beat[LEADS.index("II")], color=INK, lw=1)
        at = dict(zip(FIDUCIALS, np.asarray(marks, float) * MS_PER_SAMPLE, strict=True))
        for wave, letter in (("P", "p"), ("QRS", "q"), ("T", "t")):
            onset, end = at[f"{letter}onset"], at[f"{letter}offset"]
            if np.isfinite(onset) and np.isfinite(end):
                axes.axvspan(onset, end, color=WAVE_COLORS[wave], alpha=0.25, lw=0)
                place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
                axes.annotate(wave, ((onset + end) / 2, 0.99), fontsize=8, **place)
        axes.set_title(str(title), fontsize=9, parse_math=False)
        axes.tick_params(labelsize=8)
    picture.supxlabel("Time (ms)", fontsize=9)
    picture.supylabel("Voltage (mV)", fontsize=9)
    return picture


def target_histograms(targets: pd.DataFrame) -> Picture:
    """The distribution of every target with the published mean, SD and range of 12SL.

    targets: a column for each target, NaN are left out.
    """
    picture = Picture(0.7 + 2.4 * -(-targets.shape[1] // PANELS))
    for name, axes in zip(targets, panels(picture, targets.shape[1]), strict=True):
        target, values = TARGETS[name], targets[name].dropna()
        lines = [target.title, "missing in every record"]
        if len(values):
            axes.hist(values, bins=40, color=OURS, alpha=0.75, label="here")
            lines[1] = f"here {values.mean():.1f} ± {values.std():.1f}, n = {len(values)}"
        if target.published:
            mean, sd, low, high = target.published
            lines.append(f"12SL {mean:.1f} ± {sd:.1f} ({low:g}–{high:g})")
            axes.axvspan(low, high, color=PUBLISHED, alpha=0.12, lw=0, zorder=0)
            axes.axvspan(mean - sd, mean + sd, color=PUBLISHED, alpha=0.3, lw=0, zorder=0)
            axes.axvline(mean, color=PUBLISHED, lw=2, ls="--", label="12SL: mean, SD, range")
        _label(axes, lines)
    picture.supylabel("Records", fontsize=9)
    handles, labels = picture.axes[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=9, frameon=False)
    return picture


def agreement(ours: np.ndarray, theirs: np.ndarray, program: str) -> Picture:
    """Our values minus a program's against their mean, with one panel per target.

    ours, theirs: (record, 7), NaN = missing.
    """
    picture = Picture(0.7 + 2.4 * -(-len(TARGETS) // PANELS))
    difference, mean = ours - theirs, (ours + theirs) / 2
    rows = zip(TARGETS.values(), mean.T, difference.T, panels(picture, len(TARGETS)), strict=True)
    for target, at, apart, axes in rows:
        known = np.isfinite(apart)
        lines = [f"{target.title}: mean of both", "no record has both values"]
        if known.any():
            bias, reach = limits_of_agreement(axes, at[known], apart[known])
            lines[1] = f"{bias:+.1f}, 95 % within ± {reach:.1f} of it, n = {known.sum()}"
        _label(axes, lines)
    picture.supylabel(f"Here − {program}", fontsize=9)
    return picture


def predictions(
    truth: np.ndarray, prediction: np.ndarray, target: str, record_id: Sequence, split="test"
) -> Picture:
    """Predictions against measured values, and their differences (Bland and Altman).

    truth, prediction: (record,) in target unit. The difference is drawn against the measured value
    and not the mean of both, because it is the reference here. The records with the largest errors
    are named.
    """
    finite = np.isfinite(truth) & np.isfinite(prediction)
    truth, prediction = truth[finite], prediction[finite]
    error, ids = prediction - truth, np.asarray(record_id)[finite]
    unit = TARGETS[target].unit
    picture = Picture(4.6)
    left, right = panels(picture, 2, 2)
    left.axline((truth[0], truth[0]), slope=1, ls="--", color=PLAIN)
    left.plot(truth, prediction, "o", ms=4, color=OURS, alpha=0.6, mec="none")
    left.set_aspect("equal")
    left.set_ylabel(f"Predicted ({unit}), dashed: identity")
    left.set_title(f"MAE {np.abs(error).mean():.3g} {unit}, n = {error.size}", fontsize=9)
    mean, reach = limits_of_agreement(right, truth, error)
    for k in np.argsort(-np.abs(error))[:NAMED]:
        place = {"xytext": (4, 3), "textcoords": "offset points", "fontsize": 7}
        right.annotate(str(ids[k]), (truth[k], error[k]), parse_math=False, **place)
    right.set_ylabel(f"Predicted − measured ({unit})")
    bias = f"Mean {format_number(mean, '+.3g')} {unit}"
    right.set_title(f"{bias}, 95 % within ± {reach:.3g} of it", fontsize=9)
    for axes in (left, right):
        axes.set_xlabel(f"Measured ({unit})")
    picture.suptitle(f"{TARGETS[target].label}, {split} records")
    return picture


def limits_of_agreement(axes: Axes, at: np.ndarray, difference: np.ndarray) -> tuple[float, float]:
    """Draw differences with their mean and limits of agreement; returns mean and 1.96 SD.

    Bland and Altman, Lancet 327:307, 1986.
    """
    mean, reach = difference.mean(), 1.96 * np.std(difference, ddof=min(1, len(difference) - 1))
    axes.plot(at, difference, "o", ms=3.5, alpha=0.6, color=OURS, mec="none")
    axes.axhline(mean, color=PUBLISHED, lw=2)
    for limit in (mean - reach, mean + reach):
        axes.axhline(limit, color=PUBLISHED, lw=1, ls="--")
    axes.axhline(0, color=PLAIN, lw=0.8, zorder=0)
    return float(mean), float(reach)


def _label(axes: Axes, lines: list[str]) -> None:
    axes.set_xlabel("\n".join(lines), fontsize=8)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(4))
