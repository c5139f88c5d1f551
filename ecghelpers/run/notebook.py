"""Run one notebook with papermill, as a rule of the Snakefile does.

    python -m ecghelpers.run.notebook --notebook notebooks/02_train.qt.model1.ipynb
        --set target=qt model=1 epochs=12 --makes qt/model1/model.safetensors

The working directory is the results folder. The notebook in the project's ``notebooks/`` with the
name before the first dot runs in the project's folder. Its executed copy gets its name when all
cells have passed; a notebook that failed is kept as ``*.failed.ipynb``.

When this process receives SIGTERM, SIGINT or SIGUSR1, or its Slurm job nears its time limit, the
kernel gets SIGTERM and GRACE_S to save its state. Within one run, a stopped notebook is tried
again; one that raised an error is not.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from ..files import remove_resume_cache
from ..paths import ROOT
from .lock import die_with_parent
from .slurm import time_left

GRACE_S = 100
START_S = 600  # a kernel on a busy node or a cold network drive takes minutes to answer
MARGIN_S = 120  # before the time limit of a Slurm job
STARTED = "ECG_RUN_STARTED"  # start of the run to which this step belongs


def main(arguments: list[str] | None = None) -> int:
    """Run a notebook; return 0 if it ended without an error and made its files."""
    options = _parse(arguments)
    die_with_parent(signal.SIGTERM)
    stop = _pass_signals_on()
    _stop_before_time_limit()
    executed = Path(options.notebook).absolute()
    running, failed = (executed.with_suffix(f".{state}.ipynb") for state in ("running", "failed"))
    began = float(os.environ.get(STARTED, "inf"))
    if failed.exists() and failed.stat().st_mtime > began:
        print(f"not tried again: {_error_in(failed)}", file=sys.stderr)
        return 1
    try:
        _execute(options, executed, running)
    except Exception as error:
        print(summary(error, stop.is_set()), file=sys.stderr)
        if running.exists():
            running.unlink() if stop.is_set() or _is_death(error) else running.replace(failed)
        return 1
    running.replace(executed)
    failed.unlink(missing_ok=True)
    for path in options.makes:
        remove_resume_cache(path)
    return 0


def _execute(options: argparse.Namespace, executed: Path, running: Path) -> None:
    # jsonschema builds a grammar of web addresses when it finds this package: a second per step.
    sys.modules.setdefault("rfc3987_syntax", None)
    import papermill
    from traitlets.config import Config

    executed.parent.mkdir(parents=True, exist_ok=True)
    os.environ["TQDM_DISABLE"] = "1"  # no progress bars in a log
    given = dict(_value(pair) for pair in options.set if not pair.startswith("#"))
    # Sockets in a private folder: of kernels that start at once on a busy node, some lose their TCP
    # port to another. The path of a socket has at most 107 characters.
    folder = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(
        prefix="ecg-", dir=folder if len(folder) < 80 else "/tmp"
    ) as own:
        papermill.execute_notebook(
            ROOT / "notebooks" / f"{executed.name.split('.')[0]}.ipynb",
            running,
            parameters=given | {"results": _from_root(Path.cwd()), "device": options.device},
            kernel_name="python3",
            start_timeout=START_S,
            config=Config(KernelManager={"transport": "ipc", "ip": f"{own}/kernel"}),
            cwd=ROOT,
            progress_bar=False,
            log_output=True,
            store_widget_state=False,  # megabytes of script per widget
        )
    made = [path for path in options.makes if path != options.notebook]
    if missing := [path for path in made if not Path(path).exists()]:
        raise FileNotFoundError(f"the notebook ended without making {', '.join(missing)}")


def _from_root(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one notebook of the analysis.")
    parser.add_argument("--notebook", required=True, metavar="FILE", help="the executed copy")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="# is no value")
    parser.add_argument("--makes", nargs="*", default=[], metavar="FILE")
    return parser.parse_args(arguments)


def _value(pair: str) -> tuple[str, object]:
    """Name and value of a parameter: JSON, as the Snakefile writes it, or plain text."""
    name, _, value = pair.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def summary(error: Exception, stopped: bool = False) -> str:
    """An error of a notebook in one line."""
    name = getattr(error, "ename", type(error).__name__)
    if stopped and (_is_death(error) or name in ("Interrupted", "KeyboardInterrupt")):
        return "stopped from outside; the next run resumes from the saved state, if any"
    if _is_death(error):
        return "the kernel died: killed from outside, or out of memory"
    lines = str(getattr(error, "evalue", error)).strip().splitlines() or [""]
    return f"{'stopped from outside; ' * stopped}{name}: {lines[0]}"


def _is_death(error: Exception) -> bool:
    return type(error).__name__ == "DeadKernelError"


def _error_in(failed: Path) -> str:
    """The error in the outputs of a failed notebook."""
    cells = json.loads(failed.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    errors = [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]
    return errors[-1].splitlines()[0] if errors else "it failed before"


def _pass_signals_on() -> threading.Event:
    """Forward stop signals to the kernel; kill it after GRACE_S."""
    stop = threading.Event()

    def handle(*_):
        if not stop.is_set():
            stop.set()
            kernels = psutil.Process().children()
            if not kernels:  # it has not started yet
                raise KeyboardInterrupt
            for kernel in kernels:
                kernel.terminate()
            timer = threading.Timer(GRACE_S, lambda: [kernel.kill() for kernel in kernels])
            timer.daemon = True
            timer.start()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, handle)
    return stop


def _stop_before_time_limit() -> None:
    """Send this process SIGTERM MARGIN_S before the time limit of its Slurm job, if it is in one.

    Slurm's own warning (--signal) reaches the steps of a job, not the processes of its shell.
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
    # Threads of a dead kernel can block an ordinary exit.
    os._exit(code) if code else sys.exit(code)
