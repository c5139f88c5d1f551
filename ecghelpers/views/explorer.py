"""The explorer: the view as a widget, in JupyterLab or as a web app."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ..study import for_views
from ..study.reading_study import Study
from . import content
from .bundle import ASSETS, widget_module
from .results_folder import Cases
from .uploads import Upload, read_upload, read_uploads

RECORDS = 10_000  # of one network, at most: a list that a reader can still choose from


class Explorer(anywidget.AnyWidget):
    """Show it as the last line of a cell.

    results: a results folder. seed: decides the order of blinded methods and of the reading study.
    Maps that are not stored are computed in a thread, and kept while the explorer lives. The
    browser asks with messages {number, ask, …}; the answer carries the number, and arrays as
    float32 buffers. added: records beside those with stored maps. state: what is chosen, as text.
    """

    _esm = traitlets.Unicode(widget_module()).tag(sync=True)
    _css = traitlets.Unicode((ASSETS / "view.css").read_text(encoding="utf-8")).tag(sync=True)
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
        self.on_msg(self._asked)

    def open_file(self, path) -> list[str]:
        """Measure a 12SL CSV file or a WFDB record of the user's own, and add it to the records.

        Returns its id. Raises ValueError saying what is wrong with the file.
        """
        taken = self._take([read_upload(path)])
        if taken["refused"]:
            raise ValueError(taken["refused"][0])
        return taken["records"]

    # What the browser asks

    def _asked(self, _widget, message: dict, buffers: list) -> None:
        ask, number = message.get("ask"), message.get("number")
        if ask == "wanted":
            self._turn = message["turn"]
        elif ask == "compute":
            self._worker.submit(self._answer, number, self._computed, message, self._turn)
        else:
            answers = {
                "network": self._network,
                "case": self._case,
                "find": self._find,
                "open": lambda request: (self._opened(request, buffers), []),
                "ratings": self._ratings,
                "keep": self._keep,
                "results": self._results,
            }
            if ask in answers:
                self._answer(number, answers[ask], message)

    def _answer(self, number: int, answer: Callable, *request) -> None:
        """Send what answer(*request) gives, (content, arrays), or what went wrong."""
        try:
            reply, arrays = answer(*request)
        except Exception as error:  # whatever went wrong, the reader must be told
            if not isinstance(error, (ValueError, OSError)):
                logging.getLogger(__name__).exception("the explorer could not answer")
            self.send({"number": number, "error": str(error) or type(error).__name__})
            return
        buffers = [np.ascontiguousarray(values, "<f4").tobytes() for values in arrays]
        self.send({"number": number, "content": reply}, buffers)

    def _network(self, request: dict) -> tuple[dict, list]:
        target, model = request["target"], request["model"]
        methods = next(
            n["methods"]
            for n in self.overview["networks"]
            if (n["target"], n["model"]) == (target, model)
        )
        return content.network_content(self.cases, target, model, methods), []

    def _case(self, request: dict) -> tuple[dict, list]:
        case = self.cases.case(request["target"], request["model"], request["record"])
        strip = None if case.mask is not None else self.cases.strip(case.record_id)
        arrays = {"beat": case.beat_uv}
        arrays |= {f"map {m}": content.as_stored(values) for m, values in case.maps.items()}
        arrays |= {} if case.mask is None else {"mask": case.mask}
        arrays |= {f"rhythm {k}": v for k, v in (strip.by_lead if strip else {}).items()}
        reply = content.case_content(self.cases, case) | {"rhythm": strip and strip.rate}
        return reply | {"buffers": list(arrays)}, list(arrays.values())

    def _computed(self, request: dict, turn: int) -> tuple[dict, list]:
        """One map, unless the reader has gone on meanwhile."""
        if turn != self._turn:
            return {}, []
        case = self.cases.case(request["target"], request["model"], request["record"])
        if request["method"] not in case.maps:
            self.cases.compute(case, request["method"])
        values = content.as_stored(case.maps[request["method"]])
        return {"prediction": content.number(case.prediction)}, [values]

    def _find(self, request: dict) -> tuple[dict, list]:
        record = request["record"]
        if not self.cases.knows(record):
            raise ValueError(f"no record {record!r} in the data")
        self._add(record)
        return {}, []

    def _add(self, record: str) -> None:
        if record not in self.added:
            self.added = [*self.added, record]

    def _opened(self, request: dict, buffers: list) -> dict:
        files = zip(request["names"], map(bytes, buffers), strict=True)
        return self._take(read_uploads(files))

    def _take(self, uploads: list[Upload]) -> dict:
        """Add the records, and say what is wrong with the other files."""
        ids = []
        for upload in uploads:
            if upload.record:
                ids.append(self.cases.add(f"own: {Path(upload.name).stem}", upload.record))
                self._add(ids[-1])
        refused = [f"{upload.name}: {upload.reason}" for upload in uploads if upload.reason]
        return {"records": ids, "refused": refused}

    # The reading study

    def _ratings(self, request: dict) -> tuple[list, list]:
        return self.study.rows_of(self.folder, request["reader"]), []

    def _keep(self, request: dict) -> tuple[dict, list]:
        for row in request["rows"]:
            self.study.keep(self.folder, row)
        return {}, []

    def _results(self, _asked: dict) -> tuple[dict, list]:
        review = content.review_table(self.cases)
        return for_views.answers(self.study, self.folder, review, self.cases.patients), []
