"""The explorer's controls: what there is to choose, and where it stands. No behaviour."""

import ipywidgets as widgets

from ..ecg import LEADS, TARGETS
from . import ecg_paper

ONE, METHODS_VIEW, MODELS_VIEW = "One map", "All methods", "All models"
BESIDE, DIFFERENCE = "Two side by side", "Difference of two"
VIEWS = (ONE, METHODS_VIEW, MODELS_VIEW, BESIDE, DIFFERENCE)
LAYOUTS = ("3x4", "6x2", "12x1", *LEADS)
AUTOMATIC = "automatic"


class Controls:
    """choosing: what decides which map is shown; redrawing: all whose change draws it anew.

    choosing_rows: where those of choosing stand.
    """

    def __init__(self, targets: list[str]):
        small = {
            "layout": {"width": "auto", "max_width": "100%"},
            "style": {"description_width": "initial"},
        }
        box = widgets.Dropdown
        self.target = box(
            options=[(TARGETS[name].label, name) for name in targets],
            description="Target",
            **small,
        )
        self.model = box(description="Model", **small)
        self.record = box(description="Record", **small)
        narrow = {"layout": {"width": "48px"}}
        self.previous = widgets.Button(description="◀", tooltip="Previous record (←)", **narrow)
        self.next = widgets.Button(description="▶", tooltip="Next record (→)", **narrow)
        self.view = box(options=VIEWS, description="Show", **small)
        self.method = box(description="Method", **small)
        self.second = box(description="and", **small)
        self.mode = box(options=ecg_paper.MODES, description="Leads", **small)
        self.layout = box(options=(AUTOMATIC, *LAYOUTS), description="Layout", **small)
        self.fiducials = widgets.Checkbox(True, description="P, QRS, T marks", indent=False)
        self.percentile = widgets.FloatSlider(
            value=99,
            min=80,
            max=100,
            step=0.5,
            description="Full colour at percentile",
            readout_format=".1f",
            continuous_update=False,
            style={"description_width": "initial"},
        )
        self.blind = widgets.Checkbox(False, description="Blind (b)", indent=False)
        self.names = widgets.Checkbox(False, description="Show names (n)", indent=False)
        self.calipers = widgets.Checkbox(False, description="Calipers", indent=False)
        self.status, self.measured, self.message = (widgets.HTML() for _ in range(3))
        self.upload = widgets.FileUpload(
            multiple=True,
            accept=".csv,.hea,.dat,.mat",
            description="Own record",
            tooltip="A 12SL CSV file, or the .hea and .dat files of a WFDB record",
        )
        self.find = widgets.Text(
            placeholder="id of any record in the data",
            description="Go to",
            continuous_update=False,
            **small,
        )
        for control in (self.fiducials, self.blind, self.names, self.calipers):
            control.layout.width = "auto"
        self.choosing_rows: list[widgets.Box] = []
        self.choosing = [self.target, self.model, self.record, self.view, self.method]
        self.choosing += [self.second, self.blind, self.names]
        self.redrawing = [*self.choosing, self.mode, self.layout, self.fiducials, self.percentile]

    def assemble(self, keys, progress, figure, study) -> widgets.Widget:
        """All of it in one box, rows that wrap on a narrow screen."""

        def row(*children):
            layout = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 14px"}
            return widgets.Box(children, layout=layout)

        steps = widgets.HBox([self.previous, self.next])
        self.choosing_rows = [
            row(self.target, self.model, self.record, steps, self.find),
            row(self.view, self.method, self.second, self.blind, self.names),
        ]
        box = widgets.VBox(
            [
                keys,
                *self.choosing_rows,
                row(
                    self.mode,
                    self.layout,
                    self.fiducials,
                    self.calipers,
                    self.percentile,
                    self.upload,
                ),
                self.status,
                row(self.measured, progress, self.message),
                study,
                figure,
            ]
        )
        box.add_class("ecg-explorer")
        return box
