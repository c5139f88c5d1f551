"""The content of the view as text and numbers, the same for the offline page and the widget."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from .. import __version__
from ..attribution import MEANINGS, METHODS, RANDOM, kind
from ..ecg import TARGETS
from ..evaluation import metrics
from ..evaluation.controls import AGAINST_MEAN, MEAN_MAP, label
from ..evaluation.effects import follows_definition
from ..evaluation.review import ALL, BLIND, TESTS, voided
from ..files import read_table
from ..formatting import format_number, interval
from ..paths import MAPS
from ..study.reading_study import Study, study_id
from .method_rows import in_order
from .printout import measurements
from .results_folder import INTERVENTION, Case, Cases

SOURCES = {
    "gan": "Generated ECGs (Pulse2Pulse GAN)",
    "12sl": "ECGs from a 12SL export",
    "hdf5": "ECGs from a folder of HDF5 files",
    "files": "ECGs from files",
    "wfdb": "ECGs from files",
}
READING = (
    "Paper: 25 mm/s and 10 mm/mV; a large box is 200 ms × 0.5 mV, a small one 40 ms × 0.1 mV, the "
    "pulse on the left 1 mV × 200 ms. P, QRS and T lie between dotted lines. QTc: QT / RR^(1/3) "
    "after Fridericia, QT / RR^½ after Bazett (RR in s); axes from the net areas in I and aVF."
)
SIGNS = (
    "Orange and blue mean up and down in contributions and sensitivities; in guided methods, "
    "random maps and interventions with other records colour means strength alone."
)
SLOPE = "the slope of the prediction against edits of the beat with a known effect."
LEVELS = 250  # of a map's values on either side of zero: 1.2 bytes a sample on the page
# Target → its lead, and the first and last of the fiducials that define it.
PLACES = {
    "VentRate": ("II", (2, 5)),
    "pr": ("II", (0, 2)),
    "qrs": ("II", (2, 3)),
    "qt": ("II", (2, 5)),
    "STJ_v5": ("V5", (2, 3)),
    "T_PeakAmpl_v5": ("V5", (3, 5)),
    "R_PeakAmpl_v5": ("V5", (2, 3)),
}
INTERVENTION_WORDS = {
    "label": "Intervention",
    "sentence": "The change in the prediction when a segment is replaced by other records' values.",
}
INTERVENTION_MEANINGS = {
    INTERVENTION: "Intervention: how far the prediction moves, up or down, when these 40 ms of "
    "this lead are replaced by those of other records (mean)",
    INTERVENTION + AGAINST_MEAN: "Intervention: how much higher (orange) or lower (blue) the "
    "prediction is than with these 40 ms of the average beat",
}
# The reading study
RATED = 2  # proposed, of one target: 20 maps, some five minutes
FIRST = "qt"  # the target proposed where it has maps
SECONDS_A_MAP = 12
SCALE = {1: "not at all", 5: "exactly there"}
QUESTION = "Does it mark where you would measure the {}?"
QUESTIONS = {
    "VentRate": "Does it mark the neighbouring beats, by which you would measure the heart rate?",
    "STJ_v5": "Does it mark where you would measure the J point in V5?",
}
POOL = 50  # records of a network that can be rated, as many as a page holds


def overview(cases: Cases, records: int = 50, seed: int = 1) -> dict:
    """Everything that can be chosen: methods, targets, networks, the review; JSON values.

    Raises ValueError without heatmaps.
    """
    networks = cases.networks(records)
    left_out = f"Not shown: {'; '.join(cases.left_out.values())}." if cases.left_out else ""
    if not networks:
        raise ValueError(
            f"{cases.results.root} holds no {MAPS}; run the heatmaps first. {left_out}".strip()
        )
    study = Study(networks, seed)
    networks = [network | {"study": study_id(seed, network)} for network in networks]
    source = str(cases.medians.attributes.get("source", ""))
    with_maps = {record for network in networks for record in network["records"]}
    words = {m: {"label": row.label, "sentence": row.sentence} for m, row in METHODS.items()}
    return {
        "version": __version__,
        "about": f"{SOURCES.get(source, source)}: {len(with_maps)} records, "
        f"{len(networks)} networks (version {__version__})",
        "left_out": left_out,
        "reading": READING,
        "seed": seed,
        "methods": {INTERVENTION: INTERVENTION_WORDS} | words,
        "targets": [_target(name) for name in dict.fromkeys(n["target"] for n in networks)],
        "networks": networks,
        "review": review(cases),
        "study": study_setup(study.networks),
    }


def study_setup(networks: Sequence[dict]) -> dict:
    """The questions of the reading study and the proposed settings; networks: of a Study."""
    targets = [network["target"] for network in networks]
    return {
        "questions": {t: QUESTIONS.get(t, QUESTION.format(TARGETS[t].label)) for t in targets},
        "scale": SCALE,
        "targets": [FIRST] if FIRST in targets else targets[:1],
        "records": min(RATED, max((len(n["records"]) for n in networks), default=1)),
        "pool": POOL,
        "seconds": SECONDS_A_MAP,
    }


def _target(name: str) -> dict:
    lead, edges = PLACES[name]
    target = {"name": name, "label": TARGETS[name].label, "unit": TARGETS[name].unit}
    return target | {"lead": lead, "edges": list(edges)}


def network_content(cases: Cases, network: dict) -> dict:
    """The content common to all records of a network: units, meanings, error, orders.

    network: its row of ``overview``.
    """
    place = target, _ = network["target"], network["model"]
    multiply = cases.settings(*place).get("multiply_by_inputs", True)
    kinds = {method: kind(method, multiply) for method in network["methods"]}
    units = {INTERVENTION: TARGETS[target].unit} | {m: cases.unit(*place, m) for m in kinds}
    return {
        "units": units,
        "meanings": {m: f"{what.capitalize()}: {MEANINGS[what]}" for m, what in kinds.items()}
        | INTERVENTION_MEANINGS,
        "signs": SIGNS,
        "adds_up": [method for method, what in kinds.items() if what == "contribution"],
        "test_mae": number(cases.test_error(*place)),
        "follows": _follows(cases, *place),
        "orders": _orders(cases, *place, network["records"]),
    }


def _follows(cases: Cases, target: str, model: int) -> dict | None:
    """Whether the network follows its target's definition; None without ``effects.csv``."""
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
    sums = [
        metrics.segment_sums(np.abs(values[rows]))
        for method, values in stored.maps.items()
        if method != RANDOM
    ]
    pairs = [metrics.spearman(*pair) for pair in combinations(sums, 2)]
    alike = np.nanmean(pairs, axis=0) if pairs else np.zeros(len(rows))
    return {
        "error": [ids[k] for k in np.argsort(-error, kind="stable")],
        "agreement": [ids[k] for k in np.argsort(alike, kind="stable")],
    }


