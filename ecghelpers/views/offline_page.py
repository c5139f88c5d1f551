"""The offline page: the view with its data in files, without a network.

A browser that opens a page from a file cannot fetch other files, so all data are scripts: one with
the records, and one for each network, loaded when it is chosen. Values are JSON in which nothing
can end a script. A network's maps are compressed together: they are most of the page.
"""

import json
import shutil
import sys
import tempfile
import zlib
from base64 import b64encode
from pathlib import Path

import numpy as np

from ..ecg import BEAT_SHAPE
from ..files import write_text
from ..paths import Results
from . import beat_edits, content
from .bundle import ASSETS, page_script
from .results_folder import Case, Cases

MOST_IN_WORDS = 13_500_000  # samples of maps; a page with more has bytes, of half the size
OF_A_RECORD = ("fiducials", "measurements", "source")  # of a case: the same under every network
EDITED_RECORDS = 8  # of each network, whose edited beats are stored
EDITED_METHOD = "inputxgradient"  # whose map follows an edit on the page: it costs one pass


def build_site(results: Results | str | Path, *, records: int = 50, seed: int = 1) -> Path:
    """Write ``site/`` into a results folder; returns the path of its ``index.html``.

    records: at most so many of each network. seed: determines the order of blinded methods and of
    the reading study. An older page is replaced when the new one is complete. Raises ValueError
    where no heatmaps are stored.
    """
    cases = Cases(results, seed=seed)
    overview = content.overview(cases, records, seed)
    site = cases.results.site.parent
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site.", dir=site.parent) as folder:
        fresh = Path(folder) / "site"
        fresh.mkdir()
        for name in ("index.html", "page.css"):
            shutil.copy(ASSETS / name, fresh / name)
        write_text(fresh / "view.js", page_script())
        most = _levels(overview["networks"])
        for network in overview["networks"]:
            name = f"{network['target'].replace(' ', '-')}-model{network['model']}.js"
            network["script"] = name
            _write_network(fresh, cases, network, most)
        _write_records(fresh, cases, overview)
        fresh.chmod(0o755)
        if site.exists():
            site.rename(Path(folder) / "old")
        fresh.rename(site)
    return cases.results.site


def script_json(value) -> str:
    """JSON for a script: no text in it can end the script or start another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _levels(networks: list[dict]) -> int:
    """How finely maps are stored: as the other hosts have them, or by bytes where they are many."""
    maps = sum(len(network["records"]) * len(network["methods"]) for network in networks)
    return content.WORD if maps * np.prod(BEAT_SHAPE) <= MOST_IN_WORDS else content.BYTE


def _write_network(site: Path, cases: Cases, network: dict, most: int) -> None:
    """Write the script of one network: its content, maps and edits. most: of ``content.levels``."""
    target, model, ids = network["target"], network["model"], network["records"]
    explained = [cases.case(target, model, record) for record in ids]
    contents = [content.case_content(cases, case) for case in explained]
    names = {name: None for case in explained for name in case.maps}
    pack = Pack()
    maps = {
        name: [pack.add(case.maps[name], most) if name in case.maps else None for case in explained]
        for name in names
    }
    edits = {} if network["planted"] else _edits(cases, explained[:EDITED_RECORDS], pack)
    data = content.network_content(cases, target, model, network)
    data |= {
        "records": ids,
        "truth": [case["truth"] for case in contents],
        "prediction": [case["prediction"] for case in contents],
        "levels": most,
        "maps": maps,
        "edits": data["edits"][:1],  # the target's own
        "edited": edits,
        "edited_method": EDITED_METHOD,
        "pack": pack.text(),
    }
    if network["planted"]:  # its beats are no record's
        data["cases"] = [
            {name: content_of[name] for name in OF_A_RECORD}
            | {"beat": _int16(case.beat_uv), "mask": runs(case.mask), "rhythm": None}
            for case, content_of in zip(explained, contents, strict=True)
        ]
    script = f"ECG.network({script_json(f'{target}|{model}')},{script_json(data)});\n"
    write_text(site / "data" / network["script"], script)


class Pack:
    """Maps one after the other, for a script."""

    def __init__(self):
        self._bytes = bytearray()

    def add(self, values: np.ndarray, most: int) -> dict:
        """Add a map by its ``content.levels``; returns its peak and the byte where it begins."""
        at, (peak, levels) = len(self._bytes), content.levels(values, most)
        self._bytes += levels.tobytes()
        return {"peak": peak, "at": at}

    def text(self) -> str:
        """All maps: base64 of the zlib format."""
        return b64encode(zlib.compress(self._bytes, 9)).decode()


def _edits(cases: Cases, explained: list[Case], pack: Pack) -> dict[str, list[dict]]:
    """Record → its beat edited by each stored dose, with prediction and map.

    The beat is stored as its change, one byte per sample.
    """
    found = [
        (case, *edit)
        for case in explained
        for edit in beat_edits.series(case, cases.record(case.record_id)[2]["VentRate"])
    ]
    edits: dict[str, list[dict]] = {case.record_id: [] for case in explained}
    if not found:
        return edits
    place = explained[0].target, explained[0].model
    beats = np.stack([beat for _, _, beat, _ in found])
    ids = [case.record_id for case, *_ in found]
    maps = cases.attribute(*place, EDITED_METHOD, beats, ids)
    predictions = cases.predict_beats(*place, beats)
    for (case, dose, beat, marks), values, prediction in zip(found, maps, predictions, strict=True):
        edits[case.record_id].append(
            {
                "dose": dose,
                "prediction": content.number(prediction),
                "fiducials": [content.number(mark) for mark in marks],
                "change": pack.add(beat - case.beat_uv, content.BYTE),
                "map": pack.add(values, content.BYTE),
            }
        )
    return edits


def runs(mask: np.ndarray) -> list[list[int]]:
    """Where a mask (12, 600) holds, as [lead, from, to) in order."""
    edges = np.diff(np.pad(mask > 0, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return [
        [int(lead), int(start), int(end)]
        for (lead, start), (_, end) in zip(starts, ends, strict=True)
    ]


def _write_records(site: Path, cases: Cases, overview: dict) -> None:
    networks = [network for network in overview["networks"] if not network["planted"]]
    first = {}
    for network in networks:
        for record in network["records"]:
            first.setdefault(record, (network["target"], network["model"]))
    records = {id: _record(cases, cases.case(*place, id)) for id, place in first.items()}
    text = script_json(overview | {"records": records})
    write_text(site / "data" / "records.js", f"ECG.records({text});\n")


def _record(cases: Cases, case: Case) -> dict:
    content_of, strip = content.case_content(cases, case), cases.strip(case.record_id)
    rhythm = strip and {
        "rate": strip.rate,
        "leads": {lead: _int16(values) for lead, values in strip.by_lead.items()},
    }
    return {name: content_of[name] for name in OF_A_RECORD} | {
        "beat": _int16(case.beat_uv),
        "rhythm": rhythm,
    }


def _int16(values: np.ndarray) -> str:
    return b64encode(np.asarray(values).astype("<i2").tobytes()).decode()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ecghelpers.views.offline_page RESULTS_FOLDER")
    print(build_site(sys.argv[1]))
