"""The view's content in words and numbers: the same for the offline page and the widget."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from .. import __version__
from ..attribution import MEANINGS, METHODS, RANDOM, kind
from ..ecg import TARGETS
from ..evaluation.controls import MEAN_MAP, label
from ..evaluation.effects import follows_definition
from ..evaluation.readouts import KINDS
from ..evaluation.review import BLIND, NO_METHOD, TESTS, voided
from ..files import read_table
from ..study import for_views
from ..study.marks import study_id
from ..study.reading_study import Study
from . import beat_edits
from .case import INTERVENTION, Case
from .printout import measurements
from .results_folder import KNOWN_READOUT, Cases

SOURCES = {
    "gan": "Generated ECGs (Pulse2Pulse GAN)",
    "12sl": "ECGs from a 12SL export",
    "hdf5": "ECGs from a folder of HDF5 files",
    "wfdb": "ECGs from WFDB records",
}
READING = (
    "Paper: 25 mm/s and 10 mm/mV; a large box is 200 ms × 0.5 mV, a small one 40 ms × 0.1 mV, the "
    "pulse on the left 1 mV × 200 ms. P, QRS and T lie between dotted lines. QTc: QT / RR^(1/3) "
    "after Fridericia, QT / RR^½ after Bazett (RR in s); axes from the net areas in I and aVF."
)
SIGNS = (
    "Orange and blue mean up and down in contributions and sensitivities; in guided methods, "
    "random maps and interventions by other records colour means strength alone."
)
MEDIAN_OF_10_S, MEDIAN = "median beat of a 10 s ECG", "median beat"
BYTE, WORD = 127, 32767  # levels of a map's values, on either side of zero
SEGMENT_SAMPLES = 20  # over which maps are summed before they are compared
VERDICTS = ("passes", "fails", "unclear")
# Target → its lead, and the fiducials that define it.
PLACES = {"VentRate": ("II", (2, 5)), "pr": ("II", (0, 2)), "qrs": ("II", (2, 3))}
PLACES |= {"qt": ("II", (2, 5)), "STJ_v5": ("V5", (2, 3))}
PLACES |= {"T_PeakAmpl_v5": ("V5", (3, 5)), "R_PeakAmpl_v5": ("V5", (2, 3))}
INTERVENTION_WORDS = {
    "label": "Intervention",
    "sentence": "What changes the prediction when a segment is replaced by other records' values.",
    "style": ["#000000", "solid"],
}


def overview(cases: Cases, records: int = 50, seed: int = 1) -> dict:
    """Everything that can be chosen: methods, targets, networks, the review; JSON values."""
    networks = cases.networks(records)
    shown = ("target", "model", "records", "methods", "intervention", "baselines")
    rated = [
        {name: n[name] for name in shown} | {"study": study_id(seed, n), "planted": False}
        for n in networks
    ]
    known = [n | {"study": None, "planted": True} for n in cases.known_readouts(records)]
    source = str(cases.medians.attributes.get("source", ""))
    names = dict.fromkeys(n["target"] for n in [*rated, *known])
    with_maps = {record for n in rated for record in n["records"]}
    return {
        "version": __version__,
        "about": f"{SOURCES.get(source, source)}: {len(with_maps)} records, {len(rated)} networks "
        f"(version {__version__}){_left_out(cases)}",
        "reading": READING,
        "seed": seed,
        "methods": {INTERVENTION: INTERVENTION_WORDS}
        | {
            name: {"label": row.label, "sentence": row.sentence, "style": [row.colour, row.dash]}
            for name, row in METHODS.items()
        },
        "targets": [_target(name) for name in names],
        "networks": [*rated, *known],
        "review": review(cases),
        "study": for_views.setup(Study(networks, seed).networks),
    }


def _left_out(cases: Cases) -> str:
    """The files that are not shown, in words; "" if all are."""
    files = ", ".join(cases.left_out)
    return f"; not shown, because damaged or of other networks or records: {files}" if files else ""


def _target(name: str) -> dict:
    lead, edges = PLACES.get(name, ("V5", (2, 5)))
    if name.startswith(KNOWN_READOUT):
        known = KINDS[name.removeprefix(KNOWN_READOUT)]
        title, unit = f"Known readout: {known.label}", known.unit
    else:
        title, unit = TARGETS[name].label, TARGETS[name].unit
    place = {"lead": lead, "edges": list(edges)}
    return {"name": name, "label": title, "unit": unit, "digits": 0} | place


def network_content(cases: Cases, target: str, model: int, network: dict) -> dict:
    """What holds for every record of a network: what colours mean, its error, orders, edits.

    network: its row of ``overview``.
    """
    multiply = cases.settings(target, model).get("multiply_by_inputs", True)
    methods = [method for method in network["methods"] if method in METHODS]
    kinds = {method: kind(method, multiply) for method in methods}
    known, unit = network["planted"], "" if network["planted"] else TARGETS[target].unit
    meanings = {m: f"{what.capitalize()}: {MEANINGS[what]}" for m, what in kinds.items()}
    return {
        "units": {m: cases.unit(target, model, m) for m in methods} | {INTERVENTION: unit},
        "meanings": meanings | _intervention_meanings(),
        "signs": SIGNS,
        "adds_up": [method for method, what in kinds.items() if what == "contribution"],
        "planted": known,
        "test_mae": None if known else number(cases.test_error(target, model)),
        "follows": None if known else _follows(cases, target, model),
        "orders": {} if known else _orders(cases, target, model, network["records"]),
        "edits": [] if known else beat_edits.specifications(target, only_own=False),
    }


def _intervention_meanings() -> dict[str, str]:
    return {
        INTERVENTION: "Intervention: how far the prediction moves, up or down, when these 40 ms of "
        "this lead are replaced by those of other records (mean)",
        f"{INTERVENTION}|mean": "Intervention: how much higher (orange) or lower (blue) the "
        "prediction is than with these 40 ms of the average beat",
    }


def _follows(cases: Cases, target: str, model: int) -> dict | None:
    """Whether the network follows the target's definition, of ``effects.csv``; None without."""
    path = cases.results.effects(target, model)
    if not path.is_file():
        return None
    _, sentence = follows_definition(pd.read_csv(path))
    title = "Slope of the prediction against edits of the beat with a known effect; 1 is ideal."
    return {"text": sentence, "title": title}


