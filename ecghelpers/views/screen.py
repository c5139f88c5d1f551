"""The explorer's one figure: ECG paper, the record's perturbation curves, and calipers.

Everything is drawn into the same traces again and again, since a new figure widget each time would
be slow and would put megabytes of script into a saved notebook.
"""

import textwrap
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go

from . import ecg_paper, heatmap, plotly_paper
from .interactive import CONFIG, plain
from .plots import METHOD_STYLES, OTHER_STYLE

WIDE_PX, WIDE_SCALE = 760, 3.4  # narrower, or with fewer px a mm, the curves go below the paper
PAPER_SHARE, BETWEEN_PX, CURVES_PX = 0.76, 75, 420  # most of the width that paper beside curves has
LEAST_PX_PER_MM, MOST_COLUMNS = 1.9, 5
AROUND_PX, RATING_PX = 330, 110  # of the window, for what is above and below the paper; in a study
LEAST_PX, LEAST_SCALE = 340, 5.5  # height of a broad paper; px a mm of one with one or two columns
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
        self.page: ecg_paper.Page | None = None
        self.width, self.window, self.title = 1000, 800, ""
        self.rating = False  # in a reading study curves are hidden and the form needs room
        self.calipers: list[tuple[float, float]] | None = None
        self.figure = go.FigureWidget(data=_traces(), layout=_layout())
        self.figure._config = CONFIG | {"edits": {"shapePosition": True}}
        self.figure.layout.on_change(self._moved, "shapes")

    def draw(self, page, beat_uv, maps, scale, label, fiducials, title) -> None:
        """Show a page with maps (panel, 12, 600), full colour at scale; fiducials or None."""
        self.page = page
        bar, marks, ecg, calibration, names = self.figure.data[:5]
        px_per_mm, _ = self._scale()
        x_axis, y_axis = plotly_paper.paper_axes(page, px_per_mm)
        with self.figure.batch_update():
            bar.marker.update(cmin=-scale, cmax=scale)
            bar.marker.colorbar.title.text = plain(label)
            self.figure.layout.images = plotly_paper.heat_images(page, maps, scale)
            known = ecg_paper.NO_FIDUCIALS if fiducials is None else fiducials
            fresh = plotly_paper.marks_trace(page, known, px_per_mm)
            marks.update(x=fresh.x, y=fresh.y, text=fresh.text)
            marks.line.width = fresh.line.width
            fresh = plotly_paper.beat_trace(page, beat_uv, maps)
            for name in ("x", "y", "customdata", "hovertemplate", "hoverinfo"):
                ecg[name] = fresh[name]
            calibration.x, calibration.y = page.calibration()
            fresh = plotly_paper.names_trace(page, px_per_mm)
            names.update(x=fresh.x, y=fresh.y, text=fresh.text, textfont=fresh.textfont)
            self.figure.layout.xaxis.update(x_axis)
            self.figure.layout.yaxis.update(y_axis)
            self.title = title
            self._arrange()
            self._place_calipers()

    def panel_columns(self, layout: str, panels: int) -> int:
        """How many panels go side by side, so that leads stay readable and rows are even."""
        panel_mm = len(ecg_paper.LAYOUTS[layout][0]) * (ecg_paper.BEAT_MM + ecg_paper.GAP_MM)
        room = int((self.width / LEAST_PX_PER_MM - ecg_paper.MARGIN_MM) // panel_mm)
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

    def _scale(self) -> tuple[float, bool]:
        """How large the paper is shown (px a mm), and whether curves go beside it."""
        page, inner = self.page, self.width - MARGIN["l"] - MARGIN["r"]
        across = inner / page.width
        if self.width < WIDE_PX or (not self.rating and across * PAPER_SHARE < WIDE_SCALE):
            return across, False
        room = self.window - AROUND_PX - RATING_PX * self.rating
        least = LEAST_SCALE if len(page.columns) <= 2 else LEAST_PX / page.height
        wanted = max(room / page.height, least)
        return min(across * (1 if self.rating else PAPER_SHARE), wanted), not self.rating

    def _arrange(self) -> None:
        """Set the size of the figure and where paper and curves lie in it."""
        layout, page = self.figure.layout, self.page
        inner = self.width - MARGIN["l"] - MARGIN["r"]
        px_per_mm, wide = self._scale()
        share = px_per_mm * page.width / inner
        height = max(px_per_mm * page.height, 150 if self.width < WIDE_PX else 240)
        below = 0 if wide or self.rating else 300
        total = height + below
        narrow = self.width < WIDE_PX
        lines = textwrap.wrap(self.title, max(20, int(inner / TITLE_PX)))
        layout.title.text = "<br>".join(map(plain, lines))
        said = ecg_paper.calibration(px_per_mm >= plotly_paper.CROWDED)
        below_title = textwrap.wrap(said, int(inner / SUBTITLE_PX))
        layout.title.subtitle.text = "<br>".join(below_title)
        top = MARGIN["t"] + TITLE_LINE_PX * (max(len(lines), 1) + len(below_title) - 2)
        bottom = MARGIN["b"] + (LEGEND_PX if narrow and below else 0)
        layout.update(width=self.width, height=total + top + bottom)
        layout.margin.update(t=top, b=bottom)
        layout.xaxis.domain = [0, min(share, 1)]
        layout.yaxis.domain = [below / total, 1]
        layout.xaxis2.visible = layout.yaxis2.visible = not self.rating
        start = share + BETWEEN_PX / inner
        across, up = [0.06, 1 if narrow else 0.72], [0, 200 / total]
        if wide:
            across, up = [start, min(1, start + CURVES_PX / inner)], [max(0, 1 - 260 / total), 1]
        if self.rating:  # the background of invisible axes would cover the paper
            across, up = [0.998, 1], [0, 0.002]
        layout.xaxis2.domain, layout.yaxis2.domain = across, up
        places = {"x": start, "y": max(0, 1 - 320 / total)}, {"x": 0.74, "y": 200 / total}
        layout.legend.update({"x": 0, "y": -50 / total} if narrow else places[not wide])

    def _place_calipers(self) -> None:
        marks = self.calipers or []
        self.figure.layout.shapes = [_joint(*marks)] if marks else []
        self.figure.data[-1].update(x=[x for x, _ in marks], y=[y for _, y in marks])

    def _moved(self, _layout, shapes) -> None:
        if self.calipers is None or not shapes:
            return
        line = shapes[0]
        moved = [(line.x0, line.y0), (line.x1, line.y1)]
        if np.allclose(moved, self.calipers):
            return
        self.calipers = moved
        with self.figure.batch_update():
            self._place_calipers()
        self._tell()

    def _tell(self) -> None:
        self.measured("" if self.calipers is None else caliper_text(*self.calipers))


def caliper_text(first: tuple[float, float], second: tuple[float, float]) -> str:
    """What lies between two points on the paper (mm): ms and mV."""
    ms = abs(second[0] - first[0]) / ecg_paper.MM_PER_S * 1000
    mv = (second[1] - first[1]) / ecg_paper.MM_PER_MV
    return f"Between the marks: {ms:.0f} ms, {mv:+.2f} mV"


def _joint(first, second) -> dict:
    """The line between two marks: plotly lets its ends be dragged, or all of it."""
    place = {"x0": first[0], "y0": first[1], "x1": second[0], "y1": second[1]}
    return {"type": "line", **place, "line": {"color": CALIPER_INK, "width": 2, "dash": "dot"}}


def _traces() -> list:
    """Empty traces in a fixed order: bar, marks, ECG, calibration, names, curves, calipers."""
    beat = np.zeros(ecg_paper.BEAT_SHAPE)
    page = ecg_paper.lay_out(beat, "V5")
    traces = [
        plotly_paper.colour_bar(1.0, ""),
        plotly_paper.marks_trace(page, ecg_paper.NO_FIDUCIALS, 5),
        plotly_paper.beat_trace(page, beat, None),
        plotly_paper.calibration_trace(page),
        plotly_paper.names_trace(page, 5),
    ]
    bar = {"orientation": "h", "len": 0.5, "thickness": 10, "x": 0, "xanchor": "left"}
    bar |= {"yref": "container", "y": 0.005, "yanchor": "bottom"}
    traces[0].marker.colorbar.update(bar)
    traces[0].marker.colorbar.title.side = "bottom"
    curve = {"mode": "lines", "xaxis": "x2", "yaxis": "y2", "visible": False}
    traces += [go.Scatter(**EMPTY, **curve) for _ in range(CURVES)]
    ring = {"symbol": "circle-open", "size": 16, "color": CALIPER_INK, "line": {"width": 3}}
    ends = {"mode": "markers", "marker": ring, "hoverinfo": "skip", "showlegend": False}
    return [*traces, go.Scatter(**EMPTY, **ends)]


def _layout() -> dict:
    font = {"size": 10}
    ticks = {"tickfont": font, "ticks": "outside", "ticklen": 4}
    note = {"text": "", "xref": "x2 domain", "yref": "y2 domain", "x": 0.5, "y": 0.5}
    return {
        "margin": MARGIN,
        "plot_bgcolor": heatmap.PAPER,
        "paper_bgcolor": "white",
        "font": {"size": 12, "color": heatmap.INK},
        "title": {
            "subtitle": {"font": {"size": 11}},
            "font": {"size": 15},
            **{"yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 12}},
        },
        "xaxis2": {"title": {"text": "Points perturbed"}, "anchor": "y2"} | ticks,
        "yaxis2": {"rangemode": "tozero", "anchor": "x2"} | ticks,
        "legend": {"font": font, "yanchor": "top", "tracegroupgap": 2},
        "annotations": [note | {"showarrow": False, "font": {"size": 11}}],
        "dragmode": "zoom",
        "modebar": {"remove": ["select", "lasso", "autoscale", "zoomin", "zoomout"]},
    }
