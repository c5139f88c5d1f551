"""The published procedure, and how robust its order of methods is to other ways of perturbing.

Noise is added to single samples, most relevant first, and the error of the prediction is recorded:
a good map makes it rise sooner than random numbers do. With ``operators`` the same is done with
every operator in both orders.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid
from torch import nn

from ..attribution import RANDOM
from ..data.maps_and_curves import Perturbation, read_perturbation
from ..data.medians import Medians
from ..ecg import TARGETS
from ..files import ResumeCache, array_digest, write_table
from ..network.checkpoints import weights_digest
from ..network.prediction import prepare_for_inference
from ..paths import CURVES, Results
from ..perturbation import OPERATORS, ORDERS, POINTS, perturbation_curve
from ..runtime import progress
from .controls import label
from .performance import check_finite
from .statistics import mean_interval, sign_flip_test, t_interval, verdicts

AUC_STEPS = (5, 10, 15, 25)
COLUMNS = (1, 3, 8, 20, 56, 283, 1428, POINTS)  # points perturbed under every operator
EMPTY = ("target", "model", "method", "aopc", "gain", "beats_random")  # of a table without networks


@dataclass(frozen=True)
class Procedure:
    """The settings of the published procedure.

    steps: single points perturbed one after the other; noise_fraction: σ as a fraction of the
    beat's range; operators: whether every operator is also applied, in both orders, at COLUMNS.
    """

    steps: int = 25
    noise_fraction: float = 0.2
    seed: int = 0
    operators: bool = False


def perturb(
    model: nn.Module,
    records: Medians,
    target: str,
    maps: Mapping[str, np.ndarray],
    path: str | Path,
    procedure: Procedure,
    donors: np.ndarray | None = None,
) -> Perturbation:
    """Follow the published procedure with every map; ``perturbation.h5`` holds the result.

    maps: method or control → (record, 12, 600); donors: (donor, 12, 600) µV for the operator
    ``other_record``. With thousands of records this takes hours: the curves of each finished map
    are cached beside path, and an interrupted call with the same beats, maps and weights resumes.
    """
    decides = {"target": target, **asdict(procedure), "weights": weights_digest(model.state_dict())}
    decides |= {"beats": array_digest(records.medians), "maps": array_digest(*maps.values())}
    cache = ResumeCache(path, decides | {"methods": list(maps)})
    model, *_ = prepare_for_inference(model)  # once, not for every curve
    beats = np.asarray(records.medians, np.float32)
    common = {"noise_fraction": procedure.noise_fraction, "seed": procedure.seed}
    common |= {"record_id": list(records.record_id), "donors": donors}
    ways = list(product(OPERATORS, ORDERS)) if procedure.operators else []
    prediction, operators = {}, {}
    with progress(len(maps), f"perturbing {target}") as bar:
        for method, values in maps.items():
            if (curves := cache.load(method)) is None:
                given = model, beats, values
                curves = {"": perturbation_curve(*given, steps=procedure.steps, **common)}
                for operator, order in ways:
                    how = {"operator": operator, "order": order, "steps": COLUMNS}
                    curves[f"{operator} {order}"] = perturbation_curve(*given, **how, **common)
                cache.save(method, **curves)
            prediction[method] = curves[""]
            operators |= {(method, *way): curves[" ".join(way)] for way in ways}
            bar.update()
    return Perturbation(
        record_id=records.record_id,
        truth=records.target(target),
        points=np.arange(procedure.steps + 1),
        prediction=prediction,
        operators=operators,
        columns=np.array(COLUMNS if ways else ()),
        attributes={
            "target": target,
            **asdict(procedure),
            "operator": "add_noise",
            "order": "morf",
        },
    )


def absolute_errors(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """|y - ŷ| in target unit: (record,) and (record, step + 1) → (record, step + 1)."""
    return np.abs(predictions.astype(np.float64) - truth[:, None])


def error_curves(
    truth: np.ndarray, predictions: Mapping[str, np.ndarray], groups: Sequence | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Method → mean absolute error against step with its 95 % interval: (mean, low, high)."""
    return {m: mean_interval(absolute_errors(truth, p), groups) for m, p in predictions.items()}


def area(curves: np.ndarray, steps: int) -> np.ndarray:
    """Area under curves (..., step + 1) from 0 to ``steps`` by the trapezium rule, per step.

    Dividing by the number of steps makes it the mean height, in the unit of the curve.
    """
    return trapezoid(curves[..., : steps + 1], axis=-1) / steps


