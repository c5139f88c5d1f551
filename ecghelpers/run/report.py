"""What Snakemake does, in readable lines, and what failed, in one line a step."""

import contextlib
import re
import shutil
import time
from pathlib import Path

from .. import checksums
from . import slurm
from .lock import short

LOG = "logs/snakemake.log"
LEAST_FREE_BYTES = 2**20
CLOCKS_S = 10  # by which a file server's clock may be behind
# What Snakemake adds after it has said what failed.
AFTERWORDS = ("Exiting because", "WorkflowError:\nAt least one job")


def condensed(text: str) -> str:
    """A message of Snakemake in one line."""
    note = checksums.note("@").split("@")
    text = re.sub(rf"{re.escape(note[0])}(\S+?){re.escape(note[1])}", r"\1", text)
    affected = re.search(r"affected files:\s*(.*)", text, re.DOTALL)
    if affected:
        files = ", ".join(sorted(affected[1].split()))
        if "rite-protected" in text:
            return f"write-protected: {files}; allow writing, or name another folder"
        return f"missing: {files}; run the step that makes it first, or name it in --only as well"
    unmade = re.search(r"Missing files after[^:]*:\s*(\S+)", text)
    if unmade:
        return f"failed: a step ended without making {unmade[1]}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-1:] if "Traceback" in text else lines)


class Report:
    """Turns Snakemake's events into lines on the terminal, and remembers what failed."""

    def __init__(self, results: Path):
        self.results = results
        self.total = 0
        self.started: dict[int, tuple[int, str, float]] = {}
        self.since: dict[int, float] = {}
        self.failed: dict[int, list[str]] = {}
        self.messages: list[str] = []

    def take(self, event: dict) -> None:
        """Print what an event is about."""
        kind, job = event["event"], event.get("job")
        if kind == "slurm":
            slurm.note_run(self.results, event["run"])
        elif kind == "total":
            self.total = event["jobs"]
        elif kind == "start":
            number = self.started[job][0] if job in self.started else len(self.started) + 1
            self.started[job] = (number, event["label"], time.monotonic())
            self.since.setdefault(job, time.time())  # of the first attempt
            self._print(job, "starts")
        elif kind == "end" and job in self.started:
            self.failed.pop(job, None)
            self._print(job, f"done in {time.monotonic() - self.started[job][2]:.0f} s")
        elif kind == "error" and job in self.started:
            self.failed[job] = event["logs"]
            self._print(job, "FAILED")
        elif kind == "message":
            self.messages.append(event["text"])

    def _print(self, job: int, what: str) -> None:
        number, label, _ = self.started[job]
        width = len(str(self.total))
        print(f"[{number:{width}}/{self.total}] {label:32} {what}", flush=True)

    def failures(self) -> list[str]:
        """One line for each step that failed: its error's last line and where to read on."""
        lines = []
        for job, logs in self.failed.items():
            texts = [name for name in logs if self._is_of(name, job)]
            notebooks = [f"notebooks/{Path(name).stem}.ipynb" for name in logs]
            notebooks = [name for name in notebooks if self._is_of(name, job)]
            look_at = short(self.results / [*notebooks, *texts, LOG][0])
            lines.append(f"failed: {self.started[job][1]}: {self._last_line(texts)} ({look_at})")
        texts = [text for text in self.messages if not text.startswith(AFTERWORDS)]
        return lines or list(dict.fromkeys(map(condensed, texts)))

    def _is_of(self, name: str, job: int) -> bool:
        """Whether a file was written since the step began, and not by an earlier run."""
        with contextlib.suppress(OSError):
            return (self.results / name).stat().st_mtime >= self.since[job] - CLOCKS_S
        return False

    def _last_line(self, logs: list[str]) -> str:
        for name in logs:
            with contextlib.suppress(OSError):
                text = (self.results / name).read_text(encoding="utf-8", errors="replace")
                lines = [line for line in text.splitlines() if line.strip()]
                if lines and lines[-1].startswith("[IPKernelApp]"):
                    return "it was killed"
                if lines:
                    return lines[-1]
        if not self.results.is_dir():
            return "the results folder is gone"
        if shutil.disk_usage(self.results).free < LEAST_FREE_BYTES:
            return "No space left on device"
        refused = [re.search(r"error message was '(.*?)'", text, re.S) for text in self.messages]
        reasons = [" ".join(match[1].split()) for match in refused if match]
        return f"it did not start: {reasons[-1]}" if reasons else "it did not start"
