"""Slurm: what each step asks for (parameters/slurm.yaml), and how Snakemake is to send it there."""

import contextlib
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from ..config import check_choice
from .lock import Refusal, short
from .parameter_files import PARAMETERS, check_values, read_yaml
from .steps import RULES

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
RETRIES = 3  # a step that was stopped goes on from its state; one that raised is not tried again
JOBS = 1000
CHECK_S = 20  # seconds between two looks at the queue
LIMITS = dict.fromkeys(("cpus", "memory_gb", "minutes"), (1, 1_000_000))
LIMITS["check_seconds"] = (1, 90)  # Slurm forgets finished jobs after MinJobAge, 300 s unless set
EVERY = "every"
RUN_NOTE = ".slurm_run"
SCANCEL_S = 30


def requests(overrides: str | None) -> tuple[dict[str, dict], int]:
    """What each rule asks for: DEFAULTS, then slurm.yaml, then ``key=value,rule.key=value``.

    Beside it the seconds between two looks at the queue. Not left to Snakemake's own profile: its
    flag --set-resources drops all that a profile sets, for every rule, to add a single value.
    Raises ValueError for a rule, a key, a type or a value that is not allowed.
    """
    where = "parameters/slurm.yaml"
    sections = read_yaml(PARAMETERS / "slurm.yaml")
    checks = {"check_seconds": sections.pop("check_seconds", CHECK_S)}
    interval = check_values(checks, {"check_seconds": CHECK_S}, where, LIMITS)["check_seconds"]
    for name, values in sections.items():
        check_choice(f"section of {where}", name, (EVERY, *RULES))
        values = {} if values is None else values  # a section without lines
        sections[name] = check_values(values, DEFAULTS, f"{where}: {name}", LIMITS)
    of_rules = {rule: dict(DEFAULTS) for rule in RULES}
    for requested in (list(sections.items()), _overrides(overrides)):
        # What is asked for one step wins over what is asked for all, whichever stands first.
        for rule, values in sorted(requested, key=lambda pair: pair[0] != EVERY):
            for name in RULES if rule == EVERY else (rule,):
                of_rules[name] |= values
    _check_texts(of_rules)
    return of_rules, interval


def _overrides(text: str | None) -> list[tuple[str, dict]]:
    """The (rule, {key: value}) of the flag --resources."""
    overrides = []
    # A comma within a value, such as partition=a,b, is followed by no key.
    for item in filter(None, re.split(r",(?=[\w.]+=)", text or "")):
        name, equals, value = item.strip().partition("=")
        if not equals:
            raise ValueError(
                f"--resources: {item!r} is not of the form key=value or rule.key=value"
            )
        rule, _, key = name.rpartition(".")
        rule = check_choice("step in --resources", rule or EVERY, (EVERY, *RULES))
        number = isinstance(DEFAULTS.get(key), int) and re.fullmatch(r"\d+", value)
        given = {key: int(value) if number else value}
        overrides.append((rule, check_values(given, DEFAULTS, "--resources", LIMITS)))
    return overrides


def _check_texts(of_rules: dict[str, dict]) -> None:
    for rule, values in of_rules.items():
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
        "setup": values["setup"] or ":",
    }
    return {key: value for key, value in resources.items() if value != ""}


def snakemake_flags(of_rules: dict[str, dict], jobs: int | None, checks: int) -> list[str]:
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
    if not any(values["account"] for values in of_rules.values()):
        flags += ["--slurm-no-account"]
    # The job's shell must outlive the signal that tells the step inside it to save and leave.
    return [*flags, "--precommand", "trap '' TERM USR1"]


def _has_accounting() -> bool:
    """Whether sacct tells of finished jobs; if it does not, Snakemake would wait for ever."""
    if not shutil.which("sacct"):
        return False
    answer = subprocess.run(["sacct", "--noheader", "--jobs=1"], capture_output=True)
    return answer.returncode == 0


def check_reachable() -> None:
    """Raise Refusal where Slurm's commands are absent or its controller does not answer."""
    if not shutil.which("sbatch"):
        raise Refusal("--slurm: there is no sbatch here; run on a login node of the cluster")
    answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
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
