"""The explorer: the view as a widget, in JupyterLab or as a web app."""

import logging
import os
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ..attribution.methods import METHODS
from ..ecg import TARGETS
from ..study.reading_study import Study
from . import beat_edits, content
from .bundle import WEB_APP, widget_module
from .heatmap import ecg_heatmap
from .results_folder import BY_BASELINE, Case, Cases, map_name
from .uploads import read_uploads

HOW_TO_OPEN = (
    "To flip through all records, open this notebook in JupyterLab and choose Run All Cells, open "
    "site/index.html in the results folder, or start ./web_app.sh."
)
RECORDS = 10_000  # of one network, at most: a list that a user can still choose from
REQUESTS = ("network", "case", "edit", "find", "file", "open", "ratings", "keep")
NO_ROOM = "This edit does not fit this beat."


class Explorer(anywidget.AnyWidget):
    """Show it as the last line of a cell.

    results: a results folder. seed: decides the order of blinded methods and of the reading study.
    Maps that are not stored are computed in a thread, and kept while the explorer lives. The
    browser sends messages {number, ask, …}; the answer carries the number, and arrays as float32
    buffers. added: records beside those with stored maps. state: the choice, as text. In a notebook
    that papermill or nbconvert executed, a picture is shown instead.
    """

    _esm = traitlets.Unicode(widget_module()).tag(sync=True)
    overview = traitlets.Dict().tag(sync=True)
    added = traitlets.List(traitlets.Unicode()).tag(sync=True)
    state = traitlets.Unicode("").tag(sync=True)

    def __init__(self, results, *, seed: int = 1, device: str = "auto"):
        self.cases = Cases(results, device=device, seed=seed)
        super().__init__(overview=content.overview(self.cases, RECORDS, seed))
        self.study = Study(self.cases.networks(RECORDS), seed)
        self.folder = self.cases.results.readings
        self._worker = ThreadPoolExecutor(1, "maps")
        self._turn = 0
        self._files: list[tuple[str, bytes]] = []
        self.on_msg(self._on_message)

    def _repr_mimebundle_(self, **options):
        if _interactive():
            return super()._repr_mimebundle_(**options)
        first = self.overview["networks"][0]
        method, record = first["methods"][0], first["records"][0]
        case = self.cases.case(first["target"], first["model"], record)
        picture = ecg_heatmap(
            case.record.beat_uv,
            case.maps[method],
            method=method,
            fiducials=case.record.fiducials,
            title=f"{TARGETS[case.target].label}, record {record}: {METHODS[method].label}.\n"
            f"{HOW_TO_OPEN}",
            unit=self.cases.unit(case.target, case.model, method),
        )
        png = b64encode(picture._repr_png_()).decode()
        return {"image/png": png, "text/plain": HOW_TO_OPEN}

    # Requests of the browser: each gets the message and its buffers, and returns the content and
    # the arrays of the answer.

    def _on_message(self, _widget, message: dict, buffers: list) -> None:
        ask = message.get("ask")
        if ask == "wanted":
            self._turn = message["turn"]
        elif ask == "compute":
            self._worker.submit(self._answer, self._computed, message, self._turn)
        elif ask in REQUESTS:
            self._answer(getattr(self, f"_{ask}"), message, buffers)

    def _answer(self, answer: Callable, message: dict, more) -> None:
        """Send the content and arrays of answer(message, more), or the error's message."""
        number = message.get("number")
        try:
            reply, arrays = answer(message, more)
        except Exception as error:  # the user needs the message
            if not isinstance(error, (ValueError, OSError)):
                logging.getLogger(__name__).exception("the explorer could not answer")
            self.send({"number": number, "error": str(error) or type(error).__name__})
            return
        buffers = [np.ascontiguousarray(values, "<f4").tobytes() for values in arrays]
        self.send({"number": number, "content": reply}, buffers)

    def _network(self, request: dict, _) -> tuple[dict, list]:
        place = request["target"], request["model"]
        network = next(n for n in self.overview["networks"] if (n["target"], n["model"]) == place)
        edits = beat_edits.specifications(request["target"])
        return content.network_content(self.cases, network) | {"edits": edits}, []

    def _case_of(self, request: dict) -> Case:
        return self.cases.case(request["target"], request["model"], request["record"])

    def _case(self, request: dict, _) -> tuple[dict, list]:
        case = self._case_of(request)
        strip = case.record.strip
        arrays = {"beat": case.record.beat_uv}
        arrays |= {f"map {m}": values for m, values in case.maps.items()}
        arrays |= {f"rhythm {k}": v for k, v in (strip.by_lead if strip else {}).items()}
        reply = content.case_content(self.cases, case) | {"rhythm": strip and strip.rate}
        return reply | {"buffers": list(arrays), "by_baseline": BY_BASELINE}, list(arrays.values())

    def _computed(self, request: dict, turn: int) -> tuple[dict, list]:
        """One map, unless the user has moved on to another choice."""
        if turn != self._turn:
            return {}, []
        method, baseline, case = request["method"], request["baseline"], self._case_of(request)
        values = case.maps.get(map_name(method, baseline))
        if values is None:
            values = self.cases.compute(case, method, baseline)
        return {}, [values]

    def _edit(self, request: dict, _) -> tuple[dict, list]:
        """The beat edited by a dose, its prediction and map; a coarse map unless exact.

        later: whether a map of the edited beat follows when the user lets go.
        """
        case, method = self._case_of(request), request["method"]
        found = beat_edits.edited(case.record, request["edit"], float(request["dose"]))
        if found is None:
            return {"refused": NO_ROOM}, []
        (beat, marks), place = found, (case.target, case.model)
        later = method in beat_edits.SLOW and not request["exact"]
        arrays = {"beat": beat}
        if method in METHODS and not later:
            fewer = {} if request["exact"] else beat_edits.COARSE
            ids, baseline = [case.record_id], request["baseline"]
            [arrays["map"]] = self.cases.attribute(
                *place, method, beat[None], ids, baseline, **fewer
            )
        [prediction] = self.cases.predict_beats(*place, beat[None])
        reply = {"prediction": content.number(prediction), "later": later}
        reply["fiducials"] = [content.number(mark) for mark in marks]
        return reply | {"buffers": list(arrays)}, list(arrays.values())

    def _find(self, request: dict, _) -> tuple[dict, list]:
        self.cases.record(request["record"])  # raises ValueError for an unknown id
        if request["record"] not in self.added:
            self.added = [*self.added, request["record"]]
        return {}, []

    def _file(self, request: dict, buffers: list) -> tuple[dict, list]:
        """Take one file; files that belong together come one by one."""
        self._files.append((request["name"], bytes(buffers[0])))
        return {}, []

    def _open(self, *_) -> tuple[dict, list]:
        """Add the records of the files; names them, and the refused files with the reason."""
        files, self._files = self._files, []
        ids, refused = [], []
        for name, found in read_uploads(files):
            if isinstance(found, str):
                refused.append(f"{name}: {found}")
            else:
                ids.append(self.cases.add(f"own: {Path(name).stem}", found))
        self.added = [*self.added, *ids]
        return {"records": ids, "refused": refused}, []

    # The reading study

    def _ratings(self, request: dict, _) -> tuple[list, list]:
        return self.study.rows_of(self.folder, request["rater"]), []

    def _keep(self, request: dict, _) -> tuple[dict, list]:
        self.study.keep(self.folder, request["row"])
        return {}, []


def _interactive() -> bool:
    """Whether a user can see the widget: not where papermill or nbconvert runs the notebook.

    They start the kernel without standard input. So does the web app, which sets a variable.
    """
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return WEB_APP in os.environ or getattr(kernel, "_allow_stdin", True)
