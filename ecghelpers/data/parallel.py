"""One function for many records, on several processors."""

import os
import signal
from collections.abc import Callable
from itertools import chain

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ..runtime import cores

WORTH_A_POOL = 256  # starting the processes takes as long as measuring this many records
PART = 32  # records per task
IDLE_S = 30  # an idle process ends after this time, even if its parent was killed


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
    own = {"idle_worker_timeout": IDLE_S, "initializer": _ignore_ctrl_c}
    try:
        with parallel_config("loky", inner_max_num_threads=1, **own):
            pool = Parallel(processors(), batch_size=1, max_nbytes=None)
            return list(chain.from_iterable(pool(delayed(function)(p, *further) for p in parts)))
    except TerminatedWorkerError:
        raise RuntimeError(
            "a process died while reading or measuring records, perhaps for lack of memory; "
            "run again to resume"
        ) from None


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
