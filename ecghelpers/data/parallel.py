"""One function for many records, on several processors."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

import psutil
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ..runtime import cores, die_with_parent

WORTH_A_POOL = 256  # starting the processes takes as long as measuring this many records
PART = 32  # records per task
PATIENCE_S = 10  # for joblib to end its processes after Ctrl-C
IDLE_S = 30  # an idle process ends after this time


def processors() -> int:
    """The number of parallel processes: the threads that Snakemake assigned, or all cores."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), max(1, int(given))) if given.isdigit() else cores()


def in_parts(function: Callable, records, *further) -> list:
    """``function(records, *further)``, a list as long as records, computed in parts.

    From WORTH_A_POOL records on, they are divided among processes of one thread each. Only the
    calling process handles Ctrl-C. Raises RuntimeError if a process died, and any error of the
    function.
    """
    if processors() == 1 or len(records) < WORTH_A_POOL:
        return function(records, *further)
    parts = (records[start : start + PART] for start in range(0, len(records), PART))
    own = {"idle_worker_timeout": IDLE_S, "initializer": _in_worker}
    try:
        with (
            _ctrl_c_ends(),
            warnings.catch_warnings(),
            parallel_config("loky", inner_max_num_threads=1, **own),
        ):
            # on a busy machine an idle process may end before it gets more; joblib starts another
            warnings.filterwarnings("ignore", "A worker stopped")
            pool = Parallel(processors(), batch_size=1, max_nbytes=None)
            return list(chain.from_iterable(pool(delayed(function)(p, *further) for p in parts)))
    except TerminatedWorkerError:
        raise RuntimeError(
            "a process died while reading or measuring records, perhaps for lack of memory; "
            "run again to resume"
        ) from None


def _in_worker() -> None:
    """Prepare a process. A function made anew would have joblib start new processes each time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()


@contextmanager
def _ctrl_c_ends() -> Iterator[None]:
    """Ctrl-C ends the processes within seconds, even if it leaves joblib waiting for a lock."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    timer = threading.Timer(PATIENCE_S, _end)
    timer.daemon = True

    def stop(*_) -> None:
        if not timer.is_alive():
            timer.start()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


def _end() -> None:
    for process in psutil.Process().children(recursive=True):
        process.kill()
    print("KeyboardInterrupt", file=sys.stderr, flush=True)
    os._exit(130)
