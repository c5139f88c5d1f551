"""ECG paper: where leads, heatmaps and fiducial marks lie on a page, in millimetres.

A page holds one median beat, once or in several panels (a panel a method or model), each panel with
the leads in rows and columns. Everything is drawn as three arrays (one line, one grid of heat, one
line of marks), so that a page of 7200 samples is quick to draw and to change.
"""

from dataclasses import dataclass

import numpy as np

from ..ecg import BEAT_SAMPLES, BEAT_SHAPE, FIDUCIALS, LEADS, SAMPLING_RATE_HZ
from ..validation import check_choice

RESEARCH_ONLY = "Research only, not for diagnosis"  # on every picture
MM_PER_S = 25
MM_PER_MV = 10
MM_PER_SAMPLE = MM_PER_S / SAMPLING_RATE_HZ
MM_PER_UV = MM_PER_MV / 1000
BEAT_MM = BEAT_SAMPLES * MM_PER_SAMPLE
GAP_MM = 5  # between columns, and above a row for the names of its leads
TITLE_MM = 10  # above a panel that has a title
MARGIN_MM = 10  # left of the page, for the calibration pulse
BOXES = {False: "one large box 200 ms × 0.5 mV", True: "one small box 40 ms × 0.1 mV"}

LAYOUTS = {
    "3x4": (
        ("I", "aVR", "V1", "V4"),
        ("II", "aVL", "V2", "V5"),
        ("III", "aVF", "V3", "V6"),
    ),
    "6x2": tuple(zip(LEADS[:6], LEADS[6:], strict=True)),
    "12x1": tuple((lead,) for lead in LEADS),
    **{lead: ((lead,),) for lead in LEADS},
}
ALL_LEADS, AVERAGED = "all leads", "averaged"
MODES = (ALL_LEADS, AVERAGED, *(f"{lead} only" for lead in LEADS))


