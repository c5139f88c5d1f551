"""A small results folder made from made-up beats and untrained networks, for tests of the views."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ecghelpers.attribution import methods
from ecghelpers.data.maps_and_curves import (
    Attributions,
    Perturbation,
    write_attributions,
    write_perturbation,
)
from ecghelpers.data.medians import Medians, split_of, write_medians
from ecghelpers.ecg import LEADS, TARGETS
from ecghelpers.evaluation.review import COLUMNS
from ecghelpers.network.model import StevenNet, save_model
from ecghelpers.network.prediction import predict
from ecghelpers.paths import Results

ROOT = Path(__file__).resolve().parent.parent
METHOD_LABELS = {name: row.label for name, row in methods.METHODS.items()}
METHODS = tuple(METHOD_LABELS)
HOSTILE_IDS = (
    "<script>window.hacked=1</script>",
    "a/../../b\"c'd&amp;<img src=x onerror=window.hacked=1>",
    "plain-1",
    "</script><b>bold</b> %20 $x_1$ {y}",
    "Ærø Østergård 𝔼🫀",
)
FIDUCIALS = (140, 182, 214, 262, 330, 425)


def beat(rng: np.random.Generator) -> np.ndarray:
    """A beat (12, 600) int16 µV with a P wave, a QRS complex and a T wave."""
    time = np.arange(600)
    waves = ((160, 9, 120), (220, 4, -150), (236, 6, 1100), (252, 5, -350), (380, 22, 280))
    shapes = np.array([size * np.exp(-(((time - at) / width) ** 2)) for at, width, size in waves])
    gains = rng.normal(0.8, 0.4, (len(LEADS), len(waves)))
    return np.rint(gains @ shapes + rng.normal(0, 5, (len(LEADS), 600))).astype(np.int16)


def attribution(number: int, rng: np.random.Generator) -> np.ndarray:
    """A map (12, 600) that is large around QRS and T; its scale depends on the method's number."""
    time = np.arange(600)
    hills = np.stack([np.exp(-(((time - at) / 15) ** 2)) for at in (236, 380)])
    values = rng.normal(0, 1, (12, 2)) @ hills + rng.normal(0, 0.05, (12, 600))
    return (values * 10.0 ** (number - 5)).astype(np.float32)


def make(
    root: str | Path,
    *,
    targets=("qt", "pr"),
    models=(1, 2),
    record_ids=HOSTILE_IDS,
    methods=METHODS,
    steps: int = 25,
    extra_records: int = 3,
    seed: int = 0,
) -> Results:
    """Write medians, networks, attributions, perturbation curves and tables under root."""
    results, rng = Results(root), np.random.default_rng(seed)
    ids = [*record_ids, *(f"extra-{number}" for number in range(extra_records))]
    beats = np.stack([beat(rng) for _ in ids])
    values = np.column_stack(
        [rng.normal((t.published or (100, 40))[0], 10, len(ids)) for t in TARGETS.values()]
    ).astype(np.float32)
    marks = np.tile(np.array(FIDUCIALS, np.float32), (len(ids), 1))
    split = np.array(list(map(split_of, ids)))
    block = Medians(np.array(ids), split, beats, values, marks)
    write_medians(results.medians, iter([block]), len(ids), source="made up")
    rows, count = [], len(record_ids)
    for target in targets:
        for model in models:
            _write_model(results, target, model, ids[:count], beats, values, methods, steps, rng)
            for split in ("train", "validation", "test"):
                rows.append((target, model, split, len(ids), 4.2, 6.1, 0.8))
    columns = ["target", "model", "split", "n", "mae", "rmse", "r2"]
    pd.DataFrame(rows, columns=columns).to_csv(results.metrics, index=False)
    return results


def _write_model(results, target, model, ids, beats, values, methods, steps, rng) -> None:
    folder = results.model_dir(target, model)
    torch.manual_seed(model)
    truth = values[: len(ids), list(TARGETS).index(target)]
    network = StevenNet()
    network.fc1.bias.data.fill_(float(truth.mean()))
    save_model(folder / "model.safetensors", network)
    (folder / "metrics.json").write_text(json.dumps({"target": target, "model": model}))
    prediction = predict(network.eval(), beats[: len(ids)].astype(np.float32))
    maps = {
        method: np.stack([attribution(number, rng) for _ in ids])
        for number, method in enumerate(methods)
    }
    unit = TARGETS[target].unit
    details = {m: {"parameters": {}, "unit": f"{unit}/µV", "seconds": 0.1} for m in methods}
    content = Attributions(np.array(ids), prediction, truth, maps, details, {"seed": 1})
    write_attributions(folder / "attributions.h5", content)
    curves = {}
    for number, method in enumerate(methods, 1):
        drift = number * rng.normal(0, 1, (len(ids), steps)).cumsum(1)
        curves[method] = prediction[:, None] + np.hstack([0 * drift[:, :1], drift])
    about = {"steps": steps, "seed": 1}
    content = Perturbation(np.array(ids), truth, np.arange(steps + 1), curves, about)
    write_perturbation(folder / "perturbation.h5", content)


def judged(target: str, method: str, test: str, *values) -> dict:
    """A row of review.csv; values: value, low, high, chance, verdict."""
    return dict(zip(COLUMNS, (target, method, test, *values, 0, "ECG"), strict=True))
