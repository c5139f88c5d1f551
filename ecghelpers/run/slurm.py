"""Slurm beside Snakemake's plugin: leftover jobs of a killed run, and time limits.

The resources of each step are in the Snakefile and in ``profiles/slurm/config.yaml``.
"""

import contextlib
import hashlib
import re
import shutil
import subprocess
import time
from pathlib import Path

from ..paths import ROOT
from .lock import UsageError

PROFILE = ROOT / "profiles" / "slurm"
IN_JOB = Path(__file__).parent / "in_job"  # first on the PATH of jobs: see srun there


def check_reachable() -> None:
    """Raise UsageError where Slurm's commands are absent or its controller does not answer."""
    if not shutil.which("sbatch"):
        raise UsageError("--slurm: there is no sbatch here; run on a login node of the cluster")
    answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
        raise UsageError(f"--slurm: the cluster does not answer ({reason})")


def flags(results: Path) -> list[str]:
    """Snakemake's flags that depend on the cluster and the results folder."""
    prefix = ["--slurm-jobname-prefix", _prefix(results)]
    if _output("sacct", "--noheader", "--jobs=1") is not None:
        return prefix
    # without accounting, sacct never reports the end of a job, and there are no accounts
    return [*prefix, "--slurm-status-command", "squeue", "--slurm-no-account"]


def cancel_leftovers(results: Path, patience_s: float = 120) -> None:
    """Cancel the jobs that a killed run left in the queue, and wait for their end."""
    limit = time.monotonic() + patience_s
    while jobs := _jobs(results):
        subprocess.run(["scancel", *jobs], capture_output=True)
        if time.monotonic() > limit:
            raise UsageError(f"jobs of an earlier run do not end: scancel {' '.join(jobs)}")
        time.sleep(1)


def _prefix(results: Path) -> str:
    """The beginning of the names of all jobs of a results folder."""
    return f"ecg-{hashlib.sha256(str(results).encode()).hexdigest()[:12]}"


def _jobs(results: Path) -> list[str]:
    lines = (_output("squeue", "--me", "--noheader", "--format=%j %i") or "").splitlines()
    return [line.split()[-1] for line in lines if line.startswith(_prefix(results))]


def time_left(job: str) -> float | None:
    """Seconds until the time limit of a Slurm job; None without a job or a limit."""
    answer = _output("squeue", "--noheader", f"--jobs={job}", "--format=%L") if job else ""
    parts = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", (answer or "").strip())
    if not parts:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds


def _output(*command: str) -> str | None:
    """The output of a command; None if it fails or is absent."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True, timeout=60)
    return None
