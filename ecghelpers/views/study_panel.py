"""The reading study in the explorer: one or two blinded maps at a time, saved as they are rated."""

from html import escape
from pathlib import Path

import ipywidgets as widgets

from ..ecg import TARGETS
from ..study.reading_study import SCORES, Item, Study, append_rating, reader_file

QUESTION = "{}: does the map mark where you would measure it? (1 not at all, 5 exactly there)"


class _Rating:
    """The score and the remark of one map."""

    def __init__(self):
        self.code = widgets.HTML()
        self.score = widgets.RadioButtons(options=SCORES, value=None, orientation="horizontal")
        self.text = widgets.Text(placeholder="remark, if any", description="Remark")
        wrapped = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 14px"}
        self.widget = widgets.Box([self.code, self.score, self.text], layout=wrapped)
        self.score.layout.width = "auto"

    def ask(self, item: Item | None) -> None:
        """Ask for a rating of a map, or of none."""
        self.widget.layout.display = "none" if item is None else ""
        self.code.value = f"<b>{item.code}</b>" if item else ""
        self.score.value, self.text.value = None, ""


class StudyPanel:
    """Controls of the study below an explorer; ratings go to ``<results>/readings/``."""

    def __init__(self, explorer):
        self.explorer = explorer
        self.study = Study(explorer.cases.networks(), explorer.seed)
        self.folder = Path(explorer.cases.results.root) / "readings"
        self.items: tuple[Item, ...] = ()
        self.reader = widgets.Text(placeholder="your initials", description="Reader")
        self.together = widgets.Dropdown(
            options=[("one map", 1), ("two side by side", 2)],
            description="At a time",
            layout={"width": "auto"},
        )
        self.start = widgets.Button(description="Start or go on")
        self.stop = widgets.Button(description="Stop")
        self.ratings = [_Rating(), _Rating()]
        self.save = widgets.Button(description="Save and next", button_style="primary")
        self.told, self.question = widgets.HTML(), widgets.HTML()
        self.start.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.end())
        self.save.on_click(lambda _: self.rate())
        rows = [rating.widget for rating in self.ratings]
        layout = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 20px"}
        self.rating = widgets.VBox([self.question, widgets.Box([*rows, self.save], layout=layout)])
        row = widgets.Box([self.reader, self.together, self.start, self.stop, self.told])
        row.layout.flex_flow = "row wrap"
        self.widget = widgets.Accordion(
            [widgets.VBox([row, self.rating])], titles=["Reading study"]
        )
        self._show(False)

    def methods(self, target: str, model: int) -> list[str]:
        """The methods whose maps of one network are rated."""
        held = [n for n in self.study.networks if (n["target"], n["model"]) == (target, model)]
        return held[0]["methods"]

    def begin(self) -> None:
        """Show the first map, or pair, that this reader has not rated."""
        reader = self.reader.value.strip()
        if not reader:
            self.told.value = "Write who reads (initials, for example) before starting."
            return
        self.explorer.reader = reader
        self._next()

    def end(self) -> None:
        """Give the explorer back."""
        self.items = ()
        self._show(False)
        self.explorer.refresh()

    def rate(self) -> None:
        """Save the rating of each map that is shown, and go on."""
        if not self.items:
            return
        given = list(zip(self.items, self.ratings, strict=False))
        if any(rating.score.value is None for _, rating in given):
            self.told.value = "Choose a score from 1 to 5 first."
            return
        reader = self.explorer.reader
        for item, rating in given:
            beside = "".join(other.code for other in self.items if other != item)
            row = self.study.row(reader, item, rating.score.value, rating.text.value, beside)
            try:
                append_rating(reader_file(self.folder, reader), row)
            except OSError as error:
                self.told.value = escape(f"The rating could not be saved: {error}")
                return
        self._next()

    def _next(self) -> None:
        reader = self.explorer.reader
        path = reader_file(self.folder, reader)
        try:
            table = self.study.read([path] if path.is_file() else [])
        except (OSError, ValueError) as error:
            self.told.value = escape(str(error))
            return self.end()
        done = set(table[["target", "model", "record", "code"]].itertuples(index=False, name=None))
        screens = self.study.screens(reader, self.together.value)
        left = (items for items in screens if not done.issuperset(item.key for item in items))
        self.items = next(left, ())
        self.told.value = f"{len(done)} of {sum(map(len, screens))} maps rated"
        if not self.items:
            return self.end()
        for rating, item in zip(self.ratings, (*self.items, None), strict=False):
            rating.ask(item)
        self.question.value = QUESTION.format(TARGETS[self.items[0].target].label)
        self._show(True)
        self.explorer.show_blinded(*self.items)

    def _show(self, running: bool) -> None:
        self.rating.layout.display = "" if running else "none"
        self.stop.disabled = not running
        self.start.disabled = self.reader.disabled = self.together.disabled = running
        self.explorer.lock(running)
