"""Stopping a run: steps save their state, and none outlives the run that needs it."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from . import slurm
from .plan import SETTINGS, Plan

RUNNER = "ecghelpers.run.notebook"
PATIENCE_S = 120  # somewhat longer than a step may take to save its state
IDLE_S = 60  # after which a Snakemake that was told to stop, and has no step, is stuck


@contextlib.contextmanager
def stoppable(process: subprocess.Popen, plan: Plan) -> Iterator[threading.Event]:
    """Pass a wish to stop on to Snakemake (no new steps) and to the running steps (save, leave).

    The second wish ends everything at once.
    """
    stop = threading.Event()

    def handle(*_):
        children = psutil.Process(process.pid).children(recursive=True)
        if stop.is_set():
            print("Stopping at once", file=sys.stderr)
            for child in (*children, process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            return
        stop.set()
        print("Stopping: the running steps save their state", file=sys.stderr)
        process.terminate()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                if RUNNER in child.cmdline():
                    child.terminate()
        slurm.stop_jobs(plan.results)
        threading.Thread(target=_end_when_idle, args=(process,), daemon=True).start()

    before = {name: signal.signal(name, handle) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _end_when_idle(process: subprocess.Popen) -> None:
    """End a Snakemake that was told to stop, once it had no step for IDLE_S.

    Its handler of the signal can wait for a lock that the thread it interrupted holds, for good.
    """
    idle_since = time.monotonic()
    while process.poll() is None and time.monotonic() - idle_since < IDLE_S:
        time.sleep(1)
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process.pid).children():
                idle_since = time.monotonic()
    if process.poll() is None:
        process.kill()


def await_leftovers(results: Path) -> None:
    """Wait for steps that outlive a killed run for as long as they save their state."""
    steps = []
    with contextlib.suppress(OSError, ValueError, KeyError):
        run = json.loads((results / SETTINGS).read_text(encoding="utf-8"))["run"]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if {RUNNER, run} <= set(process.cmdline()):
                    steps.append(process)
    if steps:
        print("Waiting for the steps of an earlier run to leave", flush=True)
        _, left = psutil.wait_procs(steps, timeout=PATIENCE_S)
        for process in left:
            process.kill()
