"""The static page: heatmaps, curves and the reading study, from a file, without a network.

A browser that opens a page from a file may not fetch others, so that all data come in as scripts:
one with the records, and one for each network, loaded when it is chosen. Values are JSON in which
nothing can end a script.
"""

import json
import shutil
import sys
import tempfile
from base64 import b64encode
from pathlib import Path

import numpy as np
import pandas as pd

from .. import __version__
from ..attribution import FLOOR
from ..config import Results
from ..ecg import TARGETS
from ..files import write_text
from ..judging import review as all_tests
from ..study import blinding
from .plots import METHOD_LABELS, METHOD_STYLES
from .results_folder import Cases

ASSETS = Path(__file__).parent / "assets" / "site"
SOURCES = {
    "gan": "Generated ECGs (Pulse2Pulse GAN)",
    "12sl": "ECGs from a 12SL export",
    "hdf5": "ECGs from a folder of HDF5 files",
    "wfdb": "ECGs from WFDB records",
}
LEVELS = 127  # of one signed byte


def build_site(results: Results | str | Path, *, records: int = 50, seed: int = 1) -> Path:
    """Write ``site/`` into a results folder; returns the path of its ``index.html``.

    Shows the records with stored heatmaps, at most so many of a network. seed: decides the order
    of blinded methods and of the reading study. An older page is replaced when the new one is
    whole. Raises ValueError where no heatmaps are stored.
    """
    cases = Cases(results, seed=seed)
    networks = cases.networks(records)
    if not networks:
        raise ValueError(
            f"{cases.results.root} holds no attributions.h5; run the heatmaps before the page"
        )
    site = cases.results.site.parent
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site.", dir=site.parent) as folder:
        fresh = Path(folder) / "site"
        shutil.copytree(ASSETS, fresh)
        for network in networks:
            _write_network(fresh, cases, network)
        _write_records(fresh, cases, networks, seed)
        fresh.chmod(0o755)
        if site.exists():
            site.rename(Path(folder) / "old")
        fresh.rename(site)
    return cases.results.site


def script_json(value) -> str:
    """JSON that is safe within a script, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def quantise(values: np.ndarray) -> tuple[float, str]:
    """A map as its largest |value| and base64 of a byte a sample, sign · 127 · √(|value| / peak).

    The square root keeps small values apart, on which the percentile of the colours rests.
    """
    peak = float(np.abs(values).max())
    levels = np.sign(values) * np.rint(LEVELS * np.sqrt(np.abs(values) / (peak or 1)))
    return peak, b64encode(levels.astype(np.int8).tobytes()).decode()


def _write_network(site: Path, cases: Cases, network: dict) -> None:
    """Write the script of one network: maps, curves and what is known of its errors."""
    target, model, ids = network["target"], network["model"], network["records"]
    shown = [cases.case(target, model, record) for record in ids]
    maps = {}
    for method in network["methods"]:
        peaks, data = zip(*(quantise(case.maps[method]) for case in shown), strict=True)
        maps[method] = {"peak": peaks, "data": data}
    curves = {
        method: [_rounded(case.curves.get(method)) for case in shown]
        for method in {name: None for case in shown for name in case.curves}
    }
    content = {
        "records": ids,
        "prediction": [_number(case.prediction) for case in shown],
        "units": shown[0].units,
        "maps": maps,
        "curves": curves,
        "ranking": _ranking(cases.results, target, model),
        "test_mae": _number(cases.test_error(target, model)),
    }
    script = f"ECG.network({script_json(f'{target}|{model}')},{script_json(content)});\n"
    write_text(site / "data" / f"{target}-model{model}.js", script)


def _write_records(site: Path, cases: Cases, networks: list[dict], seed: int) -> None:
    ids = list(dict.fromkeys(record for network in networks for record in network["records"]))
    source = str(cases.medians.attributes.get("source", ""))
    content = {
        "version": __version__,
        "source": SOURCES.get(source, source),
        "seed": seed,
        "labels": dict(METHOD_LABELS),
        "styles": dict(METHOD_STYLES),
        "targets": [
            {"name": name, "label": TARGETS[name].label, "unit": TARGETS[name].unit}
            for name in dict.fromkeys(network["target"] for network in networks)
        ],
        "networks": [n | {"study": blinding.study_id(seed, n)} for n in networks],
        "records": {record: _record(cases, record) for record in ids},
        "review": _review(cases.results),
    }
    write_text(site / "data" / "records.js", f"ECG.records({script_json(content)});\n")


def _record(cases: Cases, record_id: str) -> dict:
    beat, fiducials, targets = cases.record(record_id)
    return {
        "beat": b64encode(np.asarray(beat).astype("<i2").tobytes()).decode(),
        "fiducials": [_number(mark) for mark in fiducials],
        "truth": {name: _number(value) for name, value in targets.items()},
    }


def _ranking(results: Results, target: str, model: int) -> list[dict]:
    """Methods by gain over random, best first, from ``aopc.csv``; empty where it does not tell."""
    if not results.aopc.is_file():
        return []
    table = pd.read_csv(results.aopc, keep_default_na=False)
    rows = table[(table["target"] == target) & (table["model"] == model)]
    rows = rows.sort_values("gain", ascending=False)
    return [
        {
            "method": row.method,
            "gain": float(row.gain),
            "verdict": str(row.beats_random) or "the floor",
        }
        for row in rows.itertuples()
    ]


def _review(results: Results) -> dict | None:
    """The answer in words and each method's tests in a line, from ``review.csv``; None without."""
    if not results.review.is_file():
        return None
    table = pd.read_csv(results.review)
    methods = [name for name in dict.fromkeys(table["method"]) if name != FLOOR]
    return {
        "answer": all_tests.answer(table, lambda name: METHOD_LABELS.get(name, name)),
        "tests": [[name, all_tests.one_line(table, name)] for name in methods],
    }


def _number(value: float) -> float | None:
    """A number for JSON, None for NaN."""
    return float(f"{value:.7g}") if np.isfinite(value) else None


def _rounded(curve: np.ndarray | None) -> list[float] | None:
    return None if curve is None else [float(f"{value:.5g}") for value in curve]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ecghelpers.views.offline_page RESULTS_FOLDER")
    print(build_site(sys.argv[1]))
