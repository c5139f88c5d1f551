"""ECGs on paper with heatmaps behind them, and how much of a map lies on which wave.

Drawn by matplotlib, for notebooks and for PNG files.
Numbers come in, pictures go out; no file is read.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize

from ..attribution import MEANINGS, kind
from ..ecg import TARGETS
from . import ecg_paper
from .ecg_paper import MM_PER_S, RESEARCH_ONLY, Page, calibration
from .picture import WIDTH_INCHES, Picture, panels
from .styles import METHOD_LABELS, WAVE_COLORS

NEGATIVE, POSITIVE = (0, 87, 200), (213, 94, 0)  # blue and vermilion: told apart without red-green
INK, PAPER = "#1a1a1a", "#fffdfc"
LINES = (200, 50, 50)  # of the paper: faint over heat as over white
MINOR_ALPHA, MAJOR_ALPHA = 0.14, 0.3
FIDUCIAL_INK = "#3b6e4f"
FULL = 0.9  # opacity of full colour

AROUND = 1.5, 1.3  # inches for what stands beside and around the paper
MOST_MM_INCHES = 2.2 / 25.4  # a page with one lead is not blown up beyond 2.2 times its size
CROWDED = 1.3 / 25.4  # inches a mm; smaller pages have no 1 mm lines and fewer labels
NARROW = 6  # inches: the lines above a paper that is less wide are broken
GRID_COLUMNS = 5


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Colours (…, 4) uint8 of values between -1 and 1; zero and NaN are clear."""
    size = np.clip(np.nan_to_num(np.abs(values)), 0, 1)
    colours = np.empty((*values.shape, 4), np.uint8)
    colours[..., :3] = np.where((values < 0)[..., None], NEGATIVE, POSITIVE)
    colours[..., 3] = np.rint(255 * FULL * size)
    return colours


def heat_scale(values: np.ndarray, percentile: float = 99) -> float:
    """The one rule of normalisation: full colour at this percentile of |value| over what is shown.

    Falls back to the largest |value| where that percentile is 0 (a sparse map), to 1 for all 0.
    """
    size = np.abs(values[np.isfinite(values)])
    if not size.size:
        return 1.0
    return float(np.percentile(size, percentile) or size.max() or 1.0)


def ecg_heatmap(
    beat_uv,
    attribution=None,
    *,
    method: str | None = None,
    multiply_by_inputs: bool = True,
    fiducials=None,
    title: str = "",
    mode: str = ecg_paper.ALL_LEADS,
    layout: str | None = None,
    unit: str = "",
    percentile: float = 99,
) -> Picture:
    """An ECG on paper with a heatmap behind it.

    beat_uv: median beat (12, 600) in µV. attribution: the same shape in ``unit``, or None for the
    ECG alone; method: which one made it, so that the picture says what its colours mean.
    fiducials: six sample indices, NaN where missing. mode: "all leads", "averaged" (mean over
    leads, behind each) or "V5 only" (any lead). layout: 3x4, 6x2, 12x1 or a lead; by default 3x4,
    or the lead that the mode shows. Full colour is at the given percentile of |value| over what is
    shown. Raises ValueError for a wrong shape, mode or layout.
    """
    beat_uv = ecg_paper.as_beat(beat_uv)
    page = ecg_paper.lay_out(beat_uv, layout or ecg_paper.default_layout(mode))
    if attribution is None:
        return _draw(page, beat_uv, None, 1.0, "", fiducials, [title])
    maps = ecg_paper.shown(attribution, mode)[None]
    name, lines = "Attribution", [title]
    if method:
        what = kind(method, multiply_by_inputs)
        name = what.capitalize()
        lines.append(f"{name}: {MEANINGS[what]}")
    if mode == ecg_paper.AVERAGED:
        lines[0] += " · map averaged over the leads"
    label = f"{name} ({unit})" if unit else name
    scale = heat_scale(maps, percentile)
    return _draw(page, beat_uv, maps, scale, label, fiducials, lines)


def scaled_maps(attributions, mode: str, percentile: float) -> np.ndarray:
    """Maps (panel, 12, 600), each divided by its own percentile of |value| over what is shown."""
    maps = [ecg_paper.shown(attribution, mode) for attribution in attributions]
    return np.stack([values / heat_scale(values, percentile) for values in maps])


def method_grid(
    beat_uv,
    attributions: dict,
    *,
    fiducials=None,
    title: str = "",
    mode: str = ecg_paper.ALL_LEADS,
    layout: str = "6x2",
    percentile: float = 99,
    labels: dict | None = None,
) -> Picture:
    """One beat with the heatmaps of several methods (or models) side by side.

    attributions: name → (12, 600). labels: name → the text above its panel, by default
    METHOD_LABELS. Each map has its own scale, since the methods' units differ.
    """
    beat_uv = ecg_paper.as_beat(beat_uv)
    labels = {**METHOD_LABELS, **(labels or {})}
    titles = [labels.get(name, name) for name in attributions]
    page = ecg_paper.lay_out(beat_uv, layout, titles, min(len(titles), GRID_COLUMNS))
    maps = scaled_maps(attributions.values(), mode, percentile)
    return _draw(
        page,
        beat_uv,
        maps,
        1.0,
        "Share of full colour, each map on its own scale",
        fiducials,
        [title],
    )


