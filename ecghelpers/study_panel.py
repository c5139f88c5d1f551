"""The reading study in the explorer: one blinded map at a time, saved as it is rated."""

from html import escape
from pathlib import Path

import ipywidgets as widgets

from .reading import SCORES, Item, Study, append_rating, reader_file

QUESTION = "Does the map mark where you would measure this? (1 not at all, 5 exactly there)"


class StudyPanel:
    """Controls of the study below an explorer; ratings go to ``<results>/readings/``."""

    def __init__(self, explorer):
        self.explorer = explorer
        self.study = Study(explorer.cases.networks(), explorer.seed)
        self.folder = Path(explorer.cases.results.root) / "readings"
        self.item: Item | None = None
        self.reader = widgets.Text(placeholder="your initials", description="Reader")
        self.start = widgets.Button(description="Start or go on")
        self.stop = widgets.Button(description="Stop")
        self.score = widgets.RadioButtons(
            options=SCORES, value=None, description="Score", orientation="horizontal"
        )
        self.text = widgets.Text(placeholder="remark, if any", description="Remark")
        self.save = widgets.Button(description="Save and next", button_style="primary")
        self.told = widgets.HTML()
        self.start.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.end())
        self.save.on_click(lambda _: self.rate())
        self.rating = widgets.VBox(
            [widgets.HTML(QUESTION), self.score, widgets.HBox([self.text, self.save])]
        )
        row = widgets.HBox([self.reader, self.start, self.stop, self.told])
        self.widget = widgets.Accordion(
            [widgets.VBox([row, self.rating])], titles=["Reading study"]
        )
        self._show(False)

    def methods(self, target: str, model: int) -> list[str]:
        """The methods whose maps of one network are rated."""
        held = [n for n in self.study.networks if (n["target"], n["model"]) == (target, model)]
        return held[0]["methods"]

    def begin(self) -> None:
        """Show the first map that this reader has not rated."""
        reader = self.reader.value.strip()
        if not reader:
            self.told.value = "Write who reads (initials, for example) before starting."
            return
        self.explorer.reader = reader
        self._next()

    def end(self) -> None:
        """Give the explorer back."""
        self.item = None
        self._show(False)

    def rate(self) -> None:
        """Save the rating of the map that is shown, and go on."""
        if self.item is None:
            return
        if self.score.value is None:
            self.told.value = "Choose a score from 1 to 5 first."
            return
        reader = self.explorer.reader
        row = self.study.row(reader, self.item, self.score.value, self.text.value)
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
            table = self.study.read([path]) if path.is_file() else self.study.read([])
        except (OSError, ValueError) as error:
            self.told.value = escape(str(error))
            return self.end()
        done = set(table[["target", "model", "record", "code"]].itertuples(index=False, name=None))
        items = self.study.items(reader)
        self.item = next((item for item in items if item.key not in done), None)
        self.told.value = f"{len(done)} of {len(items)} rated"
        if self.item is None:
            return self.end()
        self.score.value, self.text.value = None, ""
        self._show(True)
        self.explorer.show_blinded(self.item)

    def _show(self, running: bool) -> None:
        self.rating.layout.display = "" if running else "none"
        self.stop.disabled = not running
        self.start.disabled = self.reader.disabled = running
        self.explorer.lock(running)