def _orders(cases: Cases, target: str, model: int, ids: list[str]) -> dict[str, list[str]]:
    """The records by error, largest first, and by the agreement of their maps, lowest first."""
    stored = cases.attributions(target, model)
    rows = [list(stored.record_id).index(record) for record in ids]
    error = np.nan_to_num(np.abs(stored.prediction - stored.truth)[rows], nan=-1)
    maps = [values[rows] for method, values in stored.maps.items() if method != RANDOM]
    alike = [agreement([values[k] for values in maps]) for k in range(len(rows))]
    return {
        "error": [ids[k] for k in np.argsort(-error, kind="stable")],
        "agreement": [ids[k] for k in np.argsort(alike, kind="stable")],
    }


def agreement(maps: list[np.ndarray]) -> float:
    """The mean rank correlation between maps (12, 600), each summed as |values| per segment."""
    if len(maps) < 2:
        return 1.0
    sums = [np.abs(m).reshape(len(m), -1, SEGMENT_SAMPLES).sum(2).ravel() for m in maps]
    ranks = [rankdata(values) for values in sums if values.any()]
    pairs = [float(np.corrcoef(a, b)[0, 1]) for a, b in combinations(ranks, 2)]
    return float(np.mean(pairs)) if pairs else 0.0


def levels(values: np.ndarray, most: int = WORD) -> tuple[float, np.ndarray]:
    """A map as its largest |value|, and a whole number a sample: sign · most · √(|value| / peak).

    The square root keeps small values apart, on which the percentile of the colours rests.
    """
    peak = float(np.abs(values).max(initial=0))
    fraction = np.abs(np.asarray(values, np.float64)) / (peak or 1)
    stored = np.sign(values) * np.rint(most * np.sqrt(fraction))
    return peak, stored.astype("<i2" if most == WORD else "<i1")


