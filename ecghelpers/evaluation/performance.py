"""How good are the networks? Errors of predictions, and of all networks of a results folder."""

import contextlib
import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..data.medians import Medians
from ..ecg import SPLITS, TARGETS
from ..files import provenance, sha256, write_json, write_table
from ..network.model import load_model, read_metadata
from ..network.prediction import predict
from ..network.pretrained import other_data
from ..paths import Results
from ..runtime import resolve_device


def model_errors(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """n, MAE, RMSE (target unit) and R² of one model on one split.

    Both (record,). Raises ValueError if empty, for other shapes, and for values that are not
    finite.
    """
    if not len(truth):
        raise ValueError("no records with a known target in this split; use more records")
    check_predictions(truth, {"prediction": prediction}, ())
    error = prediction.astype(np.float64) - truth
    variance = np.square(truth - truth.mean(dtype=np.float64)).mean()
    mse = np.square(error).mean()
    r2 = 1 - mse / variance if variance > 0 else float("nan")
    return {"n": len(truth), "mae": np.abs(error).mean(), "rmse": mse**0.5, "r2": r2}


def check_predictions(
    truth: np.ndarray, predictions: Mapping[str, np.ndarray], more: tuple = (None,)
) -> None:
    """Raise ValueError unless all are finite, (record,) and (record, *more); None: any number."""
    for name, values in {"truth": truth, **predictions}.items():
        shape = (len(truth), *(more if name != "truth" else ()))
        same = len(values.shape) == len(shape)
        if not same or any(n not in (None, m) for n, m in zip(shape, values.shape, strict=True)):
            allowed = str(shape).replace("None", "any")
            raise ValueError(f"{name} has shape {values.shape}; allowed: {allowed}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity; allowed: finite values")


def score_network(
    results: Results, data: Medians, target: str, model: int, device: str = "auto"
) -> list[dict]:
    """Return the errors of one network on every split, from its ``metrics.json`` if that exists.

    The file is written unless it already describes these weights. Each row has target, model,
    split, n, mae, rmse (target unit) and r2. Raises ValueError if a split is empty.
    """
    path = results.network(target, model)
    output = path.with_name("metrics.json")
    network, weights = load_model(path, resolve_device(device)), sha256(path)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(output.read_text(encoding="utf-8"))
        if stored["network"] == weights and stored["records"] == len(data.record_id):
            return stored["errors"]
    rows = [{"target": target, "model": model, "split": split} for split in SPLITS]
    for row in rows:
        part = data.labelled(target, row["split"], copied=False)
        row |= model_errors(part.target(target), predict(network, part.medians))
    settings = json.loads(read_metadata(path).get("settings", "{}"))
    content = {"errors": rows, "unit": TARGETS[target].unit, "training": settings}
    content |= {"network": weights, "records": len(data.record_id), "version": provenance()}
    write_json(output, content)
    return rows


def score_models(results: Results, data: Medians, device: str = "auto") -> pd.DataFrame:
    """Write ``metrics.csv``, the errors of all networks of a results folder, and return it.

    Columns as in score_network. Raises ValueError if there is no network.
    """
    rows = [
        row
        for target, model in results.models()
        for row in score_network(results, data, target, model, device)
    ]
    if not rows:
        raise ValueError(f"no trained network in {results.root}; run 02_train first")
    table = pd.DataFrame(rows)
    write_table(table, results.metrics)
    return table


def origins(results: Results, data: Medians) -> list[str]:
    """Say for every network what it was trained on, and how these records differ."""
    sentences = []
    for target, number in results.models():
        metadata = read_metadata(results.network(target, number))
        settings, now = json.loads(metadata.get("settings", "{}")), data.attributes.get("source")
        card, source = settings.get("card"), settings.get("source", now)
        sentence = f"{target} model {number}: trained on this run's training records"
        if source != now:
            sentence = (
                f"{target} model {number}: trained on records of source {source}, and these are "
                f"from {now}; run 02 again, or name another results folder"
            )
        if card:
            other = other_data(card, data.attributes)
            sentence = (
                f"{target} model {number}: pretrained on {card['data']['training']} other ECGs"
                f"{'; ' + other if other else ', measured in the same way'}"
            )
        sentences.append(sentence)
    return sentences


def mean_predictor(data: Medians) -> pd.Series:
    """Test MAE of always predicting the mean of the training records, by target; NaN if missing."""
    return pd.Series({target: _error_of_mean(data, target) for target in TARGETS})


def _error_of_mean(data: Medians, target: str) -> float:
    train, test = (
        data.labelled(target, split, copied=False).target(target) for split in ("train", "test")
    )
    if not (len(train) and len(test)):
        return float("nan")
    return float(np.abs(test - train.mean(dtype=np.float64)).mean())


def test_sd(data: Medians) -> dict[str, float]:
    """SD of every target over the test records; NaN if they do not differ or are all missing."""
    parts = {target: data.labelled(target, "test", copied=False) for target in TARGETS}
    values = {target: part.target(target) for target, part in parts.items()}
    spread = {t: float(v.std(dtype=np.float64)) if len(v) else 0.0 for t, v in values.items()}
    return {target: sd if sd > 0 else float("nan") for target, sd in spread.items()}
