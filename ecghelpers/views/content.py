"""The view's content in words and numbers: the same for the offline page and the widget."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from .. import __version__
from ..attribution import MEANINGS, METHODS, RANDOM, kind
from ..ecg import TARGETS
from ..evaluation.controls import AGAINST_MEAN, MEAN_MAP, label
from ..evaluation.effects import follows_definition
from ..evaluation.readouts import KINDS
from ..evaluation.review import ALL, BLIND, TESTS, voided
from ..files import read_table
from ..formatting import format_number, interval
from ..paths import MAPS
from ..study import for_views
from ..study.marks import study_id
from ..study.reading_study import Study
from . import beat_edits
from .printout import measurements
from .results_folder import INTERVENTION, KNOWN_READOUT, Case, Cases
from .review_figures import methods_of

SOURCES = {
    "gan": "Generated ECGs (Pulse2Pulse GAN)",
    "12sl": "ECGs from a 12SL export",
    "hdf5": "ECGs from a folder of HDF5 files",
    "files": "ECGs from files",
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
SLOPE = "the slope of the prediction against edits of the beat with a known effect."
BYTE, WORD = 127, 32767  # levels of a map's values, on either side of zero
SEGMENT_SAMPLES = 20  # over which maps are summed before they are compared
# Target → its lead, and the fiducials that define it.
PLACES = {"VentRate": ("II", (2, 5)), "pr": ("II", (0, 2)), "qrs": ("II", (2, 3))}
PLACES |= {"qt": ("II", (2, 5)), "STJ_v5": ("V5", (2, 3))}
PLACES |= {"T_PeakAmpl_v5": ("V5", (3, 5)), "R_PeakAmpl_v5": ("V5", (2, 3))}
INTERVENTION_WORDS = {
    "label": "Intervention",
    "sentence": "The change of the prediction when a segment is replaced by other records' values.",
}
INTERVENTION_MEANINGS = {
    INTERVENTION: "Intervention: how far the prediction moves, up or down, when these 40 ms of "
    "this lead are replaced by those of other records (mean)",
    INTERVENTION + AGAINST_MEAN: "Intervention: how much higher (orange) or lower (blue) the "
    "prediction is than with these 40 ms of the average beat",
}


def overview(cases: Cases, records: int = 50, seed: int = 1) -> dict:
    """Everything that can be chosen: methods, targets, networks, the review; JSON values.

    Raises ValueError without heatmaps.
    """
    rated, known = cases.networks(records), cases.known_readouts(records)
    left_out = f"Not shown: {'; '.join(cases.left_out.values())}." if cases.left_out else ""
    if not rated:
        raise ValueError(
            f"{cases.results.root} holds no {MAPS}; run the heatmaps first. {left_out}".strip()
        )
    networks = [network | {"study": study_id(seed, network)} for network in rated]
    networks += [network | {"study": None} for network in known]
    source = str(cases.medians.attributes.get("source", ""))
    with_maps = {record for network in rated for record in network["records"]}
    words = {m: {"label": row.label, "sentence": row.sentence} for m, row in METHODS.items()}
    return {
        "version": __version__,
        "about": f"{SOURCES.get(source, source)}: {len(with_maps)} records, {len(rated)} networks "
        f"(version {__version__})",
        "left_out": left_out,
        "reading": READING,
        "seed": seed,
        "methods": {INTERVENTION: INTERVENTION_WORDS} | words,
        "targets": [_target(name) for name in dict.fromkeys(n["target"] for n in networks)],
        "networks": networks,
        "review": review(cases),
        "study": for_views.setup(Study(rated, seed).networks),
    }


def _target(name: str) -> dict:
    lead, edges = PLACES.get(name, ("V5", (2, 5)))
    if name.startswith(KNOWN_READOUT):
        known = KINDS[name.removeprefix(KNOWN_READOUT)]
        title, unit = f"Known readout: {known.label}", known.unit
    else:
        title, unit = TARGETS[name].label, TARGETS[name].unit
    return {"name": name, "label": title, "unit": unit, "lead": lead, "edges": list(edges)}


def network_content(cases: Cases, target: str, model: int, network: dict) -> dict:
    """The content common to all records of a network: units, meanings, error, orders, edits.

    network: its row of ``overview``.
    """
    multiply = cases.settings(target, model).get("multiply_by_inputs", True)
    kinds = {method: kind(method, multiply) for method in network["methods"]}
    content = {
        "units": {m: cases.unit(target, model, m) for m in kinds},
        "meanings": {m: f"{what.capitalize()}: {MEANINGS[what]}" for m, what in kinds.items()}
        | INTERVENTION_MEANINGS,
        "signs": SIGNS,
        "adds_up": [method for method, what in kinds.items() if what == "contribution"],
        "planted": network["planted"],
    }
    if network["planted"]:
        return content | {"test_mae": None, "follows": None, "orders": {}, "edits": []}
    content["units"][INTERVENTION] = TARGETS[target].unit
    return content | {
        "test_mae": number(cases.test_error(target, model)),
        "follows": _follows(cases, target, model),
        "orders": _orders(cases, target, model, network["records"]),
        "edits": beat_edits.specifications(target),
    }


def _follows(cases: Cases, target: str, model: int) -> dict | None:
    """Whether the network follows the target's definition, of ``effects.csv``; None without."""
    path = cases.results.effects(target, model)
    if not path.is_file():
        return None
    _, sentence = follows_definition(pd.read_csv(path))
    return {"text": sentence.split(" (")[0], "title": f"{sentence}, {SLOPE}"}


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
    """A map as its largest |value|, and a whole number per sample: sign · most · √(|value| / peak).

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
    """The numbers of a record under a network, without its arrays."""
    own, outside, program = cases.own.get(case.record_id), "", ""
    if case.target.startswith(KNOWN_READOUT):
        values = {"value": case.truth, "network": case.prediction, "machine": np.nan}
        rows = [_target(case.target) | values]
    else:
        targets = cases.record(case.record_id)[2]
        program, machine = cases.machine(case.record_id)
        predicted = cases.predictions(case.record_id)
        rows = measurements(case.beat_uv, case.fiducials, targets, predicted, machine)
        outside = cases.known_range.outside(case.beat_uv, targets) if own else ""
    numbers = ("value", "network", "machine")
    return {
        "fiducials": [number(mark) for mark in case.fiducials],
        "truth": number(case.truth),
        "prediction": number(case.prediction),
        "measurements": [row | {n: number(row[n]) for n in numbers} for row in rows],
        "program": program or "Electrocardiograph",
        "source": "median beat" + ("" if own and own.strip is None else " of 10 s"),
        "own": own is not None,
        "outside": outside,
    }


def review(cases: Cases) -> dict | None:
    """The table of ``review.csv``: tests, methods and controls, a cell for each target, method and
    test.

    None without the tests of this version.
    """
    path, words = cases.results.review, ["target", "method", "test", "verdict"]
    if not path.is_file():
        return None
    table = read_table(path, words, ["value", "low", "high", "chance"])
    table = table[table["test"].isin(TESTS)].fillna({"verdict": ""})
    if table.empty:
        return None
    rows: dict[str, dict] = {}
    for row in table.to_dict("records"):
        cell = {"verdict": row["verdict"], "text": _cell(row)}
        rows.setdefault(row["target"], {}).setdefault(row["method"], {})[row["test"]] = cell
    void = {test: ", ".join(map(label, passed)) for test, passed in voided(table).items()}
    return {
        "tests": [
            {"name": n, "label": n, "question": t.question, "void": void.get(n, "")}
            for n, t in TESTS.items()
            if n in set(table["test"])
        ],
        "methods": [
            {"name": m, "label": label(m), "control": m in (*BLIND, MEAN_MAP)}
            for m in methods_of(table[table["target"] == ALL])
        ],
        "rows": rows,
    }


def _cell(row: dict) -> str:
    """A row of the review in words: value, interval, chance, n and verdict."""
    if not np.isfinite(row["value"]):
        return ""
    ends = interval(row["low"], row["high"], ".2f")
    parts = [
        format_number(row["value"]) + (f" (95 % {ends})" if ends else ""),
        TESTS[row["test"]].unit,
        f"chance {format_number(row['chance'])}" if np.isfinite(row["chance"]) else "",
        f"n = {row['n']:.0f} {row['unit_of_n']}" if row.get("n") else "",
        row["verdict"],
    ]
    return "; ".join(filter(None, parts))


def number(value: float) -> float | None:
    """A number for JSON, None for NaN."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
