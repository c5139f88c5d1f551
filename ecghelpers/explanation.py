"""The records to explain, and all methods' maps of them."""

import fcntl
import time
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
import pandas as pd
from torch import nn

from .attribution import METHODS, Settings, attribute, unit
from .config import Results, generator
from .data.store import Attributions, Medians, read_perturbation
from .ecg import TARGETS
from .evaluation import published_table
from .files import whole_file
from .prediction import predict

EMPTY = ("target", "model", "method", "aopc", "gain", "beats_random")  # of a table without networks


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
    settings: Settings | None = None,
    *,
    methods: Iterable[str] = METHODS,
) -> Attributions:
    """The maps of the records by every method, with their settings, units and seconds."""
    maps, details = {}, {}
    settings = settings or Settings()
    options = asdict(settings)
    for method in methods:
        began = time.perf_counter()
        maps[method] = attribute(model, data.medians, method, record_id=data.record_id, **options)
        details[method] = {
            "parameters": options,
            "unit": unit(method, TARGETS[target].unit, settings.multiply_by_inputs),
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


def gather_aopc(results: Results, sd: dict[str, float], data: Medians) -> pd.DataFrame:
    """Write ``aopc.csv`` from every ``perturbation.h5`` of a results folder and return it.

    It tells the original's procedure: noise on single samples, most relevant first, 1 to 25 points.
    sd: target → SD of its test values; data: whose records they are, patient by patient. Several
    notebooks may do this at once: each waits for the other and finds its file.
    """
    results.root.mkdir(parents=True, exist_ok=True)
    with open(results.root / ".aopc.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tables, group = [], dict(zip(data.record_id, data.groups, strict=True))
        for target, model in results.models():
            path = results.perturbation(target, model)
            if path.is_file():
                found = read_perturbation(path)
                groups = [group.get(record, record) for record in found.record_id]
                table = published_table(found, target, sd[target], groups)
                table.insert(1, "model", model)
                tables.append(table)
        table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=EMPTY)
        with whole_file(results.aopc) as temporary:
            table.to_csv(temporary, index=False)
    return table
