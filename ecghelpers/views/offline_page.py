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

from ..files import write_text
from ..paths import Results
from . import beat_edits, content
from .bundle import ASSETS, page_script
from .results_folder import Case, Cases

EDITED_RECORDS = 8  # of each network, whose edited beats are stored
EDITED_METHOD = "inputxgradient"  # whose map follows an edit on the page: it costs one pass
OF_A_RECORD = ("fiducials", "measurements", "program", "source")  # the same under every network


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
        for network in overview["networks"]:
            network["script"] = f"{network['target']}-model{network['model']}.js"
            _write_network(fresh, cases, network)
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


def _write_network(site: Path, cases: Cases, network: dict) -> None:
    """Write the script of one network: its content and maps."""
    target, model = network["target"], network["model"]
    explained = [cases.case(target, model, record) for record in network["records"]]
    names = {name: None for case in explained for name in case.maps}
    pack = bytearray()
    data = content.network_content(cases, network)
    data |= {
        "truth": [content.number(case.truth) for case in explained],
        "prediction": [content.number(case.prediction) for case in explained],
        "levels": content.LEVELS,
        "maps": {
            name: [_packed(pack, case.maps.get(name)) for case in explained] for name in names
        },
    }
    data["edits"] = beat_edits.specifications(target)[:1]  # the target's own
    data["edited"] = {c.record_id: _edits(cases, c, pack) for c in explained[:EDITED_RECORDS]}
    data["edited_method"] = EDITED_METHOD
    data["records"] = network["records"]
    data["pack"] = b64encode(zlib.compress(pack, 9)).decode()
    script = f"ECG.network({script_json(f'{target}|{model}')},{script_json(data)});\n"
    write_text(site / "data" / network["script"], script)


def _packed(pack: bytearray, values: np.ndarray | None) -> dict | None:
    """Append a map to all maps by its ``content.levels``; its peak, and where it begins."""
    if values is None:
        return None
    at, (peak, levels) = len(pack), content.levels(values)
    pack += levels.tobytes()
    return {"peak": peak, "at": at}


def _edits(cases: Cases, case: Case, pack: bytearray) -> list[dict]:
    """A record's beat edited by each stored dose, as its change, with prediction and map."""
    found = list(beat_edits.series(case.record, case.target))
    if not found:
        return []
    place, beats = (case.target, case.model), np.stack([beat for _, beat, _ in found])
    ids = [case.record_id] * len(found)
    maps = cases.attribute(*place, EDITED_METHOD, beats, ids)
    predictions = cases.predict_beats(*place, beats)
    return [
        {
            "dose": dose,
            "prediction": content.number(prediction),
            "fiducials": [content.number(mark) for mark in marks],
            "change": _packed(pack, beat - case.record.beat_uv),
            "map": _packed(pack, values),
        }
        for (dose, beat, marks), values, prediction in zip(found, maps, predictions, strict=True)
    ]


def _write_records(site: Path, cases: Cases, overview: dict) -> None:
    """Write the script with the records, each as under its first network, and the overview."""
    records = {}
    for network in overview["networks"]:
        for record_id in network["records"]:
            if record_id not in records:
                case = cases.case(network["target"], network["model"], record_id)
                records[record_id] = _record(cases, case)
    text = script_json(overview | {"records": records})
    write_text(site / "data" / "records.js", f"ECG.records({text});\n")


def _record(cases: Cases, case: Case) -> dict:
    told, strip = content.case_content(cases, case), case.record.strip
    leads = {lead: _int16(values) for lead, values in (strip.by_lead if strip else {}).items()}
    record = {name: told[name] for name in OF_A_RECORD} | {"beat": _int16(case.record.beat_uv)}
    return record | {"rhythm": strip and {"rate": strip.rate, "leads": leads}}


def _int16(values: np.ndarray) -> str:
    return b64encode(np.asarray(values).astype("<i2").tobytes()).decode()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ecghelpers.views.offline_page RESULTS_FOLDER")
    print(build_site(sys.argv[1]))