def _draw(page: Page, beat_uv, maps, scale, label, fiducials, lines) -> Picture:
    """A page with maps (panel, 12, 600), or None, full colour at scale; lines stand above it."""
    mm = min((WIDTH_INCHES - AROUND[0]) / page.width, MOST_MM_INCHES)
    picture = Picture(page.height * mm + AROUND[1], max(page.width * mm + AROUND[0], 7))
    axes, crowded = picture.subplots(), mm < CROWDED
    draw_grid(axes, page.left, page.width, page.height, crowded)
    if maps is not None:
        left, right = page.heat_span
        rows = heat_colours(page.heat(maps) / scale)
        for cell, colours in zip(page.rows, rows, strict=True):
            place = (left, right, cell.bottom, cell.top)
            axes.imshow(colours[None], extent=place, aspect="auto", zorder=1)
        _colour_bar(picture, axes, scale, label)
    if fiducials is not None:
        x, y, _ = page.marks(fiducials)
        axes.plot(x, y, ":", color=FIDUCIAL_INK, linewidth=0.5 if crowded else 0.8)
    axes.plot(*page.trace(beat_uv), color=INK, linewidth=0.7 if crowded else 1)
    axes.plot(*page.calibration(), color=INK, linewidth=0.7 if crowded else 1)
    for cell in page.cells:
        axes.text(cell.left, cell.top + 1, cell.lead, fontsize=6 if crowded else 9)
    for x, y, text in page.titles:
        axes.text(x, y, text, fontsize=10, fontweight="bold", va="center", parse_math=False)
    _axes(axes, page, crowded)
    apart = " · " if page.width * mm > NARROW else "\n"
    lines = [*lines, f"{calibration(not crowded)}{apart}{RESEARCH_ONLY}"]
    text = "\n".join(filter(None, lines))
    picture.suptitle(text, x=0.01, ha="left", fontsize=9, parse_math=False)
    return picture


def _colour_bar(picture: Picture, axes: Axes, scale: float, label: str) -> None:
    colours = heat_colours(np.linspace(-1, 1, 255)) / 255
    mapped = ScalarMappable(Normalize(-scale, scale), ListedColormap(colours))
    bar = picture.colorbar(mapped, ax=axes, shrink=0.8, aspect=40, pad=0.01, extend="both")
    bar.set_label(label, fontsize=9)
    bar.formatter.set_powerlimits((-3, 4))
    bar.formatter.set_useMathText(True)
    bar.ax.tick_params(labelsize=8)


def draw_grid(axes: Axes, left: float, width: float, height: float, crowded: bool) -> None:
    """Paper from left to left + width and from 0 down to -height, in mm; crowded: no 1 mm lines."""
    right, bottom = left + width, -height
    for step, alpha, thick in ((1, MINOR_ALPHA, 0.3), (5, MAJOR_ALPHA, 0.5))[crowded:]:
        colour = (*(part / 255 for part in LINES), alpha)
        upright = [[(x, bottom), (x, 0)] for x in np.arange(left, right + 1, step)]
        level = [[(left, y), (right, y)] for y in np.arange(0, bottom - 1, -step)]
        lines = LineCollection(upright + level, colors=colour, linewidths=thick, zorder=0)
        axes.add_collection(lines)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, 0)
    axes.set_aspect("equal")
    axes.set_facecolor(PAPER)
    axes.tick_params(length=2)
    axes.spines[:].set_visible(False)


def _axes(axes: Axes, page: Page, crowded: bool) -> None:
    times = (0, 800) if crowded else (0, 400, 800)
    ticks = {left + time / 1000 * MM_PER_S: time for left in page.columns for time in times}
    levels = {cell.baseline + 10 * mv: mv for cell in page.rows for mv in (0, 1)[: 2 - crowded]}
    size = 6 if crowded else 8
    axes.set_xticks(list(ticks), [str(time) for time in ticks.values()], fontsize=size)
    axes.set_yticks(list(levels), [str(mv) for mv in levels.values()], fontsize=size)
    axes.set_xlabel("Time in the beat (ms), 25 mm/s", fontsize=9)
    axes.set_ylabel("Voltage (mV), 10 mm/mV", fontsize=9)


def wave_bars(mass, target: str | None = None) -> Picture:
    """Share of |attribution| in every wave, a bar a method.

    mass: DataFrame with a row a method and a column a wave (P, QRS, T, elsewhere), shares that add
    up to at most 1. Columns named time_… hold the share of time that a wave takes: the last bar.
    """
    mass = pd.DataFrame(mass)
    waves = [name for name in mass if not str(name).startswith("time_")]
    shares = mass[waves].rename(index=lambda method: METHOD_LABELS.get(method, method))
    if all(f"time_{wave}" in mass for wave in waves):
        shares.loc["share of time"] = [mass[f"time_{wave}"].mean() for wave in waves]
    picture = Picture(1.1 + 0.3 * len(shares))
    (axes,) = panels(picture, 1, 1)
    start = np.zeros(len(shares))
    for wave in waves:
        width = shares[wave].to_numpy(float) * 100
        colour = WAVE_COLORS.get(wave, "#666666")
        bars = axes.barh(list(shares.index), width, left=start, color=colour, label=str(wave))
        text = [f"{share:.0f}" if share >= 2 else "" for share in width]
        axes.bar_label(bars, text, label_type="center", fontsize=8)
        start = start + np.nan_to_num(width)
    axes.set_xlim(0, 100)
    axes.invert_yaxis()
    axes.set_xlabel("Share of |attribution| (%)")
    picture.legend(loc="outside upper right", ncols=len(waves), fontsize=9, frameon=False)
    if target:
        axes.set_title(TARGETS[target].label, fontsize=11, loc="left")
    return picture
