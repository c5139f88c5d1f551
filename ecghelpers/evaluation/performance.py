"""How good are the networks? Errors of predictions, and of all networks of a results folder."""

import contextlib
import json

import numpy as np
import pandas as pd

from ..data.medians import Medians
from ..ecg import SPLITS, TARGETS
from ..files import provenance, sha256, write_json
from ..network.model import load_model, read_metadata
from ..network.prediction import predict
from ..network.pretrained import other_data
from ..paths import Results
from ..runtime import resolve_device


def model_errors(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """n, MAE, RMSE (target unit) and R² of one model on one split.

    Both (record,). Raises ValueError if empty, and for values that are not finite.
    """
    if not len(truth):
        raise ValueError("no records with a known target in this split; use more records")
    check_finite(truth=truth, prediction=prediction)
    error = prediction.astype(np.float64) - truth
    variance = np.square(truth - truth.mean(dtype=np.float64)).mean()
    mse = np.square(error).mean()
    r2 = 1 - mse / variance if variance > 0 else float("nan")
    return {"n": len(truth), "mae": np.abs(error).mean(), "rmse": mse**0.5, "r2": r2}


def check_finite(**arrays: np.ndarray) -> None:
    """Raise ValueError naming the first array with a value that is NaN or infinite."""
    for name, values in arrays.items():
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


def origins(results: Results, data: Medians) -> list[str]:
    """Say for every network what it was trained on, and how these records differ."""
    sentences, now = [], data.attributes.get("source")
    for target, number in results.models():
        settings = json.loads(read_metadata(results.network(target, number)).get("settings", "{}"))
        card, source = settings.get("card"), settings.get("source", now)
        if card:
            other = other_data(card, data.attributes) or "measured in the same way"
            said = f"pretrained on {card['data']['training']} other ECGs; {other}"
        elif source != now:
            said = (
                f"trained on records of source {source}, and these are from {now}; run 02 again, "
                "or name another results folder"
            )
        else:
            said = "trained on this run's training records"
        sentences.append(f"{target} model {number}: {said}")
    return sentences


def test_sd(data: Medians) -> dict[str, float]:
    """SD of every target over the test records; NaN if they do not differ or are all missing."""
    targets = pd.DataFrame(data.targets.astype(float), columns=list(TARGETS))
    sd = targets[data.split == "test"].std(ddof=0)
    return sd.where(sd > 0).to_dict()
