"""Slurm: what each step asks for (parameters/slurm.yaml), and how Snakemake is to send it there."""

import contextlib
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from ..config import check_choice
from . import parameter_files
from .lock import Refusal, short

DEFAULTS = {
    "partition": "",
    "account": "",
    "qos": "",
    "gres": "",
    "cpus": 1,
    "memory_gb": 4,
    "minutes": 60,
    "setup": "",
    "options": "",
}
RULES = (*(step.rule for step in parameter_files.STEPS), "page")
RETRIES = 3  # a step that was stopped goes on from its state; one that raised is not tried again
JOBS = 1000
CHECK_S, MOST_CHECK_S = 20, 90  # seconds between two looks at the queue
MOST = 1_000_000  # minutes, GB or processors
RUN_NOTE = ".slurm_run"
SCANCEL_S = 30


def requests(overrides: str | None) -> tuple[dict[str, dict], int]:
    """What each rule asks for: DEFAULTS, then slurm.yaml, then ``key=value,rule.key=value``.

    Beside it the seconds between two looks at the queue. Raises ValueError for a rule, a key or a
    type that is not known.
    """
    path = parameter_files.PARAMETERS / "slurm.yaml"
    where = str(path.relative_to(parameter_files.ROOT))
    sections = parameter_files.read_yaml(path)
    interval = {"check_seconds": sections.pop("check_seconds", CHECK_S)}
    known = {"check_seconds": CHECK_S}
    interval = parameter_files.check_values(interval, known, where)["check_seconds"]
    asked = {rule: dict(DEFAULTS) for rule in RULES}
    for section in ("every", *RULES):
        values = sections.pop(section, None)  # None: a section without lines
        values = parameter_files.check_values(
            {} if values is None else values, DEFAULTS, f"{where}: {section}"
        )
        for rule in RULES if section == "every" else (section,):
            asked[rule] |= values
    if sections:
        check_choice("section of " + where, next(iter(sections)), ("every", *RULES))
    # What is asked for one step wins over what is asked for all, whichever stands first.
    for rule, values in sorted(_overrides(overrides), key=lambda pair: pair[0] != "every"):
        for name in RULES if rule == "every" else (rule,):
            asked[name] |= values
    _check(asked)
    if not 1 <= interval <= MOST_CHECK_S:
        raise ValueError(
            f"check_seconds in {where} is {interval}; allowed are 1 to {MOST_CHECK_S} (Slurm "
            "forgets finished jobs after MinJobAge, 300 s unless it is set)"
        )
    return asked, interval


def _overrides(text: str | None) -> list[tuple[str, dict]]:
    """The (rule, {key: value}) of the flag --resources."""
    found = []
    # A comma within a value, such as partition=a,b, is followed by no key.
    for item in filter(None, re.split(r",(?=[\w.]+=)", text or "")):
        name, equals, value = item.strip().partition("=")
        if not equals:
            raise ValueError(
                f"--resources: {item!r} is not of the form key=value or rule.key=value"
            )
        rule, _, key = name.rpartition(".")
        rule = check_choice("step in --resources", rule or "every", ("every", *RULES))
        number = isinstance(DEFAULTS.get(key), int) and re.fullmatch(r"\d+", value)
        typed = int(value) if number else value
        found.append((rule, parameter_files.check_values({key: typed}, DEFAULTS, "--resources")))
    return found


def _check(asked: dict[str, dict]) -> None:
    for rule, values in asked.items():
        for key in ("cpus", "memory_gb", "minutes"):
            if not 1 <= values[key] <= MOST:
                raise ValueError(f"{key} of {rule} is {values[key]}; allowed are 1 to {MOST}")
        for key in ("partition", "account", "qos", "gres"):
            if not re.fullmatch(r"[\w.:,@+-]*", values[key]):
                raise ValueError(
                    f"{key} of {rule} is {values[key]!r}; allowed are letters, digits and .:,@+-"
                )
        try:
            shlex.split(values["options"])
        except ValueError as error:
            raise ValueError(f"options of {rule}: {error}: {values['options']!r}") from None


