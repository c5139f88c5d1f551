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
from ..study import for_views
from ..study.reading_study import Study
from . import beat_edits, content
from .bundle import WEB_APP, widget_module
from .heatmap import ecg_heatmap
from .picture import Picture
from .results_folder import BY_BASELINE, Cases, map_name
from .uploads import Upload, read_upload, read_uploads

HOW_TO_OPEN = (
    "To flip through all records, open this notebook in JupyterLab and choose Run All Cells, open "
    "site/index.html in the results folder, or start ./web_app.sh."
)
RECORDS = 10_000  # of one network, at most: a list that a user can still choose from
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

    def open_file(self, path) -> list[str]:
        """Measure an ECG file of the user's own, and add it to the records.

        Returns its id. Raises ValueError saying what is wrong with the file.
        """
        taken = self._take([read_upload(Path(path).name, Path(path))])
        if taken["refused"]:
            raise ValueError(taken["refused"][0])
        return taken["records"]

    def _repr_mimebundle_(self, **options):
        if _interactive():
            return super()._repr_mimebundle_(**options)
        return {"image/png": b64encode(self.picture().png()).decode(), "text/plain": HOW_TO_OPEN}

    def picture(self) -> Picture:
        """The first record under the first network, with its first map."""
        first = self.overview["networks"][0]
        method, record = first["methods"][0], first["records"][0]
        case = self.cases.case(first["target"], first["model"], record)
        label = self.overview["targets"][0]["label"]
        return ecg_heatmap(
            case.beat_uv,
            case.maps[method],
            method=method,
            fiducials=case.fiducials,
            title=f"{label}, record {record}: {METHODS[method].label}. {HOW_TO_OPEN}",
            unit=self.cases.unit(case.target, case.model, method),
        )

    # Requests of the browser

    def _on_message(self, _widget, message: dict, buffers: list) -> None:
        ask, number = message.get("ask"), message.get("number")
        if ask == "wanted":
            self._turn = message["turn"]
        elif ask == "compute":
            self._worker.submit(self._answer, number, self._computed, message, self._turn)
        else:
            answers = {
                "network": self._network,
                "case": self._case,
                "edit": self._edit,
                "find": self._find,
                "file": lambda request: self._file(request, buffers),
                "open": self._open,
                "ratings": self._ratings,
                "keep": self._keep,
                "results": self._results,
            }
            if ask in answers:
                self._answer(number, answers[ask], message)

    def _answer(self, number: int, answer: Callable, *request) -> None:
        """Send the content and arrays of answer(*request), or the error's message."""
        try:
            reply, arrays = answer(*request)
        except Exception as error:  # the user needs the message
            if not isinstance(error, (ValueError, OSError)):
                logging.getLogger(__name__).exception("the explorer could not answer")
            self.send({"number": number, "error": str(error) or type(error).__name__})
            return
        buffers = [np.ascontiguousarray(values, "<f4").tobytes() for values in arrays]
        self.send({"number": number, "content": reply}, buffers)

    def _network(self, request: dict) -> tuple[dict, list]:
        place = request["target"], request["model"]
        network = next(n for n in self.overview["networks"] if (n["target"], n["model"]) == place)
        return content.network_content(self.cases, *place, network), []

    def _case(self, request: dict) -> tuple[dict, list]:
        case = self.cases.case(request["target"], request["model"], request["record"])
        strip = None if case.mask is not None else self.cases.strip(case.record_id)
        arrays = {"beat": case.beat_uv}
        arrays |= {f"map {m}": content.as_stored(values) for m, values in case.maps.items()}
        arrays |= {} if case.mask is None else {"mask": case.mask}
        arrays |= {f"rhythm {k}": v for k, v in (strip.by_lead if strip else {}).items()}
        reply = content.case_content(self.cases, case) | {"rhythm": strip and strip.rate}
        return reply | {"buffers": list(arrays), "by_baseline": BY_BASELINE}, list(arrays.values())

    def _computed(self, request: dict, turn: int) -> tuple[dict, list]:
        """One map, unless the user has moved on to another choice."""
        if turn != self._turn:
            return {}, []
        method, baseline = request["method"], request.get("baseline", "flat")
        case = self.cases.case(request["target"], request["model"], request["record"])
        values = case.maps.get(map_name(method, baseline))
        if values is None:
            values = self.cases.compute(case, method, baseline)
        return {}, [content.as_stored(values)]

    def _edit(self, request: dict) -> tuple[dict, list]:
        """The beat edited by a dose, its prediction and map; a coarse map unless exact."""
        case = self.cases.case(request["target"], request["model"], request["record"])
        rate = self.cases.record(case.record_id)[2]["VentRate"]
        found = beat_edits.edited(case, request["edit"], float(request["dose"]), rate)
        if found is None:
            return {"refused": NO_ROOM}, []
        (beat, marks), method, place = found, request["method"], (case.target, case.model)
        arrays = {"beat": beat}
        if method in METHODS and (request["exact"] or method not in beat_edits.SLOW):
            fewer = {} if request["exact"] else beat_edits.COARSE
            ids, baseline = [case.record_id], request["baseline"]
            [arrays["map"]] = self.cases.attribute(
                *place, method, beat[None], ids, baseline, **fewer
            )
        [prediction] = self.cases.predict_beats(*place, beat[None])
        reply = {"prediction": content.number(prediction), "buffers": list(arrays)}
        return reply | {"fiducials": [content.number(m) for m in marks]}, list(arrays.values())

    def _find(self, request: dict) -> tuple[dict, list]:
        record = request["record"]
        if not self.cases.knows(record):
            raise ValueError(f"no record {record!r} in the data")
        self._add(record)
        return {}, []

    def _add(self, record: str) -> None:
        if record not in self.added:
            self.added = [*self.added, record]

    def _file(self, request: dict, buffers: list) -> tuple[dict, list]:
        """Take one file; files that belong together come one by one."""
        self._files.append((request["name"], bytes(buffers[0])))
        return {}, []

    def _open(self, _request: dict) -> tuple[dict, list]:
        files, self._files = self._files, []
        return self._take(read_uploads(files)), []

    def _take(self, uploads: list[Upload]) -> dict:
        """Add the records; the reply names them, and the refused files with the reason."""
        ids = []
        for upload in uploads:
            if upload.record:
                ids.append(self.cases.add(f"own: {Path(upload.name).stem}", upload.record))
                self._add(ids[-1])
        refused = [f"{upload.name}: {upload.reason}" for upload in uploads if upload.reason]
        return {"records": ids, "refused": refused}

    # The reading study

    def _ratings(self, request: dict) -> tuple[list, list]:
        return self.study.rows_of(self.folder, request["rater"]), []

    def _keep(self, request: dict) -> tuple[dict, list]:
        for row in request["rows"]:
            self.study.keep(self.folder, row)
        return {}, []

    def _results(self, _request: dict) -> tuple[dict, list]:
        return for_views.answers(self.study, self.folder, self.cases.patients), []


def _interactive() -> bool:
    """Whether a user can see the widget: not where papermill or nbconvert runs the notebook.

    They start the kernel without standard input. So does the web app, which sets a variable.
    """
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return WEB_APP in os.environ or getattr(kernel, "_allow_stdin", True)
