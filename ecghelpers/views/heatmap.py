"""ECGs on paper with heatmaps behind them, and how much of a map lies on which wave.

Numbers come in, pictures go out; no file is read. Lengths are mm of paper at 25 mm/s and 10 mm/mV;
y is 0 at the top of the paper and negative below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize

from ..attribution import MEANINGS, kind
from ..ecg import BEAT_SAMPLES, BEAT_SHAPE, LEADS, SAMPLING_RATE_HZ, TARGETS
from ..evaluation.controls import label as label_of
from ..validation import check_choice
from .picture import WAVE_COLORS, WIDTH_INCHES, Picture, panels

MM_PER_S, MM_PER_UV = 25, 0.01
MM_PER_SAMPLE = MM_PER_S / SAMPLING_RATE_HZ
BEAT_MM = BEAT_SAMPLES * MM_PER_SAMPLE
GAP_MM = 5  # between columns, and above a row for the names of its leads
TITLE_MM = 10  # above a panel that has a title
MARGIN_MM = 10  # left of the paper, for the calibration pulse
PULSE = np.array([(-8, 0), (-7, 0), (-7, 10), (-2, 10), (-2, 0), (-1, 0)])  # 200 ms × 1 mV
FOUR_COLUMNS = tuple(zip(LEADS[:3], LEADS[3:6], LEADS[6:9], LEADS[9:], strict=True))
TWO_COLUMNS = tuple(zip(LEADS[:6], LEADS[6:], strict=True))
ALL_LEADS, AVERAGED = "all leads", "averaged"
MODES = (ALL_LEADS, AVERAGED, *(f"{lead} only" for lead in LEADS))

NEGATIVE, POSITIVE = (0, 87, 200), (213, 94, 0)  # blue and vermilion, for the colour-blind
FULL = 0.9  # opacity of full colour
PERCENTILE = 99  # of |value| over the leads shown: full colour
INK, PAPER = "#1a1a1a", "#fffdfc"
LINES = (200 / 255, 50 / 255, 50 / 255)  # of the paper: faint over heat as over white
MINOR_ALPHA, MAJOR_ALPHA = 0.14, 0.3
FIDUCIAL_INK = "#3b6e4f"

AROUND = 1.5, 1.3  # inches of the picture beside and around the paper
MOST_MM_INCHES = 2.2 / 25.4  # a paper with one lead is not enlarged beyond 2.2 times its size
CROWDED = 1.3 / 25.4  # inches a mm; smaller papers have no 1 mm lines and fewer labels
GRID_COLUMNS = 5
SCALE = "25 mm/s, 10 mm/mV; calibration pulse 1 mV × 200 ms"
BOXES = {False: "one small box 40 ms × 0.1 mV", True: "one large box 200 ms × 0.5 mV"}
RESEARCH_ONLY = "Research only, not for diagnosis"  # on every picture


@dataclass(frozen=True)
class Cell:
    """One lead of one panel, and its place on the paper."""

    panel: int
    lead: str
    left: float
    baseline: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Paper:
    """Cells on paper from x = -MARGIN_MM. titles: left, top and text of each panel."""

    cells: list[Cell]
    titles: list[tuple[float, float, str]]
    width: float
    height: float


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Colours (…, 4) uint8 of values between -1 and 1; zero is clear."""
    colours = np.empty((*values.shape, 4), np.uint8)
    colours[..., :3] = np.where((values < 0)[..., None], NEGATIVE, POSITIVE)
    colours[..., 3] = np.rint(255 * FULL * np.clip(np.abs(values), 0, 1))
    return colours


def heat_scale(values: np.ndarray) -> float:
    """The |value| of full colour: a percentile over what is shown.

    Falls back to the largest |value| where that percentile is 0 (a sparse map), to 1 for all 0.
    """
    size = np.abs(values)
    return float(np.percentile(size, PERCENTILE) or size.max() or 1.0)


def ecg_heatmap(
    beat_uv,
    attribution=None,
    *,
    method: str | None = None,
    multiply_by_inputs: bool = True,
    fiducials=None,
    title: str = "",
    mode: str = ALL_LEADS,
    unit: str = "",
) -> Picture:
    """An ECG on paper with a heatmap behind it.

    beat_uv: median beat (12, 600) in µV. attribution: the same shape in ``unit``, or None for the
    ECG alone; method: its attribution method, so that the picture can explain its colours.
    fiducials: six sample indices, NaN where missing. mode: "all leads", "averaged" (mean over
    leads, behind each) or "V5 only" (any lead). Raises ValueError for a wrong shape or mode.
    """
    beat_uv, lines = _checked(beat_uv, "beat"), [title]
    lead = check_choice("mode", mode, MODES).removesuffix(" only")
    paper = lay_out(beat_uv, ((lead,),) if lead in LEADS else FOUR_COLUMNS)
    if attribution is None:
        return _draw(paper, beat_uv, None, 1.0, "", fiducials, lines)
    values, name = _checked(attribution, "attribution"), "Attribution"
    if method:
        meaning = kind(method, multiply_by_inputs)
        name = meaning.capitalize()
        lines.append(f"{name}: {MEANINGS[meaning]}")
    if mode == AVERAGED:
        values = np.broadcast_to(values.mean(axis=0), BEAT_SHAPE)
        lines[0] += " · map averaged over the leads"
    scale = heat_scale(values[LEADS.index(lead)] if lead in LEADS else values)
    label = f"{name} ({unit})" if unit else name
    return _draw(paper, beat_uv, [values / scale], scale, label, fiducials, lines)


