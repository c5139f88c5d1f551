"""Measuring many ECGs at once, on all processors."""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from ..config import cores
from ..ecg import BEAT_SHAPE, FIDUCIALS, TARGETS
from ..measurement import Measurement, measure
from .store import Block

WORTH_A_POOL = 256  # starting the processes takes as long as measuring about this many


@cache
def worker_pool() -> ProcessPoolExecutor | None:
    """Processes that compute on one thread each; None on a single processor."""
    given = os.environ.get("OMP_NUM_THREADS", "")  # a step's share of a node, from Snakemake
    processors = min(cores(), max(1, int(given))) if given.isdigit() else cores()
    if processors == 1:
        return None
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half alive
    return ProcessPoolExecutor(processors, context, initializer=threadpool_limits, initargs=(1,))


def measured_block(record_id: Sequence[str], ecgs_uv: np.ndarray, sampling_rate: float) -> Block:
    """Measure (record, 8 or 12, time) in µV; what has no median beat is rejected, with the reason.

    Records of at least WORTH_A_POOL are measured in parallel.
    """
    pool = worker_pool() if len(record_id) >= WORTH_A_POOL else None
    rates = [sampling_rate] * len(record_id)
    if pool is None:
        found = list(map(measure, ecgs_uv, rates))
    else:
        found = list(pool.map(measure, ecgs_uv, rates, chunksize=8))
    return as_block(record_id, found)


def as_block(record_id: Sequence[str], measurements: Sequence[Measurement]) -> Block:
    """Gather measurements; a median beat is kept as whole µV."""
    usable = [np.isfinite(m.median_uv).all() for m in measurements]
    kept = [m for m, good in zip(measurements, usable, strict=True) if good]
    rejected = [
        (i, next(iter(m.reasons.values()), "no median beat"))
        for i, m, good in zip(record_id, measurements, usable, strict=True)
        if not good
    ]
    medians = np.array([m.median_uv for m in kept]).reshape(-1, *BEAT_SHAPE)
    limits = np.iinfo(np.int16)
    return Block(
        record_id=[i for i, good in zip(record_id, usable, strict=True) if good],
        medians=np.clip(np.rint(medians), limits.min, limits.max).astype(np.int16),
        targets=_table([m.targets for m in kept], tuple(TARGETS)),
        fiducials=_table([m.fiducials for m in kept], FIDUCIALS),
        rejected=rejected,
    )


def _table(rows: list[dict[str, float]], columns: tuple[str, ...]) -> np.ndarray:
    values = [[row[name] for name in columns] for row in rows]
    return np.array(values, np.float32).reshape(-1, len(columns))