def as_stored(values: np.ndarray, most: int = WORD) -> np.ndarray:
    """A map as the page has it from its levels, so that every host shows the same numbers."""
    peak, stored = levels(values, most)
    steps = stored.astype(np.float64)
    return (steps * np.abs(steps) * (peak / most**2)).astype(np.float32)


def case_content(cases: Cases, case: Case) -> dict:
    """The numbers of a record under a network but for its arrays."""
    own = cases.own.get(case.record_id)
    if not np.isfinite(case.prediction):
        case.prediction = cases.predicted(case)
    if case.target.startswith(KNOWN_READOUT):
        row = {"value": case.truth, "network": case.prediction, "machine": np.nan}
        rows, outside = [_target(case.target) | row], ""
    else:
        targets = cases.record(case.record_id)[2]
        machine = cases.machine(case.record_id)
        predicted = cases.predictions(case.record_id)
        rows = measurements(case.beat_uv, case.fiducials, targets, predicted, machine)
        outside = cases.known_range.outside(case.beat_uv, targets) if own else ""
    numbers = ("value", "network", "machine")
    return {
        "fiducials": [number(mark) for mark in case.fiducials],
        "truth": number(case.truth),
        "prediction": number(case.prediction),
        "measurements": [row | {n: number(row[n]) for n in numbers} for row in rows],
        "source": MEDIAN if own and own.strip is None else MEDIAN_OF_10_S,
        "own": own is not None,
        "outside": outside,
    }


def review(cases: Cases) -> dict | None:
    """The table of ``review.csv``: tests, control maps, and a cell a target, method and test."""
    table = review_table(cases)
    if table is None or not len(table):
        return None
    names = [test for test in TESTS if test in set(table["test"])]
    names += [test for test in dict.fromkeys(table["test"]) if test not in TESTS]
    rows: dict[str, dict] = {}
    for row in table.to_dict("records"):
        cell = {"verdict": row["verdict"] if row["verdict"] in VERDICTS else "", "text": _cell(row)}
        rows.setdefault(row["target"], {}).setdefault(row["method"], {})[row["test"]] = cell
    controls = {m: _row_label(m) for m in dict.fromkeys(table["method"]) if m in NO_METHOD}
    others = {m: label(m) for m in dict.fromkeys(table["method"]) if m not in METHODS}
    tests = [
        {"name": n, "label": TESTS[n].label, "question": TESTS[n].question}
        if n in TESTS
        else {"name": n, "label": n.replace("_", " "), "question": ""}
        for n in names
    ]
    void = {test: [label(m) for m in passed] for test, passed in voided(table).items()}
    return {"tests": tests, "rows": rows, "controls": controls, "labels": others, "void": void}


def _row_label(method: str) -> str:
    """A control map is called one; the true map and the ceiling are none."""
    return label(method) + (" (control)" if method in (*BLIND, MEAN_MAP) else "")


def _cell(row: dict) -> str:
    """A row of the review in words: value, interval, chance and n."""
    test, parts = TESTS.get(row["test"]), []
    if not np.isfinite(row["value"]):
        return ""
    ends = "" if not np.isfinite(row["low"]) else f" (95 % {row['low']:.2f} to {row['high']:.2f})"
    parts.append(f"{row['value']:.2f}{ends}" + (f", {test.unit}" if test else ""))
    if np.isfinite(row["chance"]):
        parts.append(f"chance {row['chance']:.2f}")
    if "n" in row and np.isfinite(row["n"]):
        parts.append(f"n = {row['n']:.0f} {row.get('unit_of_n', '')}".strip())
    return "; ".join([*parts, row["verdict"]] if row["verdict"] else parts)


def review_table(cases: Cases) -> pd.DataFrame | None:
    """``review.csv``, None where the tests have not been put together yet."""
    path = cases.results.review
    words, numbers = ["target", "method", "test", "verdict"], ["value", "low", "high", "chance"]
    if not path.is_file():
        return None
    return read_table(path, words, numbers).fillna({"verdict": ""})


def number(value: float) -> float | None:
    """A number for JSON, None for NaN."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
