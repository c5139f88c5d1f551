"""What the view is told, in words and numbers: the same for the offline page and the widget."""

import numpy as np
import pandas as pd

from .. import __version__
from ..attribution import FLOOR, MEANINGS, METHODS, kind
from ..ecg import TARGETS
from ..evaluation import review_words
from ..evaluation.readouts import KINDS
from ..files import read_table
from ..study import for_views
from ..study.marks import study_id
from ..study.reading_study import Study
from ..written import interval, written
from .case import Case
from .printout import measurements
from .results_folder import PLANTED, Cases

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
    "Orange and blue: up and down in contributions and sensitivities; in guided methods and "
    "random, colour means strength alone."
)
BYTE, WORD = 127, 32767  # levels of a map's values, on either side of zero
THAN_RANDOM = ("worse", "not told apart", "better")
VERDICTS = {"passes": "better", "fails": "worse", "yes": "better", "no": "worse"}


def overview(cases: Cases, records: int = 50, seed: int = 1) -> dict:
    """What there is: methods, targets, networks with their records, the review; JSON values."""
    networks = cases.networks(records)
    rated = [
        {name: n[name] for name in ("target", "model", "records", "methods")}
        | {"study": study_id(seed, n), "planted": False}
        for n in networks
    ]
    planted = [n | {"study": None, "planted": True} for n in cases.planted_networks(records)]
    names = list(dict.fromkeys(n["target"] for n in [*rated, *planted]))
    source = str(cases.medians.attributes.get("source", ""))
    with_maps = {record for n in rated for record in n["records"]}
    return {
        "version": __version__,
        "about": f"{SOURCES.get(source, source)}: {len(with_maps)} records, {len(rated)} networks "
        f"(version {__version__})",
        "beat": "Median beat of a 10 s ECG",
        "reading": READING,
        "seed": seed,
        "methods": {
            name: {"label": row.label, "sentence": row.sentence, "style": [row.colour, row.dash]}
            for name, row in METHODS.items()
        },
        "targets": [_target(name) for name in names],
        "networks": [*rated, *planted],
        "review": review(cases),
        "study": for_views.setup(
            Study(networks, seed).networks, review_table(cases), cases.patients
        ),
    }


def _target(name: str) -> dict:
    if name.startswith(PLANTED):
        known = KINDS[name.removeprefix(PLANTED)]
        label, unit = f"Known readout: {known.label}", known.unit
    else:
        label, unit = TARGETS[name].label, TARGETS[name].unit
    return {"name": name, "label": label, "unit": unit, "digits": 0}


def network_content(cases: Cases, target: str, model: int, methods) -> dict:
    """What holds for every record of a network: what colours mean, its error, the ranking."""
    multiply = cases.settings(target, model).get("multiply_by_inputs", True)
    units = {method: cases.unit(target, model, method) for method in methods if method in METHODS}
    meanings = {}
    for method in units:
        what = kind(method, multiply)
        meanings[method] = f"{what.capitalize()}: {MEANINGS[what]}"
    planted = target.startswith(PLANTED)
    return {
        "units": units,
        "meanings": meanings,
        "signs": SIGNS,
        "planted": planted,
        "test_mae": None if planted else number(cases.test_error(target, model)),
        "ranking": _of_known(cases, target) if planted else _of_network(cases, target, model),
    }


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
    if case.target.startswith(PLANTED):
        rows = [_target(case.target) | {"value": case.truth}]
    else:
        rows = measurements(case.beat_uv, case.fiducials, cases.record(case.record_id)[2])
    if not np.isfinite(case.prediction):
        case.prediction = cases.predicted(case)
    return {
        "fiducials": [number(mark) for mark in case.fiducials],
        "truth": number(case.truth),
        "prediction": number(case.prediction),
        "measurements": [row | {"value": number(row["value"])} for row in rows],
        "points": [int(count) for count in case.points],
        "curves": {m: [float(f"{v:.5g}") for v in curve] for m, curve in case.curves.items()},
    }


