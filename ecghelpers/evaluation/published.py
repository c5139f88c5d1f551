"""The published procedure, and other ways of perturbing.

Noise is added to single samples, most relevant first, and the error of the prediction is recorded:
a good map makes it rise sooner than random numbers do. With ``operators`` the same is done with
every operator in both orders.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid
from torch import nn

from ..attribution import RANDOM
from ..data.maps_and_curves import Perturbation
from ..data.medians import Medians
from ..files import ResumeCache, array_digest
from ..network.checkpoints import weights_digest
from ..network.prediction import prepare_for_inference
from ..perturbation import OPERATORS, ORDERS, POINTS, perturbation_curve
from ..runtime import progress
from .performance import check_finite
from .statistics import sign_flip_test, t_interval, verdicts

AUC_STEPS = (5, 10, 15, 25)
COLUMNS = (1, 3, 8, 20, 56, 283, 1428, POINTS)  # points perturbed under every operator


def perturb(
    model: nn.Module,
    records: Medians,
    target: str,
    maps: Mapping[str, np.ndarray],
    path: str | Path,
    *,
    steps: int = 25,
    noise_fraction: float = 0.2,
    seed: int = 0,
    operators: bool = False,
    donors: np.ndarray | None = None,
) -> Perturbation:
    """Follow the published procedure with every map; ``perturbation.h5`` holds the result.

    maps: method or control → (record, 12, 600). steps: single points perturbed one after the other;
    noise_fraction: σ as a fraction of the beat's range. operators: whether every operator is also
    applied, in both orders, at COLUMNS; donors: (donor, 12, 600) µV for the operator
    ``other_record``. With thousands of records this takes hours: the curves of each finished map
    are cached beside path, and an interrupted call with the same beats, maps and weights resumes.
    """
    common = {"noise_fraction": noise_fraction, "seed": seed}
    settings = {"target": target, "steps": steps, **common, "operators": operators}
    decides = settings | {"weights": weights_digest(model.state_dict()), "methods": list(maps)}
    decides |= {"beats": array_digest(records.medians), "maps": array_digest(*maps.values())}
    cache = ResumeCache(path, decides)
    model, *_ = prepare_for_inference(model)  # once, not for every curve
    beats = np.asarray(records.medians, np.float32)
    common |= {"record_id": list(records.record_id), "donors": donors}
    ways = list(product(OPERATORS, ORDERS)) if operators else []
    prediction, by_operator = {}, {}
    with progress(len(maps), f"perturbing {target}") as bar:
        for method, values in maps.items():
            if (curves := cache.load(method)) is None:
                given = model, beats, values
                curves = {"": perturbation_curve(*given, steps=steps, **common)}
                for operator, order in ways:
                    how = {"operator": operator, "order": order, "steps": COLUMNS}
                    curves[f"{operator} {order}"] = perturbation_curve(*given, **how, **common)
                cache.save(method, **curves)
            prediction[method] = curves[""]
            by_operator |= {(method, *way): curves[" ".join(way)] for way in ways}
            bar.update()
    return Perturbation(
        record_id=records.record_id,
        truth=records.target(target),
        points=np.arange(steps + 1),
        prediction=prediction,
        operators=by_operator,
        columns=np.array(COLUMNS if ways else ()),
        attributes=settings | {"operator": "add_noise", "order": "morf"},
    )


def absolute_errors(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """|y - ŷ| in target unit: (record,) and (record, step + 1) → (record, step + 1)."""
    return np.abs(predictions.astype(np.float64) - truth[:, None])


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
