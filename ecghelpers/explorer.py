"""The explorer: a widget to flip through heatmaps, in JupyterLab or as a web app."""

import threading
from html import escape
from pathlib import Path

import anywidget
import ipywidgets as widgets
import numpy as np
import traitlets

from . import paper
from .blinding import letters
from .cases import Case, Cases
from .curves import METHOD_LABELS
from .ecg import LEADS, TARGETS
from .figures import heat_label
from .screen import Screen

ONE, METHODS_VIEW, MODELS_VIEW = "One map", "All methods", "All models"
BESIDE, DIFFERENCE = "Two side by side", "Difference of two"
VIEWS = (ONE, METHODS_VIEW, MODELS_VIEW, BESIDE, DIFFERENCE)
LAYOUTS = ("3x4", "6x2", "12x1", *LEADS)
AUTOMATIC = "automatic"
ASSETS = Path(__file__).parent / "assets"


class Keys(anywidget.AnyWidget):
    """Reports keys pressed in the explorer, and its width in pixels."""

    _esm = ASSETS / "keys.js"
    pressed = traitlets.List(["", 0]).tag(sync=True)
    width = traitlets.Int(0).tag(sync=True)


class Explorer:
    """Show ``explorer.widget`` as the last line of a cell.

    results: a results folder. seed: decides the order of blinded methods. Maps that are not stored
    are computed in the background, and kept while the explorer lives.
    """

    def __init__(self, results, *, seed: int = 1, device: str = "auto", reader: str = ""):
        self.cases = Cases(results, device=device, seed=seed)
        self.methods = list(METHOD_LABELS)
        self.seed, self.reader = seed, reader
        self._lock = threading.RLock()
        self._quiet = False
        self._worker: threading.Thread | None = None
        self._wanted: list[tuple[Case, str]] = []
        self._make_controls()
        self.screen = Screen(self._show_measure)
        self.keys = Keys()
        self.keys.observe(self._pressed, "pressed")
        self.keys.observe(lambda change: self.screen.resize(change["new"]), "width")
        self.widget = self._assemble()
        self._choose_target()
        for control in self._redrawing:
            control.observe(self._changed, "value")

    # What is chosen

    @property
    def case(self) -> Case:
        """The record under the network that are chosen."""
        return self.cases.case(self.target.value, self.model.value, self.record.value)

    def order(self) -> list[str]:
        """The methods in the order shown: that of the table or, blinded, a seeded one."""
        if not self.blind.value:
            return self.methods
        place = (self.target.value, self.model.value, self.record.value)
        return list(letters(self.methods, self.seed, self.reader, *place).values())

    def labels(self) -> dict[str, str]:
        """Method → the name shown for it: a letter while blinded."""
        order = self.order()
        if not self.blind.value:
            return {method: METHOD_LABELS[method] for method in order}
        codes = dict(zip(order, "ABCDEFGHIJ", strict=True))
        if not self.names.value:
            return codes
        return {method: f"{code}: {METHOD_LABELS[method]}" for method, code in codes.items()}

    # Controls

    def _make_controls(self) -> None:
        small = {"layout": {"width": "auto"}, "style": {"description_width": "initial"}}
        box = widgets.Dropdown
        self.target = box(
            options=[(TARGETS[name].label, name) for name in self.cases.targets],
            description="Target",
            **small,
        )
        self.model = box(description="Model", **small)
        self.record = box(description="Record", **small)
        self.previous = widgets.Button(description="◀ Previous", tooltip="left arrow")
        self.next = widgets.Button(description="Next ▶", tooltip="right arrow")
        self.view = box(options=VIEWS, description="Show", **small)
        self.method = box(description="Method", **small)
        self.second = box(description="and", **small)
        self.mode = box(options=paper.MODES, description="Leads", **small)
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
        self.progress = widgets.IntProgress(min=0, max=1, description="Computing")
        self.progress.layout.visibility = "hidden"
        for control in (self.fiducials, self.blind, self.names, self.calipers):
            control.layout.width = "auto"
        self._redrawing = [self.target, self.model, self.record, self.view, self.method]
        self._redrawing += [self.second, self.mode, self.layout, self.fiducials, self.percentile]
        self._redrawing += [self.blind, self.names]
        self.previous.on_click(lambda _: self.step(-1))
        self.next.on_click(lambda _: self.step(1))
        self.calipers.observe(lambda c: self.screen.show_calipers(c["new"]), "value")

    def _assemble(self) -> widgets.Widget:
        def row(*children):
            layout = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 14px"}
            return widgets.Box(children, layout=layout)

        box = widgets.VBox(
            [
                self.keys,
                row(self.target, self.model, self.record, self.previous, self.next),
                row(self.view, self.method, self.second, self.blind, self.names),
                row(self.mode, self.layout, self.fiducials, self.percentile, self.calipers),
                self.status,
                row(self.measured, self.progress, self.message),
                self.screen.figure,
            ]
        )
        box.add_class("ecg-explorer")
        return box

    def _changed(self, change) -> None:
        if self._quiet:
            return
        if change["owner"] is self.target:
            self._choose_target()
        elif change["owner"] is self.model:
            self._choose_model()
        else:
            self.refresh()

    def _choose_target(self) -> None:
        self._set(self.model, self.cases.numbers(self.target.value))
        self._choose_model()

    def _choose_model(self) -> None:
        records = self.cases.records(self.target.value, self.model.value)
        self._set(self.record, records + list(self.cases.own))
        self.refresh()

    def _set(self, control, options, value=None) -> None:
        """Give a control other options without drawing; keep its value where that is possible."""
        kept = control.value if value is None else value
        values = [o[1] if isinstance(o, tuple) else o for o in options]
        quiet, self._quiet = self._quiet, True
        try:
            if list(control.options) != list(options):
                control.options = options
            if kept in values:
                control.value = kept
            elif values:
                control.value = values[0]
        finally:
            self._quiet = quiet

    def _pressed(self, change) -> None:
        key = change["new"][0]
        if key in ("ArrowLeft", "ArrowRight"):
            self.step(-1 if key == "ArrowLeft" else 1)
        elif key.isdigit():
            self.method.value = (int(key) - 1) % 10
        elif key == "b":
            self.blind.value = not self.blind.value
        elif key == "n":
            self.names.value = not self.names.value

    def step(self, by: int) -> None:
        """Go to another record, round at the ends."""
        records = list(self.record.options)
        self.record.value = records[(records.index(self.record.value) + by) % len(records)]

    # Drawing

    def refresh(self) -> None:
        """Draw what is chosen; start computing what is missing."""
        with self._lock:
            case, labels = self.case, self.labels()
            slots = [(label, slot) for slot, label in enumerate(labels.values())]
            first = self.second.value is None
            self._set(self.method, slots)
            self._set(self.second, slots, 1 if first else None)
            two = self.view.value in (BESIDE, DIFFERENCE)
            self.second.layout.display = "" if two else "none"
            self.names.layout.display = "" if self.blind.value else "none"
            self._draw(case, labels)
            self._tell(case)

    def _draw(self, case: Case, labels: dict[str, str]) -> None:
        panels = self._panels(case, labels)
        missing = [(c, method) for _, c, method in panels if method not in c.maps]
        nothing = np.full(paper.BEAT_SHAPE, np.nan)
        maps = [
            paper.shown(c.maps.get(method, nothing), self.mode.value) for _, c, method in panels
        ]
        scales = [paper.heat_scale(values, self.percentile.value) for values in maps]
        titles = [title + (" …" if m not in c.maps else "") for title, c, m in panels]
        one = len(panels) == 1 and not self.blind.value
        if one:
            unit = case.units.get(panels[0][2], "")
            label, scale = heat_label(unit, self.percentile.value), scales[0]
        else:
            maps = [values / scale for values, scale in zip(maps, scales, strict=True)]
            label, scale = heat_label("", self.percentile.value, 2), 1.0
        if self.view.value == DIFFERENCE:
            maps, titles = [maps[0] - maps[1]], [" − ".join(titles)]
            label = f"Difference of maps, each / {self.percentile.value:g}th percentile"
        layout = self._layout(len(titles))
        columns = self.screen.panel_columns(layout, len(titles))
        page = paper.lay_out(case.beat_uv, layout, titles, columns)
        marks = case.fiducials if self.fiducials.value else None
        heading = f"{TARGETS[case.target].label}, model {case.model}, {self.mode.value}"
        heading += f", record {case.record_id}"
        self.screen.draw(page, case.beat_uv, np.stack(maps), scale, label, marks, heading)
        self._draw_curves(case, labels, [method for _, _, method in panels])
        self._compute(missing)

    def _layout(self, panels: int) -> str:
        """The layout chosen; automatically, one lead where twelve would all show the same."""
        if self.layout.value != AUTOMATIC:
            return self.layout.value
        if self.mode.value == paper.AVERAGED and panels > 1:
            return "V5"
        return paper.default_layout(self.mode.value)

    def _panels(self, case: Case, labels: dict[str, str]) -> list[tuple[str, Case, str]]:
        """Title, case and method of every panel of the view."""
        order = list(labels)
        method, second = order[self.method.value], order[self.second.value]
        if self.view.value == METHODS_VIEW:
            return [(labels[name], case, name) for name in order]
        if self.view.value == MODELS_VIEW:
            numbers = self.cases.numbers(case.target)
            others = [self.cases.case(case.target, n, case.record_id) for n in numbers]
            return [(f"{labels[method]}, model {c.model}", c, method) for c in others]
        if self.view.value in (BESIDE, DIFFERENCE):
            return [(labels[name], case, name) for name in (method, second)]
        return [(labels[method], case, method)]

    def _draw_curves(self, case: Case, labels: dict[str, str], chosen: list[str]) -> None:
        """|prediction − truth| while points are perturbed; random beside what is shown."""
        wanted = dict.fromkeys(chosen if self.blind.value else [*chosen, "random"])
        curves = {
            labels[method]: (
                np.abs(case.curves[method] - case.truth),
                # A blinded colour would tell the method's name.
                method if self.names.value or not self.blind.value else "",
            )
            for method in wanted
            if method in case.curves
        }
        note = "no perturbation curve<br>stored for this record"
        self.screen.draw_curves(curves, TARGETS[case.target].unit, note)

    def _tell(self, case: Case) -> None:
        """Truth, prediction and error in words."""
        if not np.isfinite(case.prediction):
            case.prediction = self.cases.predicted(case)
        unit = TARGETS[case.target].unit
        source = "Measured here" if case.record_id in self.cases.own else "Measured"
        truth = f"{case.truth:.1f} {unit}" if np.isfinite(case.truth) else "missing"
        error = f"{case.error:+.1f} {unit}" if np.isfinite(case.truth) else "unknown"
        usual = self.cases.test_error(case.target, case.model)
        parts = [
            f"{source} <b>{truth}</b>",
            f"Predicted <b>{case.prediction:.1f} {unit}</b>",
            f"Error of this record <b>{error}</b>",
        ]
        if np.isfinite(usual):
            parts.append(f"Mean absolute error on test records {usual:.2f} {unit}")
        self.status.value = " &nbsp;|&nbsp; ".join(parts)

    def _show_measure(self, text: str) -> None:
        self.measured.value = escape(text)

    def say(self, text: str) -> None:
        """Show a message, as text."""
        self.message.value = escape(text)

    # Computing in the background

    def _compute(self, missing: list[tuple[Case, str]]) -> None:
        """Let the worker compute these maps, and forget what it was asked for before."""
        with self._lock:
            self._wanted = list(missing)
            if missing and self._worker is None:
                self.progress.value, self.progress.max = 0, len(missing)
                self.progress.layout.visibility = "visible"
                self._worker = threading.Thread(target=self._work, daemon=True)
                self._worker.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._worker = None
                    self.progress.layout.visibility = "hidden"
                    return
                case, method = self._wanted[0]
                self.progress.max = max(self.progress.value + len(self._wanted), 1)
            try:
                self.cases.compute(case, method)
            except Exception as error:  # whatever went wrong, the reader must be told
                with self._lock:
                    self._wanted = []
                self.say(f"{METHOD_LABELS[method]} could not be computed: {error}")
                continue
            with self._lock:
                self.progress.value += 1
                self.refresh()

    def wait(self, timeout: float = 60) -> None:
        """Wait until nothing is being computed."""
        worker = self._worker
        if worker is not None:
            worker.join(timeout)
