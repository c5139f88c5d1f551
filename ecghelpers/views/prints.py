"""Pages of ECG paper as PNG, through matplotlib's Agg: no browser, no display."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from .ecg_paper import MM_PER_S, RESEARCH_ONLY, Page, calibration

NEGATIVE, POSITIVE = (0, 87, 200), (213, 94, 0)  # blue and vermilion: told apart without red-green
INK, PAPER = "#1a1a1a", "#fffdfc"
LINES = (200, 50, 50)  # of the paper: faint over heat as over white
MINOR_ALPHA, MAJOR_ALPHA = 0.14, 0.3
FIDUCIAL_INK = "#3b6e4f"
FULL = 0.9  # opacity of full colour


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Colours (…, 4) uint8 of values between -1 and 1; zero and NaN are clear."""
    size = np.clip(np.nan_to_num(np.abs(values)), 0, 1)
    colours = np.empty((*values.shape, 4), np.uint8)
    colours[..., :3] = np.where((values < 0)[..., None], NEGATIVE, POSITIVE)
    colours[..., 3] = np.rint(255 * FULL * size)
    return colours


def _colour_bar(figure, axes, scale: float, label: str) -> None:
    colours = heat_colours(np.linspace(-1, 1, 255)) / 255
    mapped = ScalarMappable(Normalize(-scale, scale), ListedColormap(colours))
    bar = figure.colorbar(mapped, ax=axes, shrink=0.8, aspect=40, pad=0.01)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _grid(axes, page: Page) -> None:
    right, bottom = page.left + page.width, -page.height
    for step, alpha, width in ((1, MINOR_ALPHA, 0.3), (5, MAJOR_ALPHA, 0.5)):
        colour = (*(part / 255 for part in LINES), alpha)
        upright = [[(x, bottom), (x, 0)] for x in np.arange(page.left, right + 1, step)]
        level = [[(page.left, y), (right, y)] for y in np.arange(0, bottom - 1, -step)]
        axes.add_collection(
            LineCollection(upright + level, colors=colour, linewidths=width, zorder=0)
        )


def _axes(axes, page: Page) -> None:
    times = (0, 400, 800)
    ticks = {left + time / 1000 * MM_PER_S: time for left in page.columns for time in times}
    levels = {cell.baseline + 10 * mv: mv for cell in page.rows for mv in (0, 1)}
    axes.set_xticks(list(ticks), [str(time) for time in ticks.values()], fontsize=7)
    axes.set_yticks(list(levels), [str(mv) for mv in levels.values()], fontsize=7)
    axes.set_xlabel("Time in the beat (ms), 25 mm/s", fontsize=9)
    axes.set_ylabel("Voltage (mV), 10 mm/mV", fontsize=9)
    axes.set_xlim(page.left, page.left + page.width)
    axes.set_ylim(-page.height, 0)
    axes.set_aspect("equal")
    axes.set_facecolor(PAPER)
    for spine in axes.spines.values():
        spine.set_visible(False)


def print_page(
    path, page: Page, beat_uv, maps, scale, label, fiducials=None, title="", dpi=150
) -> Path:
    """Draw a page with heat maps (panel, 12, 600), or None, full colour at scale, to a PNG."""
    inches = page.width / 25.4 * 1.6 + 1.2, page.height / 25.4 * 1.6 + 1.1
    figure = Figure(figsize=inches, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _grid(axes, page)
    if maps is not None:
        left, right = page.heat_span
        rows = heat_colours(page.heat(maps) / scale)
        for cell, colours in zip(page.rows, rows, strict=True):
            place = (left, right, cell.bottom, cell.top)
            axes.imshow(colours[None], extent=place, aspect="auto", zorder=1)
        _colour_bar(figure, axes, scale, label)
    if fiducials is not None:
        x, y, _ = page.marks(fiducials)
        axes.plot(x, y, ":", color=FIDUCIAL_INK, linewidth=0.8)
    axes.plot(*page.trace(np.asarray(beat_uv, float)), color=INK, linewidth=0.9)
    axes.plot(*page.calibration(), color=INK, linewidth=0.9)
    for cell in page.cells:
        axes.text(cell.left, cell.top + 1, cell.lead, fontsize=9)
    for x, y, text in page.titles:
        axes.text(x, y, text, fontsize=11, fontweight="bold", va="center", parse_math=False)
    _axes(axes, page)
    axes.set_title(
        "\n".join(filter(None, (title, f"{calibration(True)} · {RESEARCH_ONLY}"))),
        fontsize=9,
        loc="left",
        parse_math=False,
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi)
    return path
