"""The explorer's one figure: ECG paper, the record's perturbation curves, and calipers.

Everything is drawn into the same traces again and again, since a new figure widget each time would
be slow and would put megabytes of script into a saved notebook.
"""

import textwrap
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go

from . import figures, paper
from .curves import METHOD_STYLES, OTHER_STYLE, plain

WIDE_PX = 760  # narrower than this (or with a wide page), the curves go below the paper
LEAST_PX_PER_MM, MOST_COLUMNS = 1.9, 5
MOST_PX, LEAST_PX = 1100, 420  # tallest paper; tallest where the window is lower
AROUND_PX = 330  # of the window, for what is above and below the paper
CURVES_PX, BETWEEN_PX = 420, 75  # widest curves, and what is between them and the paper
MARGIN = {"l": 55, "r": 15, "t": 55, "b": 95}
TITLE_PX, SUBTITLE_PX, TITLE_LINE_PX = 8.5, 6.3, 19  # of a letter, of a line
LEGEND_PX = 200  # below narrow curves
CURVES = 10
CALIPER_INK = "#6a00a8"
EMPTY = {"x": [], "y": []}


class Screen:
    """A FigureWidget with the traces of a page, CURVES curves and two caliper marks.

    measured: called with a line of text when a caliper has been moved.
    """

    def __init__(self, measured: Callable[[str], None] = lambda text: None):
        self.measured = measured
        self.page: paper.Page | None = None
        self.width, self.window, self.title = 1000, 800, ""
        self.calipers: list[tuple[float, float]] | None = None
        self.figure = go.FigureWidget(data=_traces(), layout=_layout())
        self.figure.layout.on_change(self._moved, "shapes")

    def draw(self, page, beat_uv, maps, scale, label, fiducials, title) -> None:
        """Show a page with maps (panel, 12, 600), full colour at scale; fiducials or None."""
        self.page = page
        bar, marks, ecg, calibration, names = self.figure.data[:5]
        x_axis, y_axis = figures.paper_axes(page)
        with self.figure.batch_update():
            bar.marker.update(cmin=-scale, cmax=scale)
            bar.marker.colorbar.title.text = plain(label)
            self.figure.layout.images = figures.heat_images(page, maps, scale)
            known = paper.NO_FIDUCIALS if fiducials is None else fiducials
            fresh = figures.marks_trace(page, known)
            marks.update(x=fresh.x, y=fresh.y, text=fresh.text)
            fresh = figures.beat_trace(page, beat_uv, maps)
            for name in ("x", "y", "customdata", "hovertemplate", "hoverinfo"):
                ecg[name] = fresh[name]
            calibration.x, calibration.y = page.calibration()
            fresh = figures.names_trace(page)
            names.update(x=fresh.x, y=fresh.y, text=fresh.text, textfont=fresh.textfont)
            self.figure.layout.xaxis.update(x_axis)
            self.figure.layout.yaxis.update(y_axis)
            self.title = title
            self._arrange()
            self._place_calipers()

    def panel_columns(self, layout: str, panels: int) -> int:
        """How many panels go side by side, so that leads stay readable and rows are even."""
        panel_mm = len(paper.LAYOUTS[layout][0]) * (paper.BEAT_MM + paper.GAP_MM)
        room = int((self.width / LEAST_PX_PER_MM - paper.MARGIN_MM) // panel_mm)
        rows = -(-panels // min(max(room, 1), MOST_COLUMNS))
        return -(-panels // rows)

    def draw_curves(self, curves: dict, unit: str, note: str) -> None:
        """Show label → (|error|, style name), or a note where there are no curves."""
        with self.figure.batch_update():
            drawn = list(curves.items())[:CURVES]
            for number in range(CURVES):
                trace = self.figure.data[5 + number]
                if number >= len(drawn):
                    trace.update(visible=False, name="", **EMPTY)
                    continue
                label, (values, style) = drawn[number]
                colour, dash = METHOD_STYLES.get(style, OTHER_STYLE)
                trace.update(
                    x=np.arange(len(values)),
                    y=values,
                    name=plain(label),
                    visible=True,
                    line={"color": colour, "dash": dash, "width": 2},
                )
            self.figure.layout.yaxis2.title.text = f"|error| ({unit})"
            self.figure.layout.annotations[0].text = "" if drawn else note

    def resize(self, width: int, window: int) -> bool:
        """Note how wide the figure and how tall the window is; returns whether to draw anew."""
        changed = width > 200 and (abs(width - self.width) > 8 or abs(window - self.window) > 40)
        if changed:
            self.width, self.window = width, window
        return changed

    def show_calipers(self, shown: bool) -> None:
        """Put two marks on the paper, or take them away."""
        self.calipers = None
        if shown and self.page:
            cell = self.page.cells[0]
            y = (cell.baseline + cell.top) / 2
            self.calipers = [(cell.left + 10, cell.baseline), (cell.left + 20, y)]
        with self.figure.batch_update():
            self._place_calipers()
        self._tell()

    def _arrange(self) -> None:
        """Set the size of the figure and where paper and curves lie in it."""
        layout, page = self.figure.layout, self.page
        inner = self.width - MARGIN["l"] - MARGIN["r"]
        wide = self.width >= WIDE_PX and (page is None or page.width <= figures.CROWDED_MM)
        ratio = 0.5 if page is None else page.height / page.width
        most = max(LEAST_PX, self.window - AROUND_PX) if wide else MOST_PX
        share = min(0.76, most / ratio / inner) if wide else 1.0
        height = min(max(inner * share * ratio, 150 if self.width < WIDE_PX else 240), most)
        below = 0 if wide else 300
        total = height + below
        narrow = self.width < WIDE_PX
        lines = textwrap.wrap(self.title, max(20, int(inner / TITLE_PX)))
        layout.title.text = "<br>".join(map(plain, lines))
        below_title = textwrap.wrap(paper.CALIBRATION, int(inner / SUBTITLE_PX))
        layout.title.subtitle.text = "<br>".join(below_title)
        top = MARGIN["t"] + TITLE_LINE_PX * (max(len(lines), 1) + len(below_title) - 2)
        bottom = MARGIN["b"] + (LEGEND_PX if narrow else 0)
        layout.update(width=self.width, height=total + top + bottom)
        layout.margin.update(t=top, b=bottom)
        layout.xaxis.domain = [0, share]
        layout.yaxis.domain = [below / total, 1]
        start = share + BETWEEN_PX / inner
        beside = [start, min(1, start + CURVES_PX / inner)]
        layout.xaxis2.domain = beside if wide else [0.06, 1 if narrow else 0.72]
        layout.yaxis2.domain = [max(0, 1 - 260 / total), 1] if wide else [0, 200 / total]
        places = {"x": start, "y": max(0, 1 - 320 / total)}, {"x": 0.74, "y": 200 / total}
        layout.legend.update({"x": 0, "y": -50 / total} if narrow else places[not wide])

    def _place_calipers(self) -> None:
        marks = self.calipers or []
        ends = [_mark(x, y) for x, y in marks]
        lines = [_joint(*marks)] if marks else []
        self.figure.layout.shapes = ends + lines

    def _moved(self, _layout, shapes) -> None:
        if self.calipers is None or len(shapes) < 2:
            return
        moved = [((s.x0 + s.x1) / 2, (s.y0 + s.y1) / 2) for s in shapes[:2]]
        if np.allclose(moved, self.calipers):
            return
        self.calipers = moved
        with self.figure.batch_update():
            self._place_calipers()
        self._tell()

    def _tell(self) -> None:
        self.measured("" if self.calipers is None else caliper_text(*self.calipers))


def caliper_text(first: tuple[float, float], second: tuple[float, float]) -> str:
    """What lies between two points on the paper (mm): ms, mV and, as an RR interval, the rate."""
    ms = abs(second[0] - first[0]) / paper.MM_PER_S * 1000
    mv = (second[1] - first[1]) / paper.MM_PER_MV
    rate = f", {60000 / ms:.0f} beats/min if this is one RR interval" if ms >= 100 else ""
    return f"Between the marks: {ms:.0f} ms, {mv:+.2f} mV{rate}"


def _mark(x: float, y: float) -> dict:
    """A ring that can be dragged."""
    place = {"x0": x - 1, "x1": x + 1, "y0": y - 1, "y1": y + 1}
    line = {"color": CALIPER_INK, "width": 2}
    return {"type": "circle", **place, "line": line, "editable": True, "name": "caliper"}


def _joint(first, second) -> dict:
    place = {"x0": first[0], "y0": first[1], "x1": second[0], "y1": second[1]}
    return {"type": "line", **place, "line": {"color": CALIPER_INK, "width": 1, "dash": "dot"}}


def _traces() -> list:
    """Empty traces in a fixed order: colour bar, marks, ECG, calibration, names, curves."""
    beat = np.zeros(paper.BEAT_SHAPE)
    page = paper.lay_out(beat, "V5")
    traces = [
        figures.colour_bar(1.0, ""),
        figures.marks_trace(page, paper.NO_FIDUCIALS),
        figures.beat_trace(page, beat, None),
        figures.calibration_trace(page),
        figures.names_trace(page),
    ]
    bar = {"orientation": "h", "len": 0.5, "thickness": 10, "x": 0, "xanchor": "left"}
    bar |= {"yref": "container", "y": 0.005, "yanchor": "bottom"}
    traces[0].marker.colorbar.update(bar)
    traces[0].marker.colorbar.title.side = "bottom"
    curve = {"mode": "lines", "xaxis": "x2", "yaxis": "y2", "visible": False}
    return traces + [go.Scatter(**EMPTY, **curve) for _ in range(CURVES)]


def _layout() -> dict:
    font = {"size": 10}
    note = {"text": "", "xref": "x2 domain", "yref": "y2 domain", "x": 0.5, "y": 0.5}
    return {
        "margin": MARGIN,
        "plot_bgcolor": figures.PAPER,
        "paper_bgcolor": "white",
        "font": {"size": 12, "color": figures.INK},
        "title": {
            "subtitle": {"font": {"size": 11}},
            "font": {"size": 15},
            **{"yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 12}},
        },
        "xaxis2": {"title": {"text": "Points perturbed"}, "tickfont": font, "anchor": "y2"},
        "yaxis2": {"rangemode": "tozero", "tickfont": font, "anchor": "x2"},
        "legend": {"font": font, "yanchor": "top", "tracegroupgap": 2},
        "annotations": [note | {"showarrow": False, "font": {"size": 11}}],
        "dragmode": "zoom",
        "modebar": {"remove": ["select", "lasso", "autoscale", "zoomin", "zoomout"]},
    }