def aopc(predictions: np.ndarray) -> np.ndarray:
    """Area over the perturbation curve of every record: mean over steps of |ŷ_k - ŷ_0|.

    Samek et al., IEEE TNNLS 28:2660, equation 12, with the absolute change of the prediction in
    place of a class score's drop: a measured value may err either way. (record, step + 1) →
    (record,) in target unit.
    """
    return np.abs(predictions[:, 1:] - predictions[:, :1]).mean(1, dtype=np.float64)


def perturbation_table(
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    target: str,
    sd: float,
    *,
    groups: Sequence | None = None,
) -> pd.DataFrame:
    """One row per method or control: AOPC, areas under the error curve, verdict against random.

    predictions: method → (record, step + 1), most relevant points first, random among them; sd: the
    target's SD; groups: (record,) patients. Columns ending in ``_low`` and ``_high`` are 95 %
    intervals over ECGs. gain: by how much the mean error over all steps lies above random's; p: of
    a sign-flip test; beats_random: "yes", "no" or "unclear", corrected for all methods (Holm).
    Raises ValueError for values that are not finite.
    """
    check_finite(truth=truth, **predictions)
    errors = {m: absolute_errors(truth, p) for m, p in predictions.items()}
    steps = errors[RANDOM].shape[1] - 1
    chance, tests, rows = area(errors[RANDOM], steps), {}, []
    for method, predicted in predictions.items():
        row = {"target": target, "method": method, "n": len(truth), "steps": steps, "sd": sd}
        row |= _with_interval("aopc", aopc(predicted), groups)
        row["aopc_sd"] = row["aopc"] / sd
        for count in sorted({min(k, steps) for k in AUC_STEPS}):
            row |= _with_interval(f"auc{count}", area(errors[method], count), groups)
        if method == RANDOM:
            row["gain"] = 0.0
        else:
            test = sign_flip_test(area(errors[method], steps) - chance, groups)
            row |= {"gain": test.mean, "gain_low": test.low, "gain_high": test.high, "p": test.p}
            tests[method] = test
        rows.append(row)
    answers = dict(zip(tests, verdicts(list(tests.values())), strict=True)) | {RANDOM: ""}
    table = pd.DataFrame(rows)
    return table.assign(beats_random=table.method.map(answers))


def _with_interval(name: str, values: np.ndarray, groups: Sequence | None) -> dict[str, float]:
    found = t_interval(values, groups)
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def verdict_sentence(table: pd.DataFrame) -> str:
    """The verdict of one target in words."""
    title, parts = TARGETS[table["target"].iloc[0]].label, []
    words = {"yes": "better than random", "unclear": "unclear", "no": "worse than random"}
    for answer, text in words.items():
        names = [label(m) for m in table.loc[table["beats_random"] == answer, "method"]]
        if names:
            parts.append(f"{text}: {', '.join(names)}")
    return f"{title}: " + "; ".join(parts) + "."


def gather_aopc(results: Results, sd: Mapping[str, float], data: Medians) -> pd.DataFrame:
    """Write ``aopc.csv`` from every ``perturbation.h5`` of a results folder and return it.

    sd: target → SD of its test values; data: whose records they are, patient by patient. Curves of
    a network that was replaced since are left out with a warning.
    """
    tables, group = [], dict(zip(data.record_id, data.groups, strict=True))
    for target, model in results.models(holding=CURVES):
        try:
            curves = read_perturbation(results.perturbation(target, model))
        except ValueError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            continue
        groups = [group.get(record, record) for record in curves.record_id]
        given = (curves.truth, curves.prediction, target, sd[target])
        table = perturbation_table(*given, groups=groups)
        table.insert(1, "model", model)
        tables.append(table)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=EMPTY)
    write_table(table, results.aopc)
    return table


def relevance_gains(perturbed: Perturbation, sd: float) -> pd.DataFrame:
    """Relevance gain of each map under each operator: method, operator, record_id, gain.

    The area under |ŷ - ŷ₀| over the logarithm of the number of points with the most relevant first
    minus the same with the least relevant first, in SD of the target. Zero on average for a map
    that does not depend on the network. Empty unless the operators were applied.
    """
    columns, tables = np.log(perturbed.columns), []
    for method, operator in {(m, o): None for m, o, _ in perturbed.operators}:
        start = perturbed.prediction[method][:, :1]
        first, last = (
            trapezoid(np.abs(perturbed.operators[method, operator, order] - start), columns)
            for order in ORDERS
        )
        gain = (first - last) / (columns[-1] - columns[0]) / sd
        row = {"method": method, "operator": operator, "record_id": perturbed.record_id}
        tables.append(pd.DataFrame(row | {"gain": gain}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
