"""A matplotlib figure that every notebook viewer shows as PNG; no browser is needed to make it."""

from io import BytesIO
from pathlib import Path
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

WIDTH_INCHES, SCREEN_DPI = 10.5, 100  # 1050 pixels: JupyterLab's cell in a window of 1280
LETTER_EMS = 0.55  # mean width of a letter, in its font size
PANELS = 4  # side by side
OURS, PUBLISHED, PLAIN, VERMILION = "#0072B2", "#E69F00", "#9a9a9a", "#D55E00"
WAVE_COLORS = {"P": "#56B4E9", "QRS": VERMILION, "T": "#009E73"}
WAVE_COLORS |= {"neighbouring beats": "#CC79A7", "elsewhere": "#BBBBBB"}
COLOURS = 256  # of the PNG on screen: a quarter as large as in full colour, and looks the same


class Picture(Figure):
    """Show it as the last line of a cell."""

    def __init__(self, height: float, width: float = WIDTH_INCHES):
        super().__init__(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(self)

    def suptitle(self, t: str, fontsize: float = 11, **how):
        """The title of the whole picture, broken into lines that fit its width."""
        most = int(self.get_figwidth() * 72 / (LETTER_EMS * fontsize))
        lines = [part for line in t.splitlines() for part in wrap(line, most) or [""]]
        return super().suptitle("\n".join(lines), fontsize=fontsize, **how)

    def _repr_png_(self) -> bytes:
        """The picture for a screen, in few colours."""
        buffer, small = BytesIO(), BytesIO()
        self.savefig(buffer, dpi=SCREEN_DPI, facecolor="white")
        image = Image.open(buffer).convert("RGB")
        few = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2)
        few.save(small, "PNG", optimize=True)
        return small.getvalue()

    def _ipython_display_(self) -> None:
        """Show it so in a notebook, where pyplot has registered a formatter of its own."""
        from IPython.display import display

        display({"image/png": self._repr_png_(), "text/plain": str(self)}, raw=True)

    def save(self, path: str | Path, dpi: int = 200) -> None:
        """Write a PNG."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.savefig(path, dpi=dpi, facecolor="white")


def panels(picture: Picture, count: int, columns: int = PANELS) -> list[Axes]:
    """So many axes of a picture in rows of ``columns``."""
    grid = picture.subplots(-(-max(count, 1) // columns), columns, squeeze=False).ravel()
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[count:]:
        axes.set_axis_off()
    return list(grid[:count])
