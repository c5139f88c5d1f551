"""Measuring many ECGs at once, on all processors."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import numpy as np
from loky import BrokenProcessPool, get_reusable_executor
from loky.backend import resource_tracker
from threadpoolctl import threadpool_limits

from ..ecg import BEAT_SHAPE, FIDUCIALS, TARGETS
from ..measurement import Measurement, measure_many
from ..runtime import cores
from .medians import Block

WORTH_A_POOL = 256  # starting the processes takes as long as measuring about this many
PART = 32  # records that a process is given at a time
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # for torch, which is loaded after threadpoolctl looked
    # A process grows by some 300 MB when it first generates or measures. Loky takes that for a
    # leak and starts another process, which loads everything again.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "2e9",
}
SIGNAL_S = 0.5  # a Ctrl-C that ended processes may reach this one after them
IDLE_S = 30  # after which a process ends, also where its parent was killed


def processors() -> int:
    """How many processes compute at once: a step's share of a node, where Snakemake gives one."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), max(1, int(given))) if given.isdigit() else cores()


def submit(function: Callable, parts: Sequence[tuple]) -> list[Future]:
    """Let processes compute function(*part) for every part, each on one thread.

    Loky's processes, unlike the standard library's, do not run the caller's script once more, so
    that it needs no ``if __name__ == "__main__"``. Ctrl-C is for the caller alone (see gather).
    """
    resource_tracker.ensure_running()  # which unblocks the signal when it starts
    with _ctrl_c_later():
        pool = get_reusable_executor(
            processors(),
            timeout=IDLE_S,
            initializer=threadpool_limits,
            initargs=(1,),
            env=ENVIRONMENT,
        )
        futures = [pool.submit(function, *part) for part in parts]
    return futures


@contextlib.contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Let Ctrl-C wait for a block that must not end half-way: starting or ending processes.

    A pool that is left half started can keep the interpreter from ending. Blocking the signal is
    not enough, as any thread takes it, but processes that are started here inherit that.
    """
    waiting: list = []
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda *given: waiting.append(given)) if main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if main:
            signal.signal(signal.SIGINT, handler)
    if waiting:
        _end_processes()
        raise KeyboardInterrupt


def _end_processes() -> None:
    """Kill all processes; otherwise the interpreter waits at its end for what they compute."""
    get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def gather(futures: Sequence[Future]) -> list:
    """The results of what was submitted, in order; after an error or Ctrl-C no process is left.

    Raises RuntimeError if a process died, and what the function raised.
    """
    try:
        return [future.result() for future in futures]
    except BaseException as error:
        with _ctrl_c_later():
            _end_processes()
            if isinstance(error, BrokenProcessPool):
                time.sleep(SIGNAL_S)
        if isinstance(error, BrokenProcessPool):
            raise RuntimeError(
                "a process died while it read or measured records, perhaps for lack of memory; "
                "run again to go on from there"
            ) from None
        raise


def measured_block(record_id: Sequence[str], ecgs_uv: np.ndarray, sampling_rate: float) -> Block:
    """Measure (record, 8 or 12, time) in µV; what has no median beat is rejected, with the reason.

    Records of at least WORTH_A_POOL are measured in parallel.
    """
    if processors() == 1 or len(ecgs_uv) < WORTH_A_POOL:
        return as_block(record_id, measure_many(ecgs_uv, sampling_rate))
    starts = range(0, len(ecgs_uv), PART)
    parts = gather(
        submit(measure_many, [(ecgs_uv[start : start + PART], sampling_rate) for start in starts])
    )
    return as_block(record_id, [measured for part in parts for measured in part])


def as_block(record_id: Sequence[str], measurements: Sequence[Measurement]) -> Block:
    """Gather measurements; a median beat is kept as whole µV."""
    usable = [np.isfinite(m.median_uv).all() for m in measurements]
    measured = [m for m, good in zip(measurements, usable, strict=True) if good]
    rejected = [
        (i, next(iter(m.reasons.values()), "no median beat"))
        for i, m, good in zip(record_id, measurements, usable, strict=True)
        if not good
    ]
    medians = np.array([m.median_uv for m in measured]).reshape(-1, *BEAT_SHAPE)
    limits = np.iinfo(np.int16)
    return Block(
        record_id=[i for i, good in zip(record_id, usable, strict=True) if good],
        medians=np.clip(np.rint(medians), limits.min, limits.max).astype(np.int16),
        targets=_table([m.targets for m in measured], tuple(TARGETS)),
        fiducials=_table([m.fiducials for m in measured], FIDUCIALS),
        rejected=rejected,
    )


def _table(rows: list[dict[str, float]], columns: tuple[str, ...]) -> np.ndarray:
    values = [[row[name] for name in columns] for row in rows]
    return np.array(values, np.float32).reshape(-1, len(columns))
