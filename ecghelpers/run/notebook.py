"""Run one notebook with papermill, as a rule of the Snakefile or Slurm does.

    python -m ecghelpers.run.notebook --set target=qt model=1 epochs=12
        --notebook .checksums/notebooks/02_train.qt.model1.ipynb.sha256
        --makes .checksums/qt/model1/model.safetensors.sha256

The working directory is the results folder; files are given by their notes (see ``checksums``).
The notebook to run is the one in the project's
``notebooks/`` whose name the executed copy begins with, and it runs in the project's folder. The
kernel is this Python's. When the process is told to stop (SIGTERM, SIGUSR1: a time limit, a
preemption, a person), or when the Slurm job that it is in nears its time limit, the kernel is told
(SIGTERM) and has GRACE_S to save its state. An error that a notebook raised once is not tried again
in the same run: only what was stopped goes on.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
from traitlets.config import Config

from .. import checksums
from ..files import remove_pieces, write_text
from .lock import die_with_parent
from .slurm import time_left
from .steps import NOTEBOOKS, ROOT, from_root

GRACE_S = 100
START_S = 600  # in which a kernel answers first: a busy node or a cold network drive takes minutes
MARGIN_S = 120  # before the time limit of a Slurm job


def main(arguments: list[str] | None = None) -> int:
    """Run a notebook; return 0 if it ran to its end and made what it should."""
    options = _parse(arguments)
    die_with_parent(signal.SIGTERM)
    stop = _pass_signals_on()
    _stop_before_time_limit()
    results = Path.cwd()
    executed = results / checksums.noted(options.notebook)
    raised = results / "logs" / f"{executed.stem}.error"
    if line := _raised_before(raised, options.run):
        print(line, file=sys.stderr)
        return 1
    try:
        _execute(options, results, executed)
    except Exception as error:
        line = summary(error, stop.is_set())
        if not stop.is_set() and not _is_death(error):
            write_text(raised, f"{options.run}\n{line}")
        print(line, file=sys.stderr)
        return 1
    raised.unlink(missing_ok=True)
    return 0


def _execute(options: argparse.Namespace, results: Path, executed: Path) -> None:
    # jsonschema, where it finds this package, builds a grammar of web addresses when imported:
    # a second of every step, for something that no notebook holds.
    sys.modules.setdefault("rfc3987_syntax", None)
    import papermill

    makes = list(map(checksums.noted, options.makes))
    origin = checksums.origin(results, sorted(options.set), options.inputs)
    if not options.force and checksums.restore(results, executed.stem, origin):
        print("all that it makes is whole, and made from the same", file=sys.stderr)
        return
    checksums.drop_notes(results, makes)
    checksums.keep_before(results, checksums.noted(options.notebook))
    executed.parent.mkdir(parents=True, exist_ok=True)
    os.environ["TQDM_DISABLE"] = "1"  # progress bars have no place in a log
    values = dict(_value(pair) for pair in options.set if not pair.startswith("#"))
    with _sockets() as config:
        papermill.execute_notebook(
            NOTEBOOKS / f"{executed.name.split('.')[0]}.ipynb",
            executed,
            parameters=values | {"results": from_root(results), "device": options.device},
            kernel_name="python3",
            start_timeout=START_S,
            config=config,
            cwd=ROOT,
            progress_bar=False,
            log_output=True,
            store_widget_state=False,  # megabytes of script a widget; whoever opens it runs it anew
        )
    missing = [path for path in makes if not (results / path).exists()]
    if missing:
        raise FileNotFoundError(f"the notebook ended without making {', '.join(missing)}")
    checksums.record(results, makes)
    checksums.remember(results, executed.stem, origin, makes)
    for path in makes:
        remove_pieces(results / path)  # its step is whole and checked: nothing goes on from there


@contextlib.contextmanager
def _sockets() -> Iterator[Config]:
    """The configuration that has the kernel talk through sockets in a private, passing folder.

    By default it is TCP ports, found free first and bound a moment later: of kernels that start at
    once on a busy node some lose theirs to another and never answer. Others on a shared node cannot
    reach these sockets at all. Their paths may have 107 characters, whatever TMPDIR says.
    """
    folder = tempfile.gettempdir()
    folder = folder if len(folder) < 80 else "/tmp"
    with tempfile.TemporaryDirectory(prefix="ecg-", dir=folder) as own:
        yield Config(KernelManager={"transport": "ipc", "ip": f"{own}/kernel"})


def _raised_before(path: Path, run: str) -> str:
    """The error that this notebook raised in an earlier attempt of the same run, "" for none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known_run, _, line = text.partition("\n")
    return line if known_run == run else ""


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one notebook of the analysis.")
    parser.add_argument("--notebook", required=True, metavar="NOTE", help="of the executed copy")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--run", default="", help="a name for the run that this is a step of")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="# is no value")
    parser.add_argument("--force", action="store_true", help="run it, whole or not")
    parser.add_argument("--from", dest="inputs", nargs="*", default=[], metavar="NOTE")
    parser.add_argument("--makes", nargs="*", default=[], metavar="NOTE")
    return parser.parse_args(arguments)


def _value(pair: str) -> tuple[str, object]:
    """Name and value of a parameter: JSON, as the Snakefile writes it, or plain text.

    YAML would take 5e-05 for text.
    """
    key, _, value = pair.partition("=")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def summary(error: Exception, stopped: bool = False) -> str:
    """The last line of an error in a notebook, or why there is none."""
    name = getattr(error, "ename", type(error).__name__)
    if stopped and (_is_death(error) or name in ("Interrupted", "KeyboardInterrupt")):
        return "stopped from outside; the next run goes on from the state it saved, if any"
    if _is_death(error):
        return "the kernel died: killed from outside, or out of memory"
    lines = str(getattr(error, "evalue", error)).strip().splitlines() or [""]
    return f"{'stopped from outside; ' * stopped}{name}: {lines[0]}"


def _is_death(error: Exception) -> bool:
    return type(error).__name__ == "DeadKernelError"


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

    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        signal.signal(getattr(signal, name), handle)
    return stop


def _stop_before_time_limit() -> None:
    """Send this process SIGTERM MARGIN_S before the time limit of its Slurm job, if it is in one.

    Slurm's own warning (--signal) goes to the steps of a job, not to whatever runs in its shell.
    """
    left = time_left(os.environ.get("SLURM_JOB_ID", ""))
    if left is not None:
        wait = left - min(MARGIN_S, left / 4)
        timer = threading.Timer(wait, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of a kernel that died can hold an ordinary exit back.
    os._exit(code) if code else sys.exit(code)