def method_grid(
    beat_uv, attributions: Mapping, *, fiducials=None, title: str = "", leads=TWO_COLUMNS
) -> Picture:
    """One beat with the heatmaps of several methods side by side.

    attributions: method → (12, 600). Each map has its own scale, since the methods' units differ.
    leads: rows of lead names.
    """
    beat_uv = _checked(beat_uv, "beat")
    maps = [_checked(values, "attribution") for values in attributions.values()]
    titles = [label_of(name) for name in attributions]
    paper = lay_out(beat_uv, leads, titles, GRID_COLUMNS)
    label = "Share of full colour, each map on its own scale"
    scaled = [values / heat_scale(values) for values in maps]
    return _draw(paper, beat_uv, scaled, 1.0, label, fiducials, [title])


def _checked(values, name: str) -> np.ndarray:
    values = np.asarray(values, float)
    if values.shape != BEAT_SHAPE:
        raise ValueError(f"the {name} has shape {values.shape}; allowed: {BEAT_SHAPE}")
    return values


def lay_out(
    beat_uv: np.ndarray, rows: Sequence[Sequence[str]], titles=("",), most_across: int = 1
) -> Paper:
    """Place rows of leads on paper, once for each title.

    most_across: panels side by side. Rows are as tall as the beat (12, 600) needs, in whole large
    boxes, and the same in every panel.
    """
    across, header = min(len(titles), most_across), TITLE_MM if any(titles) else 0
    mm = [beat_uv[[LEADS.index(lead) for lead in leads]] * MM_PER_UV for leads in rows]
    extents = [(max(10, _boxes(row.max())), max(5, _boxes(-row.min()))) for row in mm]
    panel_width = len(rows[0]) * (BEAT_MM + GAP_MM)
    panel_height = header + sum(GAP_MM + up + down for up, down in extents)
    cells, places = [], []
    for panel, title in enumerate(titles):
        x, y = panel % across * panel_width, -(panel // across) * panel_height
        places.append((x, y, title))
        y -= header
        for leads, (up, down) in zip(rows, extents, strict=True):
            y -= GAP_MM + up
            for column, lead in enumerate(leads):
                left = x + column * (BEAT_MM + GAP_MM)
                cells.append(Cell(panel, lead, left, y, y - down, y + up))
            y -= down
    height = panel_height * -(-len(titles) // across)
    return Paper(cells, places, MARGIN_MM + across * panel_width, height)


def _boxes(mm: float) -> float:
    return 5 * np.ceil(mm / 5)


def _draw(paper: Paper, beat_uv, maps, scale: float, label: str, fiducials, lines) -> Picture:
    """Paper with maps, a (12, 600) a panel in shares of full colour, or None; lines on top."""
    mm = min((WIDTH_INCHES - AROUND[0]) / paper.width, MOST_MM_INCHES)
    picture = Picture(paper.height * mm + AROUND[1], max(paper.width * mm + AROUND[0], 7))
    axes, crowded = picture.subplots(), mm < CROWDED
    time, marks = np.arange(BEAT_SAMPLES) * MM_PER_SAMPLE, []
    for cell in paper.cells:
        row = LEADS.index(cell.lead)
        if maps is not None:
            half = MM_PER_SAMPLE / 2
            place = (cell.left - half, cell.left + BEAT_MM - half, cell.bottom, cell.top)
            axes.imshow(heat_colours(maps[cell.panel][row : row + 1]), extent=place, zorder=1)
        trace = cell.baseline + beat_uv[row] * MM_PER_UV
        axes.plot(cell.left + time, trace, color=INK, linewidth=0.7 if crowded else 1)
        axes.text(cell.left, cell.top + 1, cell.lead, fontsize=6 if crowded else 9)
        for sample in () if fiducials is None else np.asarray(fiducials, float):
            x = cell.left + sample * MM_PER_SAMPLE
            marks.append([(x, cell.bottom), (x, cell.top)])
    marks = [line for line in marks if np.isfinite(line).all()]
    thin = {"linewidths": 0.5 if crowded else 0.8, "linestyles": ":"}
    axes.add_collection(LineCollection(marks, colors=FIDUCIAL_INK, zorder=1.5, **thin))
    for x, y, text in paper.titles:
        style = {"fontsize": 10, "fontweight": "bold", "va": "center", "parse_math": False}
        axes.text(x, y - TITLE_MM / 2, text, **style)
    draw_grid(axes, -MARGIN_MM, paper.width, paper.height, crowded)
    _label_axes(axes, paper, crowded)
    if maps is not None:
        _colour_bar(picture, axes, scale, label)
    text = [*filter(None, lines), f"{SCALE}; {BOXES[crowded]} · {RESEARCH_ONLY}"]
    picture.suptitle("\n".join(text), x=0.01, ha="left", fontsize=9, parse_math=False)
    return picture


def _label_axes(axes: Axes, paper: Paper, crowded: bool) -> None:
    """Ticks of time below each column and of voltage at each row, with the calibration pulse."""
    columns = {cell.left for cell in paper.cells}
    baselines = {cell.baseline for cell in paper.cells}
    for baseline in baselines:
        axes.plot(*(PULSE + (0, baseline)).T, color=INK, linewidth=0.7 if crowded else 1)
    times, levels = (0, 800) if crowded else (0, 400, 800), (0,) if crowded else (0, 1)
    at = [left + time / 1000 * MM_PER_S for left in columns for time in times]
    axes.set_xticks(at, [*times] * len(columns), fontsize=6 if crowded else 8)
    at = [baseline + 10 * mv for baseline in baselines for mv in levels]
    axes.set_yticks(at, [*levels] * len(baselines), fontsize=6 if crowded else 8)
    axes.set_xlabel("Time in the beat (ms), 25 mm/s", fontsize=9)
    axes.set_ylabel("Voltage (mV), 10 mm/mV", fontsize=9)


def _colour_bar(picture: Picture, axes: Axes, scale: float, label: str) -> None:
    colours = heat_colours(np.linspace(-1, 1, 255)) / 255
    mapped = ScalarMappable(Normalize(-scale, scale), ListedColormap(colours))
    bar = picture.colorbar(mapped, ax=axes, shrink=0.8, aspect=40, pad=0.01, extend="both")
    bar.set_label(label, fontsize=9)
    bar.formatter.set_powerlimits((-3, 4))
    bar.formatter.set_useMathText(True)
    bar.ax.tick_params(labelsize=8)


def draw_grid(axes: Axes, left: float, width: float, height: float, crowded: bool) -> None:
    """Paper from left to left + width and from 0 down to -height; crowded: no 1 mm lines."""
    right, bottom = left + width, -height
    for step, alpha, thick in ((1, MINOR_ALPHA, 0.3), (5, MAJOR_ALPHA, 0.5))[crowded:]:
        upright = [[(x, bottom), (x, 0)] for x in np.arange(left, right + 1, step)]
        level = [[(left, y), (right, y)] for y in np.arange(0, bottom - 1, -step)]
        style = {"colors": (*LINES, alpha), "linewidths": thick, "zorder": 0}
        axes.add_collection(LineCollection(upright + level, **style))
    axes.set(xlim=(left, right), ylim=(bottom, 0), aspect="equal", facecolor=PAPER)
    axes.tick_params(length=2)
    axes.spines[:].set_visible(False)


def wave_bars(mass, target: str) -> Picture:
    """Share of |attribution| in every wave, one bar per method.

    mass: DataFrame, a row per method and a column per wave (P, QRS, T, elsewhere), shares that add
    up to at most 1. Columns named time_… hold the share of time that a wave takes: the last bar.
    """
    waves = [name for name in mass if not name.startswith("time_")]
    shares = mass[waves].rename(index=label_of)
    shares.loc["share of time"] = [mass[f"time_{wave}"].mean() for wave in waves]
    picture = Picture(1.1 + 0.3 * len(shares))
    (axes,) = panels(picture, 1, 1)
    start = np.zeros(len(shares))
    for wave in waves:
        width = shares[wave].to_numpy(float) * 100
        bars = axes.barh(list(shares.index), width, left=start, color=WAVE_COLORS[wave], label=wave)
        text = [f"{share:.0f}" if share >= 2 else "" for share in width]
        axes.bar_label(bars, text, label_type="center", fontsize=8)
        start += np.nan_to_num(width)
    axes.set_xlim(0, 100)
    axes.invert_yaxis()
    axes.set_xlabel("Share of |attribution| (%)")
    axes.set_title(TARGETS[target].label, fontsize=11, loc="left")
    picture.legend(loc="outside upper right", ncols=len(waves), fontsize=9, frameon=False)
    return picture
