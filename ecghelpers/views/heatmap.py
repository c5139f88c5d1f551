"""ECGs on paper with heatmaps behind them: 25 mm/s, 10 mm/mV.

Numbers come in, pictures go out; no file is read. Every lead is one axes, in ms and mV.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.ticker import MultipleLocator

from ..attribution import MEANINGS, kind
from ..ecg import BEAT_SAMPLES, BEAT_SHAPE, LEADS, MS_PER_SAMPLE
from ..evaluation.controls import label as label_of
from ..validation import check_choice
from .picture import WIDTH_INCHES, Picture

MS_PER_MV = 400  # that are as long on paper: 10 mm
BEAT_MS = np.arange(BEAT_SAMPLES) * MS_PER_SAMPLE
FOUR_COLUMNS = tuple(zip(LEADS[:3], LEADS[3:6], LEADS[6:9], LEADS[9:], strict=True))
ALL_LEADS, AVERAGED = "all leads", "averaged"
MODES = (ALL_LEADS, AVERAGED, *(f"{lead} only" for lead in LEADS))

NEGATIVE, POSITIVE = (0, 87, 200), (213, 94, 0)  # blue and vermilion, for the colour-blind
FULL = 0.9  # opacity of full colour
PERCENTILE = 99  # of |value| over the leads shown: full colour
INK, PAPER, LINES = "#1a1a1a", "#fffdfc", "#c83232"
FIDUCIAL_INK = "#3b6e4f"

LARGEST = 2.2 / 400  # inches per ms: a single lead is not enlarged further
CROWDED = 1.3 / 1000  # inches per ms; smaller papers have no 1 mm lines and fewer labels
GRID_COLUMNS = 4
SCALE = "25 mm/s, 10 mm/mV"
BOXES = {False: "one small box 40 ms × 0.1 mV", True: "one large box 200 ms × 0.5 mV"}
RESEARCH_ONLY = "Research only, not for diagnosis"  # on every picture


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
    beat_uv, lines, name = _checked(beat_uv, "beat"), [title], "Attribution"
    lead = check_choice("mode", mode, MODES).removesuffix(" only")
    rows = ((lead,),) if lead in LEADS else FOUR_COLUMNS
    if attribution is None:
        cells = [[("", lead, None) for lead in row] for row in rows]
        return _draw(cells, beat_uv, fiducials, lines)
    values = _checked(attribution, "attribution")
    if method:
        meaning = kind(method, multiply_by_inputs)
        name = meaning.capitalize()
        lines.append(f"{name}: {MEANINGS[meaning]}")
    if mode == AVERAGED:
        values = np.broadcast_to(values.mean(axis=0), BEAT_SHAPE)
        lines[0] += " · map averaged over the leads"
    scale = heat_scale(values[[LEADS.index(lead) for row in rows for lead in row]])
    cells = [[("", lead, values[LEADS.index(lead)] / scale) for lead in row] for row in rows]
    return _draw(cells, beat_uv, fiducials, lines, scale, f"{name} ({unit})" if unit else name)


def method_grid(
    beat_uv, attributions: Mapping, *, fiducials=None, title: str = "", leads=("II", "V5")
) -> Picture:
    """One beat with the heatmaps of several methods side by side.

    attributions: method → (12, 600). Each map has its own scale over the leads shown, since the
    methods' units differ. leads: one below the other.
    """
    beat_uv, rows = _checked(beat_uv, "beat"), [LEADS.index(lead) for lead in leads]
    maps = {name: _checked(values, "attribution") for name, values in attributions.items()}
    names, cells = list(maps), []
    for first in range(0, len(names), GRID_COLUMNS):
        shown = names[first : first + GRID_COLUMNS]
        scales = {name: heat_scale(maps[name][rows]) for name in shown}
        for number, (lead, row) in enumerate(zip(leads, rows, strict=True)):
            cells.append(
                [
                    ("" if number else label_of(name), lead, maps[name][row] / scales[name])
                    for name in shown
                ]
            )
    label = "Share of full colour, each map on its own scale"
    return _draw(cells, beat_uv, fiducials, [title], 1.0, label)


def _checked(values, name: str) -> np.ndarray:
    values = np.asarray(values, float)
    if values.shape != BEAT_SHAPE:
        raise ValueError(f"the {name} has shape {values.shape}; allowed: {BEAT_SHAPE}")
    return values


def _draw(cells: Sequence, beat_uv, fiducials, lines, scale: float = 1.0, label="") -> Picture:
    """Rows of (title, lead, values in shares of full colour, or None), each behind its lead."""
    beat, columns = beat_uv / 1000, max(map(len, cells))
    shown = [beat[[LEADS.index(lead) for _, lead, _ in row]] for row in cells]
    ends = [(min(-0.5, boxes(row.min())), max(1.0, -boxes(-row.max()))) for row in shown]
    inches = min((WIDTH_INCHES - 1.2) / columns / BEAT_MS[-1], LARGEST)  # per ms
    heights, crowded = [high - low for low, high in ends], inches < CROWDED
    titles = sum(bool(row[0][0]) for row in cells)
    width = max(7, columns * BEAT_MS[-1] * inches + 1.2)
    picture = Picture(sum(heights) * MS_PER_MV * inches + 0.3 * titles + 1.1, width)
    picture.set_layout_engine("compressed", w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    grid = picture.subplots(
        len(cells), columns, sharex=True, sharey="row", squeeze=False, height_ratios=heights
    )
    for row, limits, places in zip(cells, ends, grid, strict=True):
        for axes in places[len(row) :]:
            axes.set_axis_off()
        for axes, (title, lead, values) in zip(places, row, strict=False):
            axes.set(xlim=(-MS_PER_SAMPLE / 2, BEAT_MS[-1] + MS_PER_SAMPLE / 2), ylim=limits)
            if values is not None:
                place = (*axes.get_xlim(), *axes.get_ylim())
                axes.imshow(heat_colours(values[None]), extent=place, aspect="auto", zorder=0.5)
            axes.plot(BEAT_MS, beat[LEADS.index(lead)], color=INK, lw=0.7 if crowded else 1)
            for sample in (
                [] if fiducials is None else np.asarray(fiducials)[np.isfinite(fiducials)]
            ):
                axes.axvline(sample * MS_PER_SAMPLE, color=FIDUCIAL_INK, lw=0.8, ls=":")
            place = {"transform": axes.transAxes, "va": "top", "fontsize": 6 if crowded else 9}
            axes.text(0.01, 0.98, lead, **place)
            axes.set_title(title, fontsize=9, fontweight="bold", loc="left", parse_math=False)
            ecg_paper(axes, crowded)
    picture.supxlabel("Time in the beat (ms), 25 mm/s", fontsize=9)
    picture.supylabel("Voltage (mV), 10 mm/mV", fontsize=9)
    if label:
        colours = heat_colours(np.linspace(-1, 1, 255)) / 255
        mapped = ScalarMappable(Normalize(-scale, scale), ListedColormap(colours))
        bar = picture.colorbar(mapped, ax=grid, shrink=0.8, aspect=40, pad=0.01, extend="both")
        bar.set_label(label, fontsize=9)
        bar.formatter.set_powerlimits((-3, 4))
        bar.ax.tick_params(labelsize=8)
    text = [*filter(None, lines), f"{SCALE}; {BOXES[crowded]} · {RESEARCH_ONLY}"]
    picture.suptitle("\n".join(text), x=0.01, ha="left", fontsize=9, parse_math=False)
    return picture


def boxes(mv: float) -> float:
    """A voltage rounded down to a whole large box of paper."""
    return np.floor(mv / 0.5) * 0.5


def ecg_paper(axes: Axes, crowded: bool = False) -> None:
    """ECG paper behind axes in ms and mV, at 25 mm/s and 10 mm/mV; crowded: no 1 mm lines."""
    axes.set(aspect=MS_PER_MV, facecolor=PAPER, axisbelow=True)
    for axis, small, large in ((axes.xaxis, 40, 200), (axes.yaxis, 0.1, 0.5)):
        axis.set_major_locator(MultipleLocator(large))
        axis.set_minor_locator(MultipleLocator(small))
    axes.grid(which="major", color=LINES, alpha=0.3, lw=0.5)
    axes.grid(which="minor", color=LINES, alpha=0.14, lw=0.0 if crowded else 0.3)
    axes.tick_params(which="both", length=0, labelsize=6 if crowded else 8)
    axes.spines[:].set_visible(False)
