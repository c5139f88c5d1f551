"""Run Snakemake on a checked plan, and tell what it does in readable lines."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import checksums
from ..files import write_json
from . import mending, slurm
from .environment import environment
from .lock import die_with_parent, short
from .plan import SETTINGS, Plan, left_out
from .report import LOG, Report, condensed
from .steps import ROOT, that_sum_up
from .stopping import await_leftovers, stoppable


@dataclass
class Outcome:
    """How a run ended: exit status, and one line for each step that failed."""

    status: int = 0
    failures: list[str] = field(default_factory=list)
    stopped: bool = False


def dry_run(plan: Plan) -> Outcome:
    """Print what a run would do, and why; leave everything as it is."""
    mending.check_kinds(plan.results)
    plan = _of_known_targets(plan)
    with tempfile.TemporaryDirectory() as scratch:
        folder = _shadow(plan.results, Path(scratch) / "results")
        settings = Path(scratch) / SETTINGS
        write_json(settings, plan.settings)
        mended, _ = mending.to_mend(plan)
        for name, state in mended.items():
            print(f"{short(plan.results / name)} {mending.ALTERED[state]}")
        forced = map(checksums.note, mended)
        command = [*_snakemake(plan, folder, settings, forced), "--dry-run"]
        with _start(command, folder, Path(scratch) / "log") as process:
            events = list(_events(process))
        steps = {event["job"]: event for event in events if event["event"] == "start"}
        for step in steps.values():
            reason = step["reason"]
            reason = reason if plan.force else reason.replace("Forced execution", "see above")
            print(f"{step['label']:32} {reason}")
        if process.returncode == 0:
            print(f"{len(steps)} to run" if steps else "Nothing to do: all is whole")
    messages = [event["text"] for event in events if event["event"] == "message"]
    return Outcome(int(process.returncode != 0), [condensed(text) for text in messages])


def _shadow(results: Path, place: Path) -> Path:
    """A folder that shows what a results folder holds, in which Snakemake may write its own."""
    (place / ".snakemake").mkdir(parents=True)
    for held, shadow in ((results, place), (results / ".snakemake", place / ".snakemake")):
        for path in held.iterdir() if held.is_dir() else ():
            if path.name not in (".snakemake", "log", "locks", "iocache"):
                (shadow / path.name).symlink_to(path)
    return place


def execute(plan: Plan) -> Outcome:
    """Run the plan. When some steps fail, the summaries are made of what the others left."""
    started = time.monotonic()
    log = plan.results / LOG
    mending.check_kinds(plan.results)
    log.parent.mkdir(exist_ok=True)
    log.write_text("", encoding="utf-8")
    slurm.cancel_leftovers(plan.results)
    await_leftovers(plan.results)
    checksums.mend_times(plan.results)
    mending.set_aside(plan)
    outcome, plan = _data_first(plan)
    if not outcome.status and plan.settings["steps"]:
        outcome = _run(plan)
    if outcome.failures and not plan.only and not outcome.stopped:
        partial = plan.settings | {"steps": that_sum_up(plan.results), "partial": True, "force": ""}
        if partial["steps"]:
            again = _run(replace(plan, settings=partial, only=True, force=False))
            outcome.failures += [line for line in again.failures if line not in outcome.failures]
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(f"{'Failed' if outcome.status else 'Done'} after {minutes} min {seconds} s")
    return outcome


def _data_first(plan: Plan) -> tuple[Outcome, Plan]:
    """Make the user's own data where nobody named targets; returns the plan of what is left then.

    Only the records can tell which targets there are; what they do not have is left out.
    """
    outcome, steps = Outcome(), plan.settings["steps"]
    own = plan.settings["notebooks"]["01_data"][""].get("source_path")
    if own and not plan.named and "data" in steps:
        outcome = _run(replace(plan, settings=plan.settings | {"steps": ["data"]}, only=True))
        steps = [step for step in steps if step != "data"]
    return outcome, _of_known_targets(replace(plan, settings=plan.settings | {"steps": steps}))


def _of_known_targets(plan: Plan) -> Plan:
    """The plan without the targets that are missing in every record, which it tells."""
    missing = left_out(plan)
    if missing:
        print(f"left out: {', '.join(missing)}, missing in every record")
    targets = [target for target in plan.settings["targets"] if target not in missing]
    return replace(plan, settings=plan.settings | {"targets": targets})


def _snakemake(plan: Plan, folder: Path, settings: Path, damaged: Iterable[str] = ()) -> list[str]:
    command = [sys.executable, "-P", "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(settings)]
    command += ["--workflow-profile", "none"]  # one of the folder that it is called from
    command += plan.flags or ["--cores", "1"]
    # Snakemake's own lock would need a hand after a kill; ``lock`` does not.
    command += ["--nolock", "--rerun-incomplete", "--keep-going", "--nocolor"]
    command += ["--rerun-triggers", "mtime", "params", "input", "code"]
    if plan.only:
        command += ["--allowed-rules", "all", *plan.settings["steps"]]
    forced = [*damaged, *(plan.settings["steps"] if plan.force else ())]
    return command + (["--forcerun", *forced] if forced else [])


def _start(command: list[str], results: Path, log: Path) -> subprocess.Popen:
    """Start Snakemake: its events come through a pipe, its own log goes to a file."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            encoding="utf-8",
            preexec_fn=die_with_parent,
            start_new_session=True,  # Ctrl-C is for us to pass on
            env=environment(results, "slurm" in command),
        )


def _events(process: subprocess.Popen) -> Iterator[dict]:
    for line in process.stdout:
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


def _run(plan: Plan) -> Outcome:
    """Run Snakemake once and print a line when a step starts and when it ends."""
    settings = plan.results / SETTINGS
    write_json(settings, plan.settings)
    command = _snakemake(plan, plan.results, settings)
    report = Report(plan.results)
    started = _start(command, plan.results, plan.results / LOG)
    with started as process, stoppable(process, plan) as stop:
        for event in _events(process):
            report.take(event)
    failures = report.failures()
    if process.returncode and not failures:
        failures = [f"Snakemake ended with status {process.returncode}: see {plan.results / LOG}"]
    return Outcome(int(process.returncode != 0), failures, stop.is_set())