@dataclass(frozen=True)
class Cell:
    """One lead of one panel: its row in the grid of heat and its place on the page (mm)."""

    panel: int
    lead: str
    row: int
    left: float
    baseline: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Page:
    """Cells on paper; x grows to the right from 0, y is 0 at the top and negative below."""

    cells: tuple[Cell, ...]
    titles: tuple[tuple[float, float, str], ...]  # x, y, text of every panel that has a title
    left: float
    width: float
    height: float

    @property
    def columns(self) -> list[float]:
        """Left edges of the columns of cells."""
        return sorted({cell.left for cell in self.cells})

    @property
    def rows(self) -> list[Cell]:
        """The first cell of every row, from the top."""
        return list({cell.row: cell for cell in reversed(self.cells)}.values())[::-1]

    def trace(self, beat_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and y (mm) of one line through all cells, broken by NaN between them."""
        time = np.arange(BEAT_SAMPLES) * MM_PER_SAMPLE
        x = [np.append(cell.left + time, np.nan) for cell in self.cells]
        y = [
            np.append(cell.baseline + beat_uv[LEADS.index(cell.lead)] * MM_PER_UV, np.nan)
            for cell in self.cells
        ]
        return np.concatenate(x, dtype=np.float32), np.concatenate(y, dtype=np.float32)

    @property
    def heat_span(self) -> tuple[float, float]:
        """Left and right end (mm) of every row of heat."""
        half = MM_PER_SAMPLE / 2
        return -half, self.columns[-1] + BEAT_MM - half

    def heat(self, maps: np.ndarray) -> np.ndarray:
        """Rows of heat from the top, a pixel a sample, NaN between cells: (row, pixel).

        maps: (panel, 12, 600). Row k fills the height of ``rows[k]`` and the width of
        ``heat_span``.
        """
        pixels = round((self.heat_span[1] - self.heat_span[0]) / MM_PER_SAMPLE)
        grid = np.full((len(self.rows), pixels), np.nan, np.float32)
        for cell in self.cells:
            start = round(cell.left / MM_PER_SAMPLE)
            values = maps[cell.panel, LEADS.index(cell.lead)]
            grid[cell.row, start : start + BEAT_SAMPLES] = values
        return grid

    def marks(self, fiducials) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """x, y (mm) and name of thin upright lines at the fiducials (6,) in every cell."""
        finite = [(n, i) for n, i in zip(FIDUCIALS, fiducials, strict=True) if np.isfinite(i)]
        x, y, names = [], [], []
        for cell in self.cells:
            for name, sample in finite:
                position = cell.left + float(sample) * MM_PER_SAMPLE
                x += [position, position, np.nan]
                y += [cell.bottom, cell.top, np.nan]
                names += [name, name, ""]
        return np.array(x), np.array(y), names

    def calibration(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y (mm) of a pulse of 1 mV and 200 ms left of every row."""
        x, y = [], []
        for cell in self.rows:
            x += [-8, -7, -7, -2, -2, -1, np.nan]
            y += [cell.baseline + level for level in (0, 0, 10, 10, 0, 0)] + [np.nan]
        return np.array(x, float), np.array(y)


def calibration(small_boxes: bool) -> str:
    """What a page says of its scale, by whether lines are drawn 1 mm apart."""
    return f"25 mm/s, 10 mm/mV; calibration pulse 1 mV × 200 ms; {BOXES[small_boxes]}"


def as_beat(beat_uv, name: str = "beat") -> np.ndarray:
    """Return the array if it is (12, 600), else raise ValueError saying what was found."""
    beat_uv = np.asarray(beat_uv, dtype=float)
    if beat_uv.shape != BEAT_SHAPE:
        raise ValueError(f"the {name} has shape {beat_uv.shape}; allowed: {BEAT_SHAPE}")
    return beat_uv


def _extent(beat_uv: np.ndarray, leads) -> tuple[float, float]:
    """How far (mm, whole large boxes) the leads of a row reach above and below the baseline."""
    values = beat_uv[[LEADS.index(lead) for lead in leads]] * MM_PER_UV
    values = values[np.isfinite(values)]
    high, low = (values.max(), values.min()) if values.size else (0, 0)
    return max(10, 5 * np.ceil(high / 5)), max(5, 5 * np.ceil(-low / 5))


def lay_out(beat_uv, layout: str = "3x4", titles=("",), panel_columns: int | None = None) -> Page:
    """Place the leads of a beat (12, 600) in µV on a page, once for each title.

    layout: a name in LAYOUTS. Rows are as tall as the beat needs, in whole large boxes, and the
    same in every panel. panel_columns: panels side by side; by default all up to four.
    """
    beat_uv = as_beat(beat_uv)
    rows = LAYOUTS[check_choice("layout", layout, LAYOUTS)]
    panel_columns = panel_columns or min(len(titles), 4)
    extents = [_extent(beat_uv, leads) for leads in rows]
    header = TITLE_MM if any(titles) else 0
    panel_width = len(rows[0]) * (BEAT_MM + GAP_MM)
    panel_height = header + sum(GAP_MM + up + down for up, down in extents)
    cells, places = [], []
    for panel, title in enumerate(titles):
        panel_row, panel_column = divmod(panel, panel_columns)
        x, y = panel_column * panel_width, -panel_row * panel_height
        if title:
            places.append((x, y - header / 2, title))
        y -= header
        for number, (leads, (up, down)) in enumerate(zip(rows, extents, strict=True)):
            y -= GAP_MM + up
            for column, lead in enumerate(leads):
                left = x + column * (BEAT_MM + GAP_MM)
                row = panel_row * len(rows) + number
                cells.append(Cell(panel, lead, row, left, y, y - down, y + up))
            y -= down
    height = panel_height * (1 + (len(titles) - 1) // panel_columns)
    width = MARGIN_MM + panel_columns * panel_width
    return Page(tuple(cells), tuple(places), -MARGIN_MM, width, height)


def shown(attribution, mode: str = ALL_LEADS) -> np.ndarray:
    """What a mode shows of an attribution (12, 600).

    "all leads": every lead its own; "averaged": the mean over leads, behind every lead;
    "V5 only" (or "V5", or another lead): that lead, NaN elsewhere.
    """
    attribution = as_beat(attribution, "attribution")
    mode = f"{mode} only" if mode in LEADS else mode
    check_choice("mode", mode, MODES)
    if mode == ALL_LEADS:
        return attribution
    if mode == AVERAGED:
        return np.broadcast_to(attribution.mean(axis=0), BEAT_SHAPE)
    one = np.full(BEAT_SHAPE, np.nan)
    row = LEADS.index(mode.removesuffix(" only"))
    one[row] = attribution[row]
    return one


def default_layout(mode: str) -> str:
    """Twelve leads on a page, or the one lead that the mode shows."""
    lead = mode.removesuffix(" only")
    return lead if lead in LEADS else "3x4"
