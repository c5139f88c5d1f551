"""The explorer: a widget to flip through heatmaps, in JupyterLab or as a web app."""

import threading
from html import escape
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ..ecg import TARGETS
from ..study.blinding import LETTERS, letters
from . import ecg_paper
from .background import Background
from .controls import AUTOMATIC, BESIDE, DIFFERENCE, METHODS_VIEW, MODELS_VIEW, ONE, Controls
from .plotly_paper import heat_label
from .plots import METHOD_LABELS
from .results_folder import Case, Cases
from .screen import Screen
from .study_panel import StudyPanel
from .uploads import Upload, read_upload, read_uploads

PHONE_PX = 600  # narrower than this, twelve leads go in two columns
ASSETS = Path(__file__).parent / "assets"


class Keys(anywidget.AnyWidget):
    """Reports keys pressed in the explorer, its width and the window's height in pixels."""

    _esm = ASSETS / "keys.js"
    pressed = traitlets.List(["", 0]).tag(sync=True)
    room = traitlets.List([0, 0]).tag(sync=True)


class Explorer(Controls):
    """Show it as the last line of a cell.

    results: a results folder. seed: decides the order of blinded methods. Maps that are not stored
    are computed in the background, and kept while the explorer lives.
    """

    def __init__(self, results, *, seed: int = 1, device: str = "auto", reader: str = ""):
        self.cases = Cases(results, device=device, seed=seed)
        self.methods = list(METHOD_LABELS)
        self.seed, self.reader = seed, reader
        self._lock = threading.RLock()
        self._quiet = False
        self.background = Background(self.cases.compute, self.refresh, self._failed, self._lock)
        super().__init__(self.cases.targets)
        self.screen = Screen(self._show_measure)
        self.keys = Keys()
        self.keys.observe(self._pressed, "pressed")
        self.keys.observe(lambda c: self.screen.resize(*c["new"]) and self.refresh(), "room")
        self.locked, self.visited = False, []
        self.study = StudyPanel(self)
        self.widget = self.assemble(
            self.keys, self.background.widget, self.screen.figure, self.study.widget
        )
        self.previous.on_click(lambda _: self.step(-1))
        self.next.on_click(lambda _: self.step(1))
        self.calipers.observe(lambda change: self.screen.show_calipers(change["new"]), "value")
        self.find.observe(self._found, "value")
        self.upload.observe(self._uploaded, "value")
        self._choose_target()
        for control in self.redrawing:
            control.observe(self._changed, "value")

    def _repr_mimebundle_(self, **options):
        """What Jupyter shows: the box with everything.

        The figure is asked first: only then does it store what has been drawn into it, and a web
        app, which loads its widgets late, would find it empty.
        """
        self.screen.figure._repr_mimebundle_()
        return self.widget._repr_mimebundle_(**options)

    # What is chosen

    @property
    def case(self) -> Case:
        """The record under the network that are chosen."""
        return self.cases.case(self.target.value, self.model.value, self.record.value)

    def order(self) -> list[str]:
        """The methods in the order shown: that of the table or, blinded, a seeded one."""
        place = (self.target.value, self.model.value)
        # A study's letters are those of the maps that it holds; otherwise the rest is computed.
        methods = self.study.methods(*place) if self.locked else self.methods
        if not self.blind.value:
            return methods
        place = (*place, self.record.value)
        return list(letters(methods, self.seed, self.reader, *place).values())

    def labels(self) -> dict[str, str]:
        """Method → the name shown for it: a letter while blinded."""
        order = self.order()
        if not self.blind.value:
            return {method: METHOD_LABELS[method] for method in order}
        codes = dict(zip(order, LETTERS, strict=False))
        if not self.names.value:
            return codes
        return {method: f"{code}: {METHOD_LABELS[method]}" for method, code in codes.items()}

    # Reacting

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
        self._set(self.record, self._records())
        self.refresh()

    def _records(self) -> list[str]:
        """Those with stored maps, those gone to, and the user's own."""
        stored = self.cases.records(self.target.value, self.model.value)
        return list(dict.fromkeys([*stored, *self.visited, *self.cases.own]))

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
        if self.locked:
            return
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

    def go_to(self, record_id: str) -> None:
        """Show a record of the data, whether maps of it are stored or not."""
        if not self.cases.knows(record_id):
            self.say(f"no record {record_id!r} in the data")
            return
        self.say("")
        if record_id not in self.cases.own:
            self.visited.append(record_id)
        self._set(self.record, self._records())
        self.record.value = record_id

    def _found(self, change) -> None:
        if change["new"]:
            self.find.value = ""  # so that the same id can be asked for again
            self.go_to(change["new"].strip())

    def open(self, path) -> None:
        """Measure a 12SL CSV file or a WFDB record of the user's own, and show it."""
        self._take([read_upload(path)])

    def _uploaded(self, change) -> None:
        self._take(read_uploads((file["name"], bytes(file["content"])) for file in change["new"]))

    def _take(self, uploads: list[Upload]) -> None:
        """Show the records, and say what is wrong with the other files."""
        for upload in uploads:
            if upload.record:
                self.go_to(self.cases.add(f"own: {Path(upload.name).stem}", upload.record))
        if refused := [f"{upload.name}: {upload.reason}" for upload in uploads if upload.reason]:
            self.say("; ".join(refused))

    def lock(self, locked: bool) -> None:
        """While a reading study runs, only how a map is drawn may be changed."""
        self.locked = self.screen.rating = locked
        for row in self.choosing_rows:
            row.layout.display = "none" if locked else ""
        for control in (*self.choosing, self.previous, self.next, self.find, self.upload):
            control.disabled = locked

    def show_blinded(self, item, beside=None) -> None:
        """Show one map of a reading study, or two of a record, their methods hidden."""
        self._quiet = True
        try:
            self.target.value = item.target
            self._set(self.model, self.cases.numbers(item.target), item.model)
            self._set(self.record, self._records(), item.record)
            self.view.value = BESIDE if beside else ONE
            self.blind.value, self.names.value = True, False
            order = self.order()
            slots = list(range(len(order)))
            self._set(self.method, slots, order.index(item.method))
            if beside:
                self._set(self.second, slots, order.index(beside.method))
        finally:
            self._quiet = False
        self.refresh()

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
        nothing = np.full(ecg_paper.BEAT_SHAPE, np.nan)
        maps = [
            ecg_paper.shown(c.maps.get(method, nothing), self.mode.value) for _, c, method in panels
        ]
        scales = [ecg_paper.heat_scale(values, self.percentile.value) for values in maps]
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
            label = (
                f"Difference of maps, each / percentile {self.percentile.value:g} of its |value|"
            )
        model = "" if self.view.value == MODELS_VIEW else f", model {case.model}"
        heading = f"{TARGETS[case.target].label}{model}, {self.mode.value}"
        if len(titles) == 1:
            heading, titles = f"{titles[0]}: {heading}", [""]
        layout = self._layout(len(titles))
        columns = self.screen.panel_columns(layout, len(titles))
        page = ecg_paper.lay_out(case.beat_uv, layout, titles, columns)
        marks = case.fiducials if self.fiducials.value else None
        heading += f", record {case.record_id}"
        with self.screen.figure.batch_update():  # the browser draws once
            self.screen.draw(page, case.beat_uv, np.stack(maps), scale, label, marks, heading)
            self._draw_curves(case, labels, [method for _, _, method in panels])
        self.background.want(missing)

    def _layout(self, panels: int) -> str:
        """The layout chosen; automatically, one lead where twelve would all show the same."""
        if self.layout.value != AUTOMATIC:
            return self.layout.value
        if self.mode.value == ecg_paper.AVERAGED and panels > 1:
            return "V5"
        layout = ecg_paper.default_layout(self.mode.value)
        phone = self.screen.width < PHONE_PX and panels == 1
        return "6x2" if phone and layout == "3x4" else layout

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
            # In a reading study a curve might tell a reader what to think of the map.
            if method in case.curves and np.isfinite(case.truth) and not self.locked
        }
        note = "" if self.locked else "no perturbation curve<br>stored for this record"
        self.screen.draw_curves(curves, TARGETS[case.target].unit, note)

    def _tell(self, case: Case) -> None:
        """Truth, prediction and error in words."""
        if not np.isfinite(case.prediction):
            case.prediction = self.cases.predicted(case)
        unit = TARGETS[case.target].unit
        source = "Measured here" if case.record_id in self.cases.own else "Measured"
        truth = f"{case.truth:.1f} {unit}" if np.isfinite(case.truth) else "missing"
        error = (
            f"{case.error:+.1f} {unit}".replace("-", "−") if np.isfinite(case.truth) else "unknown"
        )
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

    def _failed(self, task: tuple[Case, str], error: Exception) -> None:
        name = self.labels().get(task[1], "A map")  # a letter, where the method is hidden
        self.say(f"{name} could not be computed: {error}")
