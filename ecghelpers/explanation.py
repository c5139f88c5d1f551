"""All methods on the chosen records: maps to look at, and curves to judge them by."""

import fcntl
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from .attribution import METHODS, attribute, unit
from .config import Results, generator, progress
from .data.store import Attributions, Medians, Perturbation, read_perturbation
from .ecg import TARGETS
from .evaluation import FLOOR, perturbation_table
from .files import Pieces, array_digest, remove_pieces, sha256, whole_file
from .fingerprint import code_digest
from .perturbation import perturbation_curve
from .prediction import predict

BLOCK_RECORDS = 16
FLOOR_DRAWS = 5  # random maps whose mean curve the others have to beat


def choose_records(
    data: Medians, target: str, count: int, seed: int, *, complete_first: bool = False
) -> Medians:
    """Test records with a known target, in an order that seed and record id decide.

    complete_first: those with complete labels come first, so that every target's first records are
    the same ones. Good to look at, not to judge by: it leaves out who has no P wave. Raises
    ValueError if the test split has none.
    """
    test = data.labelled(target, "test")
    if count < 1 or not len(test.record_id):
        raise ValueError(
            f"asked for {count} test records with a known {target} of {len(test.record_id)} there "
            "are; ask for at least 1, and make more records if there are none"
        )
    draw = [generator(seed, "choice", record).random() for record in test.record_id]
    later = ~is_complete(test) if complete_first else np.zeros(len(draw), bool)
    return test.subset(np.lexsort((draw, later))[:count])


def is_complete(data: Medians) -> np.ndarray:
    """(record,) whether all targets and fiducials are known."""
    return np.isfinite(np.hstack([data.targets, data.fiducials])).all(1)


def explain(
    model: nn.Module,
    data: Medians,
    target: str,
    *,
    methods: Iterable[str] = METHODS,
    multiply_by_inputs: bool = True,
    seed: int = 0,
    **parameters: float,
) -> Attributions:
    """The maps of the records by every method, with their settings, units and seconds."""
    maps, details = {}, {}
    options = {"multiply_by_inputs": multiply_by_inputs, "seed": seed, **parameters}
    for method in methods:
        began = time.perf_counter()
        maps[method] = attribute(model, data.medians, method, record_id=data.record_id, **options)
        details[method] = {
            "parameters": options,
            "unit": unit(method, TARGETS[target].unit, multiply_by_inputs),
            "seconds": time.perf_counter() - began,
        }
    return Attributions(
        record_id=data.record_id,
        prediction=predict(model, data.medians),
        truth=data.target(target),
        maps=maps,
        details=details,
        attributes={"target": target, "split": "test"},
    )


def perturb(
    model: nn.Module,
    data: Medians,
    target: str,
    path: str | Path,
    *,
    methods: Sequence[str] = tuple(METHODS),
    steps: int,
    noise_fraction: float = 0.2,
    order: str = "morf",
    operator: str = "add_noise",
    multiply_by_inputs: bool = True,
    seed: int = 0,
    model_file: str | Path | None = None,
    **parameters: float,
) -> Perturbation:
    """The perturbation curves of the records by every method.

    Works block by block; finished blocks are kept beside path, where a killed run finds them, as
    long as settings, records, their beats, the code and the content of model_file agree. The
    caller removes them with forget_blocks(path) once the result is written and checked.
    """
    procedure = {"steps": steps, "noise_fraction": noise_fraction, "order": order}
    procedure |= {"operator": operator, "seed": seed}
    maps = {"multiply_by_inputs": multiply_by_inputs, "seed": seed, **parameters}
    settings = {"target": target, **procedure, "attribution": maps}
    decides = {"records": list(data.record_id), "beats": array_digest(data.medians)}
    decides |= {"weights": sha256(model_file) if model_file else ""}
    pieces = Pieces(path, {**settings, **decides, "code": code_digest("explanation")})
    parts: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    draws: list[np.ndarray] = []
    tasks = [(first, m) for first in range(0, len(data.record_id), BLOCK_RECORDS) for m in methods]
    with progress(len(tasks), f"perturbing {target}") as bar:
        for first, method in tasks:
            block = data.subset(slice(first, first + BLOCK_RECORDS))
            common = {"record_id": block.record_id}
            found = pieces.load(f"{method}.{first:06d}")
            if found is None:
                relevance = attribute(
                    model, block.medians, method, progress=False, **common, **maps
                )
                curve = perturbation_curve(model, block.medians, relevance, **common, **procedure)
                found = {"prediction": curve}
                if method == FLOOR:
                    found["draws"] = _more_draws(model, block, curve, procedure)
                pieces.save(f"{method}.{first:06d}", **found)
            parts[method].append(found["prediction"])
            draws += [found["draws"]] if method == FLOOR else []
            bar.update()
    return Perturbation(
        record_id=data.record_id,
        truth=data.target(target),
        prediction={method: np.concatenate(curves) for method, curves in parts.items()},
        attributes={k: json.dumps(v) if isinstance(v, dict) else v for k, v in settings.items()},
        floor=np.concatenate(draws, axis=1) if draws else None,
    )


def _more_draws(model: nn.Module, block: Medians, first: np.ndarray, procedure: dict) -> np.ndarray:
    """(draw, record, step + 1): the curve of the random map, and those of others like it."""
    curves = [first]
    for draw in range(1, FLOOR_DRAWS):
        options = {"record_id": [f"{record} draw {draw}" for record in block.record_id]}
        seed = procedure["seed"]
        relevance = attribute(model, block.medians, FLOOR, seed=seed, progress=False, **options)
        curve = perturbation_curve(
            model, block.medians, relevance, record_id=block.record_id, **procedure
        )
        curves.append(curve)
    return np.stack(curves)


def forget_blocks(path: str | Path) -> None:
    """Remove the finished blocks of perturb, once its result is written and checked."""
    remove_pieces(path)


def gather_aopc(results: Results, sd: dict[str, float], data: Medians) -> pd.DataFrame:
    """Write ``aopc.csv`` from every ``perturbation.h5`` of a results folder and return it.

    sd: target → SD of its test values; data: whose records they are, patient by patient. Several
    notebooks may do this at once: each waits for the other and finds its file.
    """
    results.root.mkdir(parents=True, exist_ok=True)
    with open(results.root / ".aopc.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tables, group = [], dict(zip(data.record_id, data.groups, strict=True))
        for target, model in results.models():
            path = results.model_dir(target, model) / "perturbation.h5"
            if path.is_file():
                found = read_perturbation(path)
                table = perturbation_table(
                    found.truth,
                    found.prediction,
                    target,
                    sd[target],
                    order=str(found.attributes.get("order", "morf")),
                    floor=found.floor,
                    groups=[group.get(record, record) for record in found.record_id],
                )
                table.insert(1, "model", model)
                tables.append(table)
        table = pd.concat(tables, ignore_index=True)
        with whole_file(results.aopc) as temporary:
            table.to_csv(temporary, index=False)
    return table