def _of_network(cases: Cases, target: str, model: int) -> dict:
    """Methods by their agreement with interventions (review.csv), else by ``aopc.csv``."""
    title, count = "Does a map show what the network uses?", cases.perturbed_records(target, model)
    if cases.results.review.is_file():
        table = review_table(cases)
        rows = table[(table.target == target) & (table.test == "change")]
        if len(rows):
            note = (
                "Rank correlation of a map with the intervention map (how far the prediction moves "
                f"when a segment is replaced by another ECG's), mean over {count} test ECGs. "
                f"{_interval(count)}"
            )
            methods = rows[["method", "value", "low", "high", "verdict"]].itertuples(index=False)
            return _ranking(title, "Agreement", note, list(methods))
    if cases.results.aopc.is_file():
        table = read_table(cases.results.aopc, ["target", "method"], ["model", "gain"])
        rows = table[(table.target == target) & (table.model == model) & (table.method != FLOOR)]
        if len(rows):
            columns = ["method", "gain", "gain_low", "gain_high", "beats_random"]
            rows = rows.reindex(columns=columns)
            note = (
                "Gain: how much more than with random maps the error grows while noise is added to "
                f"the points that a map marks most; mean over {count} test ECGs. {_interval(count)}"
            )
            methods = rows.itertuples(index=False)
            return _ranking(title, f"Gain ({TARGETS[target].unit})", note, list(methods))
    return {"title": title, "columns": [], "rows": [], "note": "Not tested yet for this network."}


def _interval(count: int) -> str:
    return (
        f"95 %: had {count} other ECGs of this kind been taken again and again, 95 of 100 such "
        "intervals would hold the true mean."
    )


def _ranking(title: str, measure: str, note: str, methods: list) -> dict:
    """Rows by their value, best first, with the verdict that the table gives them."""
    methods = sorted(methods, key=lambda row: -row[1])
    most = max((abs(row[1]) for row in methods), default=0)
    form = f".{2 if most < 10 else 1 if most < 100 else 0}f"
    rows = []
    for method, value, low, high, verdict in methods:
        ends = interval(low, high, form, "–")
        rows.append([method, written(value, form), ends, VERDICTS.get(verdict, "unclear")])
    if rows and FLOOR not in [row[0] for row in rows]:
        above = sum(row[1] > 0 for row in methods)
        rows.insert(above, [FLOOR, "0", "", "the floor itself"])
    columns = [["Method", False], [measure, True], ["95 %", True], ["Than random", False]]
    return {"title": title, "columns": columns, "rows": rows, "note": note}


def _of_known(cases: Cases, target: str) -> dict:
    """Methods by how much of a known readout's truth the points hold that they mark most."""
    kind = target.removeprefix(PLANTED)
    title, columns = "Do the maps find the known truth?", ["Method", False]
    path = cases.results.planted_scores
    if not path.is_file():
        return {"title": title, "columns": [], "rows": [], "note": "Not tested yet."}
    table = read_table(path, ["kind", "score", "method"], ["value"])
    score = "marker" if KINDS[kind].needs_qt else "contribution"
    part = table[(table.kind == kind) & (table.score == score)].sort_values("value")[::-1]
    rows = [[row.method, written(row.value)] for row in part.itertuples() if row.method in METHODS]
    note = (
        "Share of the truth that lies at the points which a map marks most; 0 by chance, 1 for the "
        "true map. One network; many are compared in the review."
    )
    return {"title": title, "columns": [columns, ["Share", True]], "rows": rows, "note": note}


def review(cases: Cases) -> dict | None:
    """The answer in words and each method's tests in a line, from ``review.csv``; None without."""
    table = review_table(cases)
    if table is None:
        return None
    methods = [name for name in dict.fromkeys(table["method"]) if name != FLOOR]
    return {
        "answer": review_words.answer(table),
        "tests": [[name, review_words.one_line(table, name)] for name in methods],
    }


def _label(method: str) -> str:
    return METHODS[method].label if method in METHODS else method


def review_table(cases: Cases) -> pd.DataFrame | None:
    """``review.csv``, None where the tests have not been put together yet."""
    path = cases.results.review
    words, numbers = ["target", "method", "test", "verdict"], ["value", "low", "high", "chance"]
    return read_table(path, words, numbers) if path.is_file() else None


def number(value: float) -> float | None:
    """A number for JSON, None for NaN."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
