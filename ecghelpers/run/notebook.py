"""Run one notebook with papermill, as a rule of the Snakefile does.

    python -m ecghelpers.run.notebook --notebook notebooks/02_train.qt.model1.ipynb
        --set target='"qt"' model=1 epochs=12 --makes qt/model1/model.safetensors

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
from pathlib import Path

import psutil

from ..files import remove_resume_cache
from ..fingerprint import code_cells
from ..paths import ROOT, shown
from ..runtime import die_with_parent
from .lock import hold_steps
from .slurm import time_left

DIED = "DeadKernelError"  # of nbclient
GRACE_S = 100
START_S = 600  # a kernel on a busy node or a cold network drive takes minutes to answer
MARGIN_S = 120  # before the time limit of a Slurm job
STARTED = "ECG_RUN_STARTED"  # start of the run to which this step belongs


def main(arguments: list[str] | None = None) -> int:
    """Run a notebook; return 0 if it ended without an error and made its files."""
    options = _parse(arguments)
    die_with_parent(signal.SIGTERM)
    stops = _pass_stops_on()
    _held = None if "SLURM_JOB_ID" in os.environ else hold_steps(Path.cwd())
    executed = Path(options.notebook).absolute()
    running, failed = (executed.with_suffix(f".{state}.ipynb") for state in ("running", "failed"))
    began = float(os.environ.get(STARTED, "inf"))
    if failed.exists() and failed.stat().st_mtime > began:
        print(f"not tried again: {_error_in(failed)}", file=sys.stderr)
        return 1
    try:
        _execute(options, executed, running)
    except Exception as error:
        name = getattr(error, "ename", type(error).__name__)
        print(_summary(name, error, bool(stops)), file=sys.stderr)
        if running.exists():
            running.unlink() if stops or name == DIED else running.replace(failed)
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
    given = (setting.split("=", 1) for setting in options.set if not setting.startswith("#"))
    parameters = {name: json.loads(value) for name, value in given}
    parameters |= {"results": shown(Path.cwd()), "device": options.device}
    # Sockets in a private folder: of kernels that start at once on a busy node, some lose their TCP
    # port to another. The path of a socket has at most 107 characters.
    place = "/tmp" if len(tempfile.gettempdir()) > 80 else None
    with tempfile.TemporaryDirectory(prefix="ecg-", dir=place) as own:
        papermill.execute_notebook(
            ROOT / "notebooks" / f"{executed.name.split('.')[0]}.ipynb",
            running,
            parameters=parameters,
            kernel_name="python3",
            start_timeout=START_S,
            config=Config(KernelManager={"transport": "ipc", "ip": f"{own}/kernel"}),
            cwd=ROOT,
            progress_bar=False,
            log_output=True,
            stdout_file=sys.stdout,  # the log, which otherwise gets errors only
            store_widget_state=False,  # megabytes of script per widget
        )
    made = [path for path in options.makes if path != options.notebook]
    if missing := [path for path in made if not Path(path).exists()]:
        raise FileNotFoundError(f"the notebook ended without making {', '.join(missing)}")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one notebook of the analysis.")
    parser.add_argument("--notebook", required=True, metavar="FILE", help="the executed copy")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="as JSON")
    parser.add_argument("--makes", nargs="*", default=[], metavar="FILE")
    return parser.parse_args(arguments)


def _summary(name: str, error: Exception, stopped: bool) -> str:
    """An error of a notebook in one line. name: its type in the kernel or here."""
    if stopped and name in (DIED, "Interrupted", "KeyboardInterrupt"):
        return "stopped from outside; the next run resumes from the saved state, if any"
    if name == DIED:
        return "the kernel died: killed from outside, or out of memory"
    lines = str(getattr(error, "evalue", error)).strip().splitlines() or [""]
    return f"{'stopped from outside; ' * stopped}{name}: {lines[0]}"


def _error_in(failed: Path) -> str:
    """The error in the outputs of a failed notebook."""
    outputs = [output for cell in code_cells(failed) for output in cell["outputs"]]
    errors = [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]
    return errors[-1].splitlines()[0] if errors else "it failed before"


def _pass_stops_on() -> list[int]:
    """On a stop signal, or near the time limit of a Slurm job, stop the kernel.

    The kernel is killed if it still runs after GRACE_S. Returns the list of signals received.
    Slurm's own warning (--signal) reaches the steps of a job, not the processes of its shell.
    """
    received = []

    def handle(number, _):
        # When the parent dies, one signal comes for each of its threads: some within this function.
        first = not received
        received.append(number)
        kernels = psutil.Process().children()
        if first:
            signal.alarm(GRACE_S)
            if not kernels:  # it has not started yet
                raise KeyboardInterrupt
            for kernel in kernels:
                kernel.terminate()
        elif number == signal.SIGALRM:
            for kernel in kernels:
                kernel.kill()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM):
        signal.signal(number, handle)
    left = time_left(os.environ.get("SLURM_JOB_ID", ""))
    if left is not None:
        signal.alarm(max(1, round(left - min(MARGIN_S, left / 4))))
    return received


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of a dead kernel can block an ordinary exit.
    os._exit(code) if code else sys.exit(code)
