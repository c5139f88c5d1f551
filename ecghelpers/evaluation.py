"""Errors of the models, curves of the perturbation, and how sure both are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid

from .config import generator
from .ecg import TARGETS

AUC_STEPS = (5, 10, 15, 25)
CONFIDENCE = 0.95
RESAMPLES = 2000
FLOOR = "random"


def model_errors(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """n, MAE, RMSE (target unit) and R² of one model on one split. Raises ValueError if empty."""
    if not len(truth):
        raise ValueError("no records with a known target in this split; use more records")
    error = prediction.astype(np.float64) - truth
    variance = np.square(truth - truth.mean(dtype=np.float64)).mean()
    mse = np.square(error).mean()
    r2 = 1 - mse / variance if variance > 0 else float("nan")
    return {"n": len(truth), "mae": np.abs(error).mean(), "rmse": mse**0.5, "r2": r2}


def bootstrap_weights(records: int, seed: int) -> np.ndarray:
    """(resample, record) weights of a bootstrap over records, each row summing to one.

    The same weights for every method make the comparison a paired one.
    """
    counts = generator(seed, "bootstrap").multinomial(
        records, np.full(records, 1 / records), size=RESAMPLES
    )
    return (counts / records).astype(np.float32)


def mean_interval(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean over records and the ends of its 95 % percentile-bootstrap interval.

    values: (record, ...); weights: from bootstrap_weights. Each result has the shape of one record.
    """
    flat = values.reshape(len(values), -1).astype(np.float64)
    resampled = weights @ flat
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail), axis=0)
    shape = values.shape[1:]
    return flat.mean(0).reshape(shape), low.reshape(shape), high.reshape(shape)


def absolute_errors(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """|y - ŷ| in target unit: (record,) and (record, step + 1) → (record, step + 1)."""
    return np.abs(predictions.astype(np.float64) - truth[:, None])


def error_curves(
    truth: np.ndarray, predictions: Mapping[str, np.ndarray], seed: int = 0
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Mean absolute error against step for every method, with its interval over ECGs.

    predictions: method → (record, step + 1). Returns method → (mean, low, high), each (step + 1,).
    """
    weights = bootstrap_weights(len(truth), seed)
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
    truth: np.ndarray, predictions: Mapping[str, np.ndarray], target: str, sd: float, seed: int = 0
) -> pd.DataFrame:
    """One row a method: AOPC, areas under the error curve, and the verdict against random.

    sd: the target's SD over the data, for comparison between targets. Columns ending in ``_low``
    and ``_high`` are 95 % intervals over ECGs. beats_random: "yes" or "no" if the paired interval
    of the difference in error to random, over all steps, lies above or below zero, else "unclear".
    """
    weights = bootstrap_weights(len(truth), seed)
    steps = next(iter(predictions.values())).shape[1] - 1
    errors = {m: absolute_errors(truth, p) for m, p in predictions.items()}
    rows = []
    for method, predicted in predictions.items():
        row = {"target": target, "method": method, "n": len(truth), "steps": steps, "sd": sd}
        row |= _with_interval("aopc", aopc(predicted), weights)
        row["aopc_sd"] = row["aopc"] / sd
        for count in sorted({min(k, steps) for k in AUC_STEPS}):
            row |= _with_interval(f"auc{count}", area(errors[method], count), weights)
        if FLOOR in errors:
            gain = area(errors[method], steps) - area(errors[FLOOR], steps)
            row |= _with_interval("gain", gain, weights)
            row["beats_random"] = verdict(row["gain_low"], row["gain_high"], method)
        rows.append(row)
    return pd.DataFrame(rows)


def _with_interval(name: str, values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    mean, low, high = mean_interval(values, weights)
    return {name: float(mean), f"{name}_low": float(low), f"{name}_high": float(high)}


def verdict(low: float, high: float, method: str = "") -> str:
    """What an interval of the gain over random says."""
    if method == FLOOR:
        return ""
    return "yes" if low > 0 else "no" if high < 0 else "unclear"


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


def wave_mass(maps: np.ndarray, fiducials: np.ndarray) -> pd.DataFrame:
    """Share of |attribution| that falls on each wave, and the share of the time it takes.

    maps: (record, lead, time); fiducials: (record, 6) sample index, NaN = missing (that wave's
    share is NaN). Returns one row a record with columns P, QRS, T, elsewhere and ``time_…``.
    """
    weight = np.abs(maps).sum(1, dtype=np.float64)
    total = weight.sum(1)
    total[total == 0] = np.nan
    time = np.arange(maps.shape[-1])
    columns: dict[str, np.ndarray] = {}
    for number, wave in enumerate(("P", "QRS", "T")):
        onset, offset = fiducials[:, 2 * number, None], fiducials[:, 2 * number + 1, None]
        inside = (time >= onset) & (time <= offset)
        missing = ~(np.isfinite(onset) & np.isfinite(offset))[:, 0]
        columns[wave] = np.where(missing, np.nan, (weight * inside).sum(1) / total)
        columns[f"time_{wave}"] = np.where(missing, np.nan, inside.mean(1))
    columns["elsewhere"] = 1 - sum(columns[wave] for wave in ("P", "QRS", "T"))
    columns["time_elsewhere"] = 1 - sum(columns[f"time_{wave}"] for wave in ("P", "QRS", "T"))
    return pd.DataFrame(columns)
