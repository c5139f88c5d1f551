"""The published verdict: AOPC and error curves of the original's procedure, and ``aopc.csv``."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid

from ..attribution import FLOOR
from ..config import Results
from ..data.maps_and_curves import read_perturbation
from ..data.medians import Medians
from ..ecg import TARGETS
from ..evaluation.performance import check_predictions
from ..files import write_table
from ..perturbation import ONE_BY_ONE
from ..statistics import bootstrap_weights, mean_interval, sign_flip_test, verdicts

AUC_STEPS = (5, 10, 15, 25)
EMPTY = ("target", "model", "method", "aopc", "gain", "beats_random")  # of a table without networks


def absolute_errors(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """|y - ŷ| in target unit: (record,) and (record, step + 1) → (record, step + 1)."""
    return np.abs(predictions.astype(np.float64) - truth[:, None])


def error_curves(
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    groups: Sequence | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Mean absolute error against step for every method, with its interval over ECGs.

    predictions: method → (record, step + 1); groups: (record,) patients. Returns method → (mean,
    low, high), each (step + 1,).
    """
    weights = bootstrap_weights(len(truth), groups=groups)
    return {m: mean_interval(absolute_errors(truth, p), weights) for m, p in predictions.items()}


def area(curves: np.ndarray, steps: int) -> np.ndarray:
    """Area under curves (..., step + 1) from 0 to `steps` by the trapezium rule, per step.

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
    order: str = "morf",
    floor: np.ndarray | None = None,
    groups: Sequence | None = None,
) -> pd.DataFrame:
    """One row a method: AOPC, areas under the error curve, and the verdict against random.

    predictions: method → (record, step + 1), points perturbed in this order: a good map makes the
    error rise sooner than random's where the most relevant come first (``morf``), later where the
    least relevant do (``lerf``). floor: (draw, record, step + 1) of several random maps, whose mean
    error is what to beat; the curve of ``random`` alone if not given. sd: the target's SD, for
    comparison between targets. groups: (record,) patients. Columns ending in ``_low`` and ``_high``
    are 95 % intervals over ECGs. gain: by how much the mean error over all steps lies on the right
    side of random's; p: of a sign-flip test; beats_random: "yes", "no" or "unclear", corrected for
    all methods (Holm). Raises ValueError for other shapes, and for values that are not finite.
    """
    check_predictions(truth, predictions)
    if floor is not None:
        check_predictions(truth, {f"draw {n} of the floor": p for n, p in enumerate(floor)})
    weights = bootstrap_weights(len(truth), groups=groups)
    steps = next(iter(predictions.values())).shape[1] - 1
    errors = {m: absolute_errors(truth, p) for m, p in predictions.items()}
    common = {"order": order, "n": len(truth), "steps": steps, "sd": sd}
    table = pd.DataFrame(
        {"target": target, "method": method, **common}
        | _measures(predicted, errors[method], sd, weights)
        for method, predicted in predictions.items()
    )
    if FLOOR in errors:
        draws = [errors[FLOOR]] if floor is None else [absolute_errors(truth, p) for p in floor]
        chance = np.mean([area(draw, steps) for draw in draws], axis=0)
        side = 1 if order == "morf" else -1
        gains = {m: side * (area(e, steps) - chance) for m, e in errors.items()}
        table = table.merge(_against_chance(gains, groups), on="method")
    return table


def _measures(
    predicted: np.ndarray, errors: np.ndarray, sd: float, weights: np.ndarray
) -> dict[str, float]:
    """AOPC and the areas under the error curve of one method, with their intervals."""
    row = _with_interval("aopc", aopc(predicted), weights)
    row["aopc_sd"] = row["aopc"] / sd
    steps = predicted.shape[1] - 1
    for count in sorted({min(k, steps) for k in AUC_STEPS}):
        row |= _with_interval(f"auc{count}", area(errors, count), weights)
    return row


def published_table(perturbed, target: str, sd: float, groups=None) -> pd.DataFrame:
    """perturbation_table of the original's procedure: noise on 1 to 25 points, most relevant first.

    perturbed: the content of ``perturbation.h5``.
    """
    single = slice(0, ONE_BY_ONE + 1)
    floor = None if perturbed.floor is None else perturbed.floor[..., single]
    curves = {method: curve[:, single] for method, curve in perturbed.prediction.items()}
    return perturbation_table(perturbed.truth, curves, target, sd, floor=floor, groups=groups)


def _against_chance(gains: Mapping[str, np.ndarray], groups: Sequence | None) -> pd.DataFrame:
    """gain, its interval, p and verdict of every method but the floor; gains: (record,) each."""
    tests = {m: sign_flip_test(g, groups) for m, g in gains.items() if m != FLOOR}
    answers = dict(zip(tests, verdicts(list(tests.values())), strict=True))
    rows = [
        {"method": m, "gain": test.mean, "gain_low": test.low, "gain_high": test.high, "p": test.p}
        for m, test in tests.items()
    ]
    rows.append({"method": FLOOR, "gain": float(gains[FLOOR].mean())})
    table = pd.DataFrame(rows)
    return table.assign(beats_random=table["method"].map(answers).fillna(""))


def _with_interval(name: str, values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    mean, low, high = mean_interval(values, weights)
    return {name: float(mean), f"{name}_low": float(low), f"{name}_high": float(high)}


def verdict_sentence(table: pd.DataFrame, label) -> str:
    """The verdict of one target in words. label: method name → what people call it."""
    title = TARGETS[table["target"].iloc[0]].label
    parts = []
    for answer, words in (
        ("yes", "better than random"),
        ("unclear", "not told apart from random"),
        ("no", "worse than random"),
    ):
        names = [label(m) for m in table.loc[table["beats_random"] == answer, "method"]]
        if names:
            parts.append(f"{words}: {', '.join(names)}")
    return f"{title} — " + "; ".join(parts) + "."


def gather_aopc(results: Results, sd: dict[str, float], data: Medians) -> pd.DataFrame:
    """Write ``aopc.csv`` from every ``perturbation.h5`` of a results folder and return it.

    It tells the original's procedure: noise on single samples, most relevant first, 1 to 25 points.
    sd: target → SD of its test values; data: whose records they are, patient by patient.
    """
    tables, group = [], dict(zip(data.record_id, data.groups, strict=True))
    for target, model in results.models():
        path = results.perturbation(target, model)
        if path.is_file():
            curves = read_perturbation(path)
            groups = [group.get(record, record) for record in curves.record_id]
            table = published_table(curves, target, sd[target], groups)
            table.insert(1, "model", model)
            tables.append(table)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=EMPTY)
    write_table(table, results.aopc)
    return table
