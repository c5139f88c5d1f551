"""Parallel measurement of many ECGs."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain

import numpy as np
from loky import BrokenProcessPool, get_reusable_executor
from loky.backend import resource_tracker
from threadpoolctl import threadpool_limits

from ..measurement import measure_many
from ..runtime import cores
from .medians import Block
from .reading import attempted, block_of, reading_of

WORTH_A_POOL = 256  # starting the processes takes as long as measuring this many records
PART = 32  # records per task
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # for torch, which is loaded after threadpoolctl has run
    # A process grows by some 300 MB when it first generates or measures. Loky would take that for a
    # leak and start another process, which loads everything again.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "2e9",
}
SIGNAL_S = 0.5  # a Ctrl-C can end the processes before it reaches this one
IDLE_S = 30  # an idle process ends after this time, even if its parent was killed


def processors() -> int:
    """The number of parallel processes: the threads that Snakemake assigned, or all cores."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), max(1, int(given))) if given.isdigit() else cores()


def submit(function: Callable, parts: Sequence[tuple]) -> list[Future]:
    """Compute function(*part) for every part in processes of one thread each.

    Unlike the standard library's, loky's processes do not run the caller's script again, which
    therefore needs no ``if __name__ == "__main__"``. Only the caller handles Ctrl-C (see gather).
    """
    resource_tracker.ensure_running()  # it unblocks the signal when it starts
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
    """Delay Ctrl-C until the block has ended, for starting and ending processes.

    A half-started pool can keep the interpreter from ending. Blocking the signal is not enough,
    since any thread can receive it, but the processes started here inherit the block.
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
    """Kill all processes; otherwise the interpreter waits for them before it exits."""
    get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def gather(futures: Sequence[Future]) -> list:
    """The results of the futures, in order; after an error or Ctrl-C no process is left.

    Raises RuntimeError if a process died, and any error that the function raised.
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
                "a process died while reading or measuring records, perhaps for lack of memory; "
                "run again to resume"
            ) from None
        raise


def measured_block(record_id: Sequence[str], ecgs_uv: np.ndarray, sampling_rate: float) -> Block:
    """Measure (record, 8 or 12, time) in µV; records without a median beat are rejected.

    At least WORTH_A_POOL records are measured in parallel.
    """
    if processors() == 1 or len(ecgs_uv) < WORTH_A_POOL:
        measurements = measure_many(ecgs_uv, sampling_rate)
    else:
        starts = range(0, len(ecgs_uv), PART)
        parts = [(ecgs_uv[start : start + PART], sampling_rate) for start in starts]
        measurements = chain.from_iterable(gather(submit(measure_many, parts)))
    return block_of(record_id, [attempted(reading_of, m) for m in measurements])
