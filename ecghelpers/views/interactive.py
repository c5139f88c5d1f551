"""Plotly figures that stay where they are: no upload, no logo, no server.

Every plotly figure of the project is shown with CONFIG. Plotly's own default offers to "share" a
chart, which sends the data behind it to a company's cloud.
"""

from html import escape
from pathlib import Path

import plotly.graph_objects as go

from .ecg_paper import RESEARCH_ONLY

CONFIG = {
    "displaylogo": False,  # a link to its makers
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["sendChartToCloud", "sendDataToCloud"],
}
# For the case that plotly finds another way: the browser itself refuses every request.
POLICY = (
    "default-src 'none'; script-src file: 'self' 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'"
)
HEAD = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>ECG figure</title>'
NOTE = f'<p style="font-family: sans-serif">{RESEARCH_ONLY}</p>'


def plain(text) -> str:
    """Text that plotly shows as it stands: neither its HTML nor its TeX is obeyed."""
    return escape(str(text)).replace("$", "&#36;")


def save_html(figure: go.Figure, path: str | Path) -> Path:
    """Write a figure as HTML that opens offline; plotly.js is put beside it once per folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs="directory", config=CONFIG)
    html = path.read_text(encoding="utf-8").replace("<head>", f"<head>{HEAD}", 1)
    path.write_text(html.replace("<body>", f"<body>{NOTE}", 1), encoding="utf-8")
    return path