def levels(values: np.ndarray) -> tuple[float, np.ndarray]:
    """A map as its largest |value|, and per sample sign · LEVELS · √(|value| / peak), rounded.

    The square root resolves small values, which decide the percentile at which colours saturate.
    Values are shown with two digits.
    """
    peak = float(np.abs(values).max(initial=0))
    fraction = np.abs(np.asarray(values, np.float64)) / (peak or 1)
    return peak, (np.sign(values) * np.rint(LEVELS * np.sqrt(fraction))).astype("<i2")


def case_content(cases: Cases, case: Case) -> dict:
    """The numbers of a record under a network, without its arrays."""
    record = case.record
    predicted = cases.predictions(case.record_id)
    values = record.targets, predicted, record.machine
    rows = measurements(record.beat_uv, record.fiducials, *values)
    numbers = ("value", "network", "machine")
    return {
        "fiducials": [number(mark) for mark in record.fiducials],
        "truth": number(case.truth),
        "prediction": number(case.prediction),
        "measurements": [row | {n: number(row[n]) for n in numbers} for row in rows],
        "program": record.program or "Electrocardiograph",
        "source": "median beat" + ("" if record.own and record.strip is None else " of 10 s"),
        "own": record.own,
        "outside": record.outside,
    }


def review(cases: Cases) -> dict | None:
    """The review: tests, methods and controls, and a cell for each target, method and test.

    None if ``review.csv`` is absent or holds no test of this version.
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
            for m in in_order(table.loc[table["target"] == ALL, "method"])
        ],
        "rows": rows,
    }


def _cell(row: dict) -> str:
    """A row of the review in words: value, interval, chance, n and verdict."""
    if not np.isfinite(row["value"]):
        return ""
    ends = interval(row["low"], row["high"])
    parts = [
        format_number(row["value"]) + (f" (95 % {ends})" if ends else ""),
        TESTS[row["test"]].unit,
        f"chance {format_number(row['chance'])}" if np.isfinite(row["chance"]) else "",
        f"n = {row['n']:.0f} {row['unit_of_n']}{'s' * (row['n'] != 1)}" if row.get("n") else "",
        row["verdict"],
    ]
    return "; ".join(filter(None, parts))


def number(value: float) -> float | None:
    """A number for JSON, None for NaN."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
