"""Figures of the data: a recording, its median beat, and the distributions over all records."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..ecg import BEAT_SAMPLES, FIDUCIALS, INDEPENDENT_LEADS, LEADS, MS_PER_SAMPLE, TARGETS
from .heatmap import INK, MM_PER_S, MM_PER_SAMPLE, MM_PER_UV, PAPER, draw_grid
from .picture import OURS, PANELS, PUBLISHED, WAVE_COLORS, WIDTH_INCHES, Picture, panels

PALE = "#9a9a9a"
TOP_MM = 5  # of paper above a lead, for the marks of the beats
BEAT_MS = np.arange(BEAT_SAMPLES) * MS_PER_SAMPLE


def recording(
    ecg_uv: np.ndarray, r: np.ndarray, title: str = "", leads=("II", "V1", "V5")
) -> Picture:
    """A recording (8, time) in µV at 500 Hz on ECG paper, with its beats at samples r marked.

    ecg_uv has the leads INDEPENDENT_LEADS; leads are drawn one below the other.
    """
    mm = np.arange(ecg_uv.shape[1]) * MM_PER_SAMPLE
    signals = [ecg_uv[INDEPENDENT_LEADS.index(lead)] * MM_PER_UV for lead in leads]
    heights = [5 * np.ceil(signal.max() / 5) + TOP_MM for signal in signals]
    depths = [5 * np.ceil(max(-signal.min(), 1) / 5) for signal in signals]
    height, width = sum(heights) + sum(depths), 5 * np.ceil(mm[-1] / 5)
    inches = WIDTH_INCHES / (width + 12)  # a mm
    picture = Picture(0.8 + height * inches)
    axes = picture.subplots()
    draw_grid(axes, 0, width, height, crowded=False)
    axes.plot(mm[np.asarray(r, int)], np.full(len(r), -2), "v", color="#D55E00", ms=6)
    levels = -np.cumsum(heights) - np.cumsum([0, *depths[:-1]])
    for lead, signal, level in zip(leads, signals, levels, strict=True):
        axes.plot(mm, level + signal, color=INK, lw=0.8)
        axes.text(1, level + 5, lead, fontsize=10, bbox={"fc": PAPER, "ec": "none", "pad": 1})
    axes.set_xticks(
        np.arange(0, width + 1, MM_PER_S), np.arange(0, width // MM_PER_S + 1, dtype=int)
    )
    axes.set_yticks([y for level in levels for y in (level, level + 10)], ["0", "1"] * len(leads))
    axes.set_xlabel("Time (s), 25 mm/s")
    axes.set_ylabel("Voltage (mV), 10 mm/mV")
    axes.set_title(f"{title} · triangles: beats found", fontsize=10, parse_math=False)
    return picture


def beats_and_median(windows: np.ndarray, median_uv: np.ndarray, fiducials, lead: str) -> Picture:
    """One lead of aligned beats (beat, 8, 600) in µV, and the median beat with its waves.

    windows has the leads INDEPENDENT_LEADS. median_uv: (12, 600); fiducials: (6,) sample indices,
    NaN = missing.
    """
    windows = windows[:, INDEPENDENT_LEADS.index(lead)]
    picture = Picture(3.6)
    left, right = picture.subplots(1, 2, sharey=True)
    left.plot(BEAT_MS, windows.T / 1000, color=PALE, lw=0.8)
    left.plot(BEAT_MS, np.median(windows, axis=0) / 1000, color=INK, lw=1.5)
    left.set_title(f"{len(windows)} beats in {lead}, and their median (dark)", fontsize=10)
    _beat(right, median_uv, fiducials)
    for sample in np.asarray(fiducials, float)[np.isfinite(fiducials)]:
        right.axvline(sample * MS_PER_SAMPLE, color=INK, lw=0.6, ls=":")
    right.set_title("The median beat, all leads (II dark)", fontsize=10)
    for axes in (left, right):
        axes.set_xlabel("Time (ms)")
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("Voltage (mV)")
    return picture


def beats_with_fiducials(medians, fiducials, record_ids, *, columns: int = 3) -> Picture:
    """Median beats (record, 12, 600) in µV, leads superimposed, with P, QRS and T shaded.

    fiducials: (record, 6) sample indices, NaN = missing. Lead II is dark.
    """
    rows = -(-len(medians) // columns)
    picture = Picture(0.4 + 2.3 * rows)
    grid = picture.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(medians) :]:
        axes.set_axis_off()
    for axes, beat, marks, name in zip(grid.ravel(), medians, fiducials, record_ids, strict=False):
        _beat(axes, beat, marks)
        axes.set_title(str(name), fontsize=9, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("Time (ms)")
    for axes in grid[:, 0]:
        axes.set_ylabel("Voltage (mV)")
    return picture


def _beat(axes: Axes, beat_uv: np.ndarray, marks) -> None:
    """Twelve leads of a beat, lead II dark, with P, QRS and T shaded between their fiducials."""
    beat = np.asarray(beat_uv, float) / 1000
    axes.plot(BEAT_MS, beat.T, color=PALE, lw=0.6)
    axes.plot(BEAT_MS, beat[LEADS.index("II")], color=INK, lw=1)
    at = dict(zip(FIDUCIALS, np.asarray(marks, float) * MS_PER_SAMPLE, strict=True))
    for wave, letter in (("P", "p"), ("QRS", "q"), ("T", "t")):
        onset, end = at[f"{letter}onset"], at[f"{letter}offset"]
        if np.isfinite(onset) and np.isfinite(end):
            axes.axvspan(onset, end, color=WAVE_COLORS[wave], alpha=0.25, lw=0)
            place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
            axes.annotate(wave, ((onset + end) / 2, 0.99), fontsize=8, **place)


def target_histograms(targets) -> Picture:
    """The distribution of every target with the published mean, SD and range of 12SL.

    targets: a mapping (or DataFrame) from target name to values; NaN are left out.
    """
    names = [name for name in TARGETS if name in targets]
    rows = -(-len(names) // PANELS)
    picture = Picture(0.7 + 2.4 * rows)
    for name, axes in zip(names, panels(picture, len(names)), strict=True):
        target = TARGETS[name]
        values = np.asarray(targets[name], float)
        values = values[np.isfinite(values)]
        lines = [target.title, "missing in every record"]
        if values.size:
            axes.hist(values, bins=40, color=OURS, alpha=0.75, label="here")
            lines[1] = f"here {values.mean():.1f} ± {values.std():.1f}, n = {values.size}"
        if target.published:
            mean, sd, low, high = target.published
            lines.append(f"12SL {mean:.1f} ± {sd:.1f} ({low:g}–{high:g})")
            axes.axvspan(low, high, color=PUBLISHED, alpha=0.12, lw=0, zorder=0)
            axes.axvspan(mean - sd, mean + sd, color=PUBLISHED, alpha=0.3, lw=0, zorder=0)
            axes.axvline(mean, color=PUBLISHED, lw=2, ls="--", label="12SL: mean, SD, range")
        axes.set_xlabel("\n".join(lines), fontsize=8)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in picture.axes[::PANELS]:
        axes.set_ylabel("Records")
    handles, labels = picture.axes[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=9, frameon=False)
    return picture


def agreement(ours: np.ndarray, theirs: np.ndarray, program: str) -> Picture:
    """Bland–Altman plot of our values minus a program's, with one panel per target.

    ours, theirs: (record, 7), NaN = missing. Lines: the mean difference ± 1.96 SD (Bland and
    Altman, Lancet 327:307, 1986).
    """
    picture = Picture(0.7 + 2.4 * -(-len(TARGETS) // PANELS))
    both = np.isfinite(ours) & np.isfinite(theirs)
    grid = zip(
        TARGETS.values(), both.T, ours.T, theirs.T, panels(picture, len(TARGETS)), strict=True
    )
    for target, known, mine, other, axes in grid:
        mine, difference = mine[known], (mine - other)[known]
        lines = [f"{target.title}: mean of both", "no record has both values"]
        if known.any():
            bias, sd = difference.mean(), difference.std(ddof=1) if known.sum() > 1 else 0.0
            axes.plot(mine - difference / 2, difference, "o", ms=3, alpha=0.6, color=OURS)
            axes.axhline(bias, color=PUBLISHED, lw=2)
            for limit in (bias - 1.96 * sd, bias + 1.96 * sd):
                axes.axhline(limit, color=PUBLISHED, lw=1, ls="--")
            lines[1] = f"difference {bias:+.1f} ± {sd:.1f}, n = {known.sum()}"
        axes.axhline(0, color=PALE, lw=0.8, zorder=0)
        axes.set_xlabel("\n".join(lines), fontsize=8)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in picture.axes[::PANELS]:
        axes.set_ylabel(f"Here − {program}", fontsize=9)
    return picture


def missing_bar(targets) -> Picture:
    """The number of records without each target. targets: mapping or DataFrame, NaN = missing."""
    names = [name for name in TARGETS if name in targets]
    missing = [int(np.isnan(np.asarray(targets[name], float)).sum()) for name in names]
    total = max((len(targets[name]) for name in names), default=0)
    picture = Picture(0.8 + 0.27 * len(names), 8)
    (axes,) = panels(picture, 1, 1)
    bars = axes.barh([TARGETS[name].label for name in names], missing, color=OURS)
    text = [f"{count} of {total} ({count / max(total, 1):.1%})" for count in missing]
    axes.bar_label(bars, text, padding=3, fontsize=8)
    axes.set_xlim(0, max([*missing, 1]) * 1.3)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.invert_yaxis()
    axes.set_xlabel("Records without a value")
    return picture
