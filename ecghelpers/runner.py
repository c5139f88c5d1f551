"""Run one notebook with papermill, as a rule of the Snakefile or Slurm does.

    python -m ecghelpers.runner --notebook notebooks/02_train.qt.model1.ipynb
        --set target=qt model=1 epochs=12 --makes qt/model1/model.safetensors

The working directory is the results folder; the notebook to run is the one in the project's
``notebooks/`` whose name the executed copy begins with, and it runs in the project's folder. The
kernel is this Python's. When the process is told to stop (SIGTERM, SIGUSR1: a time limit, a
preemption, a person), the kernel is told too and has GRACE_S to save its state.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

import papermill
import psutil
import yaml

from .checksums import forget, record
from .processes import die_with_parent
from .profiles import NOTEBOOKS, ROOT

GRACE_S = 100  # Slurm is asked to warn 120 s before its limit


def main(arguments: list[str] | None = None) -> int:
    """Run a notebook; return 0 if it ran to its end and made what it should."""
    options = _parse(arguments)
    die_with_parent()
    stop = _pass_signals_on()
    results = Path.cwd()
    executed = results / options.notebook
    executed.parent.mkdir(parents=True, exist_ok=True)
    forget(results, options.makes)
    values = dict(_value(pair) for pair in options.set)
    try:
        papermill.execute_notebook(
            NOTEBOOKS / f"{options.notebook.name.split('.')[0]}.ipynb",
            executed,
            parameters=values | {"results": _from_root(results), "device": options.device},
            kernel_name="python3",
            cwd=ROOT,
            progress_bar=False,
            log_output=True,
        )
    except Exception as error:
        print(summary(error, stop), file=sys.stderr)
        return 1
    missing = [path for path in options.makes if not (results / path).exists()]
    if missing:
        print(f"{options.notebook} ended without making {', '.join(missing)}", file=sys.stderr)
        return 1
    record(results, options.makes)
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one notebook of the analysis.")
    parser.add_argument("--notebook", type=Path, required=True, help="the executed copy")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--makes", nargs="*", default=[], metavar="FILE")
    return parser.parse_args(arguments)


def _value(pair: str) -> tuple[str, object]:
    key, _, value = pair.partition("=")
    return key, yaml.safe_load(value)


def _from_root(path: Path) -> str:
    """A path as the notebooks take it: relative to the project's folder when it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def summary(error: Exception, stop: threading.Event | None = None) -> str:
    """The last line of an error in a notebook, or why there is none."""
    if stop is not None and stop.is_set():
        return "stopped from outside; the next run goes on from the state it saved, if any"
    name = getattr(error, "ename", type(error).__name__)
    text = str(getattr(error, "evalue", error)).strip()
    if name == "DeadKernelError":
        return "the kernel died: killed from outside, or out of memory"
    return f"{name}: {text.splitlines()[0] if text else ''}"


def _pass_signals_on() -> threading.Event:
    """Pass SIGTERM and SIGUSR1 on to the kernel; end it by force after GRACE_S."""
    stop = threading.Event()

    def handle(*_):
        if not stop.is_set():
            stop.set()
            kernels = psutil.Process().children()
            for kernel in kernels:
                kernel.terminate()
            timer = threading.Timer(GRACE_S, lambda: [kernel.kill() for kernel in kernels])
            timer.daemon = True
            timer.start()

    for name in ("SIGTERM", "SIGUSR1"):
        signal.signal(getattr(signal, name), handle)
    return stop


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    # Threads of a kernel that died can hold an ordinary exit back.
    os._exit(code) if code else sys.exit(code)
