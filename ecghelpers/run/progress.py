"""Progress of a run: a line when a step starts, one when it ends, one for each failure."""

import contextlib
import logging
import os
import re
import shutil
import time
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

AFTERWORDS = ("Exiting because", "WorkflowError:\nAt least one job", "At least one job did not")
LEAST_FREE_BYTES = 2**20
PHRASE = "Union of exclusive params before and now across all output: "
TERMINAL = "ECG_TERMINAL"  # file descriptors for progress and errors, and where the run started


class Progress(logging.Handler):
    """Prints Snakemake's events for people; its own log goes elsewhere."""

    def __init__(self, dry_run: bool):
        super().__init__()
        self.dry_run = dry_run
        self.out, self.errors, self.started_in = os.environ[TERMINAL].split(",", 2)
        self.total = 0
        self.steps: dict[int, tuple[str, float]] = {}  # label and start
        self.failed: dict[int, str] = {}
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind = getattr(record, "event", None)
        if kind == LogEvent.RUN_INFO:
            # The dry run sends it again at its end.
            self.total = max(self.total, record.stats["total"] - record.stats.get("all", 0))
        elif kind == LogEvent.JOB_INFO and record.rule_name != "all":
            self._start(record)
        elif kind == LogEvent.JOB_FINISHED and record.job_id in self.steps:
            self.failed.pop(record.job_id, None)
            self._tell(record.job_id, f"done in {time.time() - self.steps[record.job_id][1]:.0f} s")
        elif kind == LogEvent.JOB_ERROR and record.jobid in self.steps:
            self.failed[record.jobid] = self._failure(record.jobid, record.log)
            self._tell(record.jobid, "FAILED")
        elif record.levelno >= logging.ERROR and kind in (None, LogEvent.ERROR):
            self.messages.append(record.getMessage())

    def _start(self, record: logging.LogRecord) -> None:
        label = Path(record.log[0]).stem.replace(".", " ")
        if self.dry_run and record.jobid not in self.steps:
            self._print(f"{label:32} {_reason(record.reason)}")
        self.steps[record.jobid] = (label, time.time())
        if not self.dry_run:
            Path(record.log[0]).unlink(missing_ok=True)  # of an earlier run
            self._tell(record.jobid, "starts")

    def _tell(self, job: int, what: str) -> None:
        number = list(self.steps).index(job) + 1
        width = len(str(self.total))
        self._print(f"[{number:{width}}/{self.total}] {self.steps[job][0]:32} {what}")

    def _print(self, line: str, *, error: bool = False) -> None:
        with contextlib.suppress(OSError):  # closed by `| head`; the run continues
            os.write(int(self.errors if error else self.out), f"{line}\n".encode())

    def _failure(self, job: int, logs: list[str]) -> str:
        """One line: the step, the last line of its log, and the file with the details."""
        log = Path(logs[0])
        notebook = Path("notebooks") / f"{log.stem}.failed.ipynb"
        found = [path for path in (notebook, log, Path("logs/snakemake.log")) if path.exists()]
        text = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
        full = shutil.disk_usage(".").free < LEAST_FREE_BYTES
        why = "No space left on device" if full else "it did not start"
        why = text.splitlines()[-1] if text else why
        place = os.path.relpath(found[0], self.started_in)
        return f"failed: {self.steps[job][0]}: {why} ({place})"

    def close(self) -> None:
        """Print what failed, at the end of the run."""
        if self.dry_run and not self.messages:
            n = len(self.steps)
            self._print(f"{n} steps to run" if n else "Nothing to do: everything is up to date")
        errors = filter(None, map(_condensed, self.messages))
        for line in self.failed.values() or dict.fromkeys(errors):
            self._print(line, error=True)
        self.failed, self.messages = {}, []
        super().close()


def _reason(text: str) -> str:
    text = re.sub(r"Input files updated by another job: .*", "new inputs", text.replace(PHRASE, ""))
    return " ".join(text.split())


def _condensed(text: str) -> str:
    """A message of Snakemake in one line; "" for one that only follows from others."""
    if text.startswith(AFTERWORDS):
        return ""
    if affected := re.search(r"affected files:\s*(.*)", text, re.DOTALL):
        files = ", ".join(sorted(affected[1].split()))
        if "rite-protected" in text:
            return f"write-protected: {files}; allow writing, or name another folder"
        return f"missing: {files}; run the step that makes it first, or name it in --only as well"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "error: " + "; ".join(lines[-1:] if "Traceback" in text else lines)