def rule_resources(values: dict) -> dict:
    """The resources of a rule in the words of Snakemake's Slurm plugin."""
    resources = {
        "runtime": values["minutes"],
        "mem_mb": 1024 * values["memory_gb"],
        "cpus_per_task": values["cpus"],
        "slurm_partition": values["partition"],
        "slurm_account": values["account"],
        "qos": values["qos"],
        "gres": values["gres"],
        # Snakemake gives it to a shell.
        "slurm_extra": shlex.join(shlex.split(values["options"])),
    }
    return {key: value for key, value in resources.items() if value != ""}


def snakemake_flags(asked: dict[str, dict], jobs: int | None, checks: int) -> list[str]:
    """The flags that make Snakemake send its jobs to Slurm.

    jobs: at most so many at once. checks: seconds between two looks at the queue. Each step is a
    job of its own: of an array Slurm ended the last task at once when it was told to stop.
    """
    flags = ["--executor", "slurm", "--jobs", str(jobs or JOBS), "--latency-wait", "60"]
    flags += ["--retries", str(RETRIES)]
    flags += ["--seconds-between-status-checks", str(checks)]
    flags += ["--slurm-init-seconds-before-status-checks", str(checks)]
    flags += ["--slurm-logdir", "logs/slurm"]
    if not _has_accounting():
        flags += ["--slurm-status-command", "squeue"]
    if not any(values["account"] for values in asked.values()):
        flags += ["--slurm-no-account"]
    # The batch shell must outlive the signal that tells the step inside it to save and leave.
    return [*flags, "--precommand", "trap '' TERM USR1"]


def _has_accounting() -> bool:
    """Whether sacct tells of finished jobs; if it does not, Snakemake would wait for ever."""
    if not shutil.which("sacct"):
        return False
    asked = subprocess.run(["sacct", "--noheader", "--jobs=1"], capture_output=True)
    return asked.returncode == 0


def check_reachable() -> None:
    """Raise Refusal where Slurm's commands are absent or its controller does not answer."""
    if not shutil.which("sbatch"):
        raise Refusal("--slurm: there is no sbatch here; run on a login node of the cluster")
    asked = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True)
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no answer"])[-1]
        raise Refusal(f"--slurm: the cluster does not answer ({reason})")


def note_run(results: Path, name: str) -> None:
    """Remember the name under which this run's jobs stand in the queue."""
    (results / RUN_NOTE).write_text(name, encoding="utf-8")


def _noted(results: Path) -> str:
    """The name noted last, if it is one."""
    note = results / RUN_NOTE
    name = note.read_text(encoding="utf-8", errors="replace").strip() if note.exists() else ""
    return name if re.fullmatch(r"[\w-]+", name) else ""


def stop_jobs(results: Path) -> None:
    """Tell this run's jobs to save their state and leave; take those that wait from the queue."""
    name = _noted(results)
    if not name or not shutil.which("scancel"):
        return
    for flags in (["--state=PENDING"], ["--full", "--signal=TERM"]):
        with contextlib.suppress(subprocess.TimeoutExpired):
            command = ["scancel", *flags, f"--name={name}"]
            subprocess.run(command, capture_output=True, timeout=SCANCEL_S)


def cancel_leftovers(results: Path, patience_s: float = 120) -> None:
    """Cancel the jobs that a killed run left in the queue, and wait until they are gone."""
    name = _noted(results)
    if name and shutil.which("scancel"):
        subprocess.run(["scancel", f"--name={name}"], capture_output=True)
        limit = time.monotonic() + patience_s
        while _queued(name):
            if time.monotonic() > limit:
                raise Refusal(
                    f"jobs of an earlier run in {short(results)} do not end: scancel {name}"
                )
            time.sleep(1)
    (results / RUN_NOTE).unlink(missing_ok=True)


def _queued(name: str) -> bool:
    command = ["squeue", "--noheader", f"--name={name}"]
    with contextlib.suppress(OSError):
        return bool(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    return False


def time_left(job: str) -> float | None:
    """Seconds until the time limit of a Slurm job; None without a job or a limit."""
    if not job:
        return None
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%L"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    parts = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", answer.strip())
    if not parts:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds
