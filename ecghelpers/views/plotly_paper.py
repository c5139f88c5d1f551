"""ECG paper for the explorer's plotly figure: traces, images and axes."""

from base64 import b64encode
from io import BytesIO

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from ..ecg import LEADS, MS_PER_SAMPLE
from . import ecg_paper
from .ecg_paper import MM_PER_S
from .heatmap import (
    FIDUCIAL_INK,
    FULL,
    INK,
    LINES,
    MAJOR_ALPHA,
    MINOR_ALPHA,
    NEGATIVE,
    POSITIVE,
    heat_colours,
)
from .interactive import plain

CROWDED = 3.0  # pixels a mm; pages shown smaller have no 1 mm lines and fewer labels


def _rgba(rgb, alpha: float) -> str:
    return f"rgba({rgb[0]},{rgb[1]},{rgb[2]},{alpha})"


# Zero is clear, so that the paper shows through; full colour is nearly opaque.
COLORSCALE = [
    [0, _rgba(NEGATIVE, FULL)],
    [0.5, _rgba(NEGATIVE, 0)],
    [0.5, _rgba(POSITIVE, 0)],
    [1, _rgba(POSITIVE, FULL)],
]


def heat_images(page: ecg_paper.Page, maps: np.ndarray, scale: float) -> list[dict]:
    """The heat of a page as layout images, one a row; full colour at plus and minus scale.

    As images, 86 400 samples of ten methods take a browser no longer than one method's.
    """
    left, right = page.heat_span
    place = {"xref": "x", "yref": "y", "x": left, "sizex": right - left, "sizing": "stretch"}
    place |= {"layer": "below", "yanchor": "top"}
    return [
        place | {"y": cell.top, "sizey": cell.top - cell.bottom, "source": _png(colours)}
        for cell, colours in zip(page.rows, heat_colours(page.heat(maps) / scale), strict=True)
    ]


def _png(colours: np.ndarray) -> str:
    """A row of pixels (pixel, 4) as a data address."""
    buffer = BytesIO()
    Image.fromarray(colours[None]).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode()


def colour_bar(scale: float, label: str) -> go.Scatter:
    """A trace without points that carries the colour bar."""
    marker = {"color": [0], "cmin": -scale, "cmax": scale, "colorscale": COLORSCALE}
    title = {"text": f" <br>{plain(label)}", "side": "right"}
    marker |= {"showscale": True, "colorbar": {"title": title, "thickness": 12, "len": 0.8}}
    marker["colorbar"]["exponentformat"] = "power"
    options = {"mode": "markers", "marker": marker, "hoverinfo": "skip", "showlegend": False}
    return go.Scatter(x=[None], y=[None], **options)


def beat_trace(page: ecg_paper.Page, beat_uv: np.ndarray, maps: np.ndarray | None) -> go.Scatter:
    """The ECG of a page as one plotly line.

    On a page with one panel, pointing at it shows time, voltage and attribution.
    """
    x, y = page.trace(beat_uv)
    single = page.cells[-1].panel == 0
    told = "%{customdata[0]:.0f} ms, %{customdata[1]:.0f} µV"
    told += "" if maps is None else "<br>attribution %{customdata[2]:.3g}"
    return go.Scatter(
        x=x,
        y=y,
        customdata=hover_values(page, beat_uv, maps) if single else None,
        mode="lines",
        line={"color": INK, "width": 1.3},
        hoverinfo=None if single else "skip",
        hovertemplate=told + "<extra></extra>" if single else None,
        name="ECG",
        showlegend=False,
    )


def hover_values(page: ecg_paper.Page, beat_uv: np.ndarray, maps: np.ndarray | None) -> np.ndarray:
    """Time (ms), voltage (µV) and attribution (None where not shown) of the points of the line."""
    beat_uv = np.asarray(beat_uv, float)
    time = np.arange(beat_uv.shape[1]) * MS_PER_SAMPLE
    parts = []
    for cell in page.cells:
        row = LEADS.index(cell.lead)
        columns = [time, beat_uv[row]] + ([] if maps is None else [maps[cell.panel, row]])
        points = np.column_stack(columns)
        parts.append(np.vstack([points, np.zeros_like(points[:1])]))  # the gap, never pointed at
    values = np.concatenate(parts).astype(np.float32)
    # NaN is not JSON, and a widget sends tables as JSON.
    return np.where(np.isnan(values), None, values) if np.isnan(values).any() else values


def marks_trace(page: ecg_paper.Page, fiducials, scale: float) -> go.Scatter:
    """The fiducials of a page, shown at scale (px a mm), as one trace of thin dotted lines."""
    x, y, names = page.marks(fiducials)
    return go.Scatter(
        x=x,
        y=y,
        text=names,
        mode="lines",
        line={"color": FIDUCIAL_INK, "width": 0.5 if scale < CROWDED else 1, "dash": "dot"},
        hovertemplate="%{text}<extra></extra>",
        name="P, QRS and T: onset and end",
        showlegend=False,
    )


def names_trace(page: ecg_paper.Page, scale: float) -> go.Scatter:
    """Lead names and panel titles of a page, shown at scale (px a mm), as one trace of text."""
    x = [cell.left for cell in page.cells] + [title[0] for title in page.titles]
    y = [cell.top + 2.4 for cell in page.cells] + [title[1] for title in page.titles]
    text = [cell.lead for cell in page.cells]
    text += [f"<b>{plain(title[2])}</b>" for title in page.titles]
    small, large = (9, 12) if scale < CROWDED else (12, 14)
    sizes = [small] * len(page.cells) + [large] * len(page.titles)
    font = {"color": INK, "size": sizes}
    options = {"mode": "text", "textposition": "middle right", "hoverinfo": "skip"}
    return go.Scatter(x=x, y=y, text=text, textfont=font, showlegend=False, **options)


def calibration_trace(page: ecg_paper.Page) -> go.Scatter:
    """The calibration pulses of a page as one plotly line."""
    x, y = page.calibration()
    line = {"color": INK, "width": 1}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def paper_axes(page: ecg_paper.Page, scale: float) -> tuple[dict, dict]:
    """The x and y axis of a page, shown at scale (px a mm): square boxes, labels in ms and mV.

    Lines are 5 mm apart and, where there is room, 1 mm.
    """
    crowded = scale < CROWDED
    grid = {
        "showgrid": True,
        "gridcolor": _rgba(LINES, MAJOR_ALPHA),
        "gridwidth": 1,
        "zeroline": False,
        "showline": False,
        "minor": {
            "showgrid": not crowded,
            "dtick": 1,
            "gridcolor": _rgba(LINES, MINOR_ALPHA),
            "gridwidth": 0.5,
        },
        "tickfont": {"size": 9 if crowded else 10},
        "tickangle": 0,
    }
    times = (0, 800) if crowded else (0, 400, 800)
    lines = np.arange(page.left, page.left + page.width + 1, 5)
    labels = {left + time / 1000 * MM_PER_S: str(time) for left in page.columns for time in times}
    x_ticks = sorted({*lines, *labels})
    levels = {cell.baseline + 10 * mv: str(mv) for cell in page.rows for mv in (0, 1)}
    y_ticks = np.arange(-page.height - 5, 1, 5)
    x_axis = grid | {
        "range": [page.left, page.left + page.width],
        "tickvals": x_ticks,
        "ticktext": [labels.get(tick, "") for tick in x_ticks],
        "title": {"text": "Time in the beat (ms), 25 mm/s"},
        "constrain": "domain",
    }
    y_axis = grid | {
        "range": [-page.height - 2, 0],
        "tickvals": y_ticks,
        "ticktext": [levels.get(tick, "") for tick in y_ticks],
        "title": {"text": "Voltage (mV), 10 mm/mV"},
        "scaleanchor": "x",
        "constrain": "domain",
    }
    return x_axis, y_axis


def heat_label(unit: str, percentile: float, panels: int = 1) -> str:
    """What the colour bar says."""
    if panels > 1:
        return f"Attribution / percentile {percentile:g} of its |value|"
    rule = f"full colour at percentile {percentile:g} of |value|"
    return f"Attribution{f' ({unit})' if unit else ''}, {rule}"
