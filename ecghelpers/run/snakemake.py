"""Run Snakemake on a checked plan, and tell what it does in readable lines."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from .. import checksums
from ..ecg import TARGETS
from . import parameter_files, slurm
from .lock import Refusal, die_with_parent, short

SETTINGS = "settings.json"
LOG = "logs/snakemake.log"
LEAST_FREE_BYTES = 2**20
RUNNER = "ecghelpers.run.notebook"
CLOCKS_S = 10  # by which a file server's clock may be behind
PATIENCE_S = 120  # somewhat longer than a step may take to save its state
IDLE_S = 60  # after which a Snakemake that was told to stop, and has no step, is stuck
FOLDERS = ("logs", "notebooks", "data", "planted", "site", ".snakemake", checksums.FOLDER, *TARGETS)
SPOILT = {  # what is said of a file that is not what its step made
    "gone": "is gone: it is made again",
    "damaged": "is damaged (checksum): it is made again",
    "changed": "was written since by something else than this command, such as a notebook run by "
    "hand: it is made again",
}
# What Snakemake adds after it has said what failed.
AFTERWORDS = ("Exiting because", "WorkflowError:\nAt least one job")


@dataclass
class Plan:
    """A run that has been checked: the Snakemake configuration, and how to call Snakemake."""

    settings: dict
    results: Path
    flags: list[str]
    force: bool
    dry_run: bool
    only: bool


@dataclass
class Outcome:
    """How a run ended: exit status, and one line for each step that failed."""

    status: int = 0
    failures: list[str] = field(default_factory=list)
    stopped: bool = False


def dry_run(plan: Plan) -> Outcome:
    """Print what a run would do, and why; leave everything as it is."""
    _check_kinds(plan.results)
    with tempfile.TemporaryDirectory() as scratch:
        folder = _shadow(plan.results, Path(scratch) / "results")
        settings = Path(scratch) / SETTINGS
        settings.write_text(json.dumps(plan.settings), encoding="utf-8")
        mended, _ = _to_mend(plan)
        for name, state in mended.items():
            print(f"{short(plan.results / name)} {SPOILT[state]}")
        forced = map(checksums.note, mended)
        command = [*_snakemake(plan, folder, settings, forced), "--dry-run"]
        steps, messages = {}, []
        with _start(command, Path(scratch) / "log") as process:
            for event in _events(process):
                if event["event"] == "start":
                    steps[event["job"]] = event
                elif event["event"] == "message":
                    messages.append(event["text"])
        for step in steps.values():
            why = reason(step["reason"])
            why = why if plan.force else why.replace("Forced execution", "see above")
            print(f"{step['label']:32} {why}")
        if process.returncode == 0:
            print(f"{len(steps)} to run" if steps else "Nothing to do: all is whole")
        return Outcome(int(process.returncode != 0), [_condensed(text) for text in messages])


def _shadow(results: Path, place: Path) -> Path:
    """A folder that shows what a results folder holds, in which Snakemake may write its own."""
    (place / ".snakemake").mkdir(parents=True)
    for held, shown in ((results, place), (results / ".snakemake", place / ".snakemake")):
        for path in held.iterdir() if held.is_dir() else ():
            if path.name not in (".snakemake", "log", "locks"):
                (shown / path.name).symlink_to(path)
    return place


def _check_kinds(results: Path) -> None:
    """Raise Refusal for a file where a folder belongs, or a folder where a file does."""
    for name in FOLDERS:
        if (results / name).exists() and not (results / name).is_dir():
            raise Refusal(f"{short(results / name)} is a file where a folder belongs; rename it")
    for name in (SETTINGS, LOG):
        if (results / name).is_dir():
            raise Refusal(f"{short(results / name)} is a folder where a file belongs; rename it")


def reason(text: str) -> str:
    """Snakemake's reason for a step in one line; of changed parameters only those that differ."""
    text = " ".join(text.split())
    head, found, change = text.partition("Params have changed since last execution:")
    if not found:
        return text
    before, _, now = change.partition(" now: ")
    old, new = (set(re.findall(r"'((?:[^'\\]|\\.)*)'", side)) for side in (before, now))
    changed = [f"{pair} (was {_was(pair, old)})" for pair in sorted(new - old) if "=" in pair]
    code = {word for word in old ^ new if "=" not in word}
    parts = [f"changed: {', '.join(changed)}"] * bool(changed) + ["its code changed"] * bool(code)
    return f"{head}{'; '.join(parts) or 'parameters changed'}"


def _was(pair: str, old: set[str]) -> str:
    key = pair.partition("=")[0] + "="
    return next((item.removeprefix(key) for item in old if item.startswith(key)), "not set")


def _condensed(text: str) -> str:
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
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def execute(plan: Plan) -> Outcome:
    """Run the plan. When some steps fail, the summaries are made of what the others left."""
    started = time.monotonic()
    log = plan.results / LOG
    _check_kinds(plan.results)
    log.parent.mkdir(exist_ok=True)
    log.write_text("", encoding="utf-8")
    slurm.cancel_leftovers(plan.results)
    _await_leftovers(plan.results)
    checksums.mend_times(plan.results)
    mended, others = _to_mend(plan)
    for name, state in (mended | others).items():
        aside = _set_aside(plan.results, name, state)
        kept = f" (kept as {short(plan.results / aside)})" if state == "changed" else ""
        if name in mended:
            print(f"{short(plan.results / name)} {SPOILT[state]}{kept}")
    outcome = _run(plan)
    if outcome.failures and not plan.only and not outcome.stopped:
        partial = plan.settings | {"steps": _summaries(plan.results), "partial": True, "force": ""}
        if partial["steps"]:
            again = _run(replace(plan, settings=partial, only=True, force=False))
            outcome.failures += [line for line in again.failures if line not in outcome.failures]
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(f"{'Failed' if outcome.status else 'Done'} after {minutes} min {seconds} s")
    return outcome


def _to_mend(plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """What is not what its step made: what this run makes again, and that of other targets.

    Raises Refusal for a file that it may need and does not make.
    """
    mended, others = {}, {}
    for name, state in checksums.spoilt(plan.results).items():
        step = next((s for s in parameter_files.EVERY_STEP if s.made(name)), None)
        if step is None or (state == "changed" and name not in _read_by_others(step, name)):
            continue
        place = f"{short(plan.results / name)} {SPOILT[state].partition(':')[0]}"
        if not _asked_for(plan.settings, **step.made(name).groupdict()):
            if state != "gone":
                print(f"{place}: it is left out; a run for its target makes it again")
            others[name] = state
        elif step.rule in plan.settings["steps"]:
            mended[name] = state
        elif name in _read_by_others(step, name):
            raise Refusal(f"{place}: run the step that makes it as well ({step.rule})")
    return mended, others


def _read_by_others(step: parameter_files.Step, name: str) -> list[str]:
    """The name, if other steps read the file."""
    read = replace(step, beside=(), notebook="")
    return [name] if read.made(name) else []


def _asked_for(settings: dict, target: str = "", model: str = "1", plant: str = "") -> bool:
    """Whether a run is about a target's model, or a plant; a file of neither is everyone's."""
    if plant:
        return plant in settings["plants"]
    return not target or (target in settings["targets"] and int(model) <= settings["models"])


def _set_aside(results: Path, name: str, state: str) -> str:
    try:
        return checksums.set_aside(results, name, state)
    except OSError as error:
        place = short(results / name)
        raise Refusal(f"{place} is damaged and cannot be renamed: {error.strerror}") from error


def _await_leftovers(results: Path) -> None:
    """Wait for steps that outlive a killed run for as long as they save their state."""
    steps = []
    with contextlib.suppress(OSError, ValueError, KeyError):
        run = json.loads((results / SETTINGS).read_text(encoding="utf-8"))["run"]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if {RUNNER, run} <= set(process.cmdline()):
                    steps.append(process)
    if steps:
        print("Waiting for the steps of an earlier run to leave", flush=True)
        _, left = psutil.wait_procs(steps, timeout=PATIENCE_S)
        for process in left:
            process.kill()


def _summaries(results: Path) -> list[str]:
    """The steps that sum up whatever there is in a results folder, and can."""
    folders = [results / checksums.FOLDER / target for target in TARGETS]
    whole = {checksums.noted(path.name) for folder in folders for path in folder.rglob("*")}
    steps = []
    if "model.safetensors" in whole:
        steps.append("evaluate")
        if "attributions.h5" in whole:
            steps += ["explore", "review", "page"]
    return steps


def _snakemake(plan: Plan, folder: Path, settings: Path, damaged: Iterable[str] = ()) -> list[str]:
    snakefile = parameter_files.ROOT / "Snakefile"
    command = [sys.executable, "-P", "-m", "snakemake", "--snakefile", str(snakefile)]
    command += ["--directory", str(folder), "--configfile", str(settings)]
    command += plan.flags or ["--cores", "1"]
    # Snakemake's own lock would need a hand after a kill; ``lock`` does not.
    command += ["--nolock", "--rerun-incomplete", "--keep-going", "--nocolor"]
    command += ["--rerun-triggers", "mtime", "params", "input", "code"]
    if plan.only:
        command += ["--allowed-rules", "all", *plan.settings["steps"]]
    forced = [*damaged, *(plan.settings["steps"] if plan.force else ())]
    return command + (["--forcerun", *forced] if forced else [])


def _start(command: list[str], log: Path) -> subprocess.Popen:
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
        )


def _events(process: subprocess.Popen) -> Iterator[dict]:
    for line in process.stdout:
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


def _run(plan: Plan) -> Outcome:
    """Run Snakemake once and print a line when a step starts and when it ends."""
    settings = plan.results / SETTINGS
    _write(settings, plan.settings)
    command = _snakemake(plan, plan.results, settings)
    report = Report(plan.results)
    with _start(command, plan.results / LOG) as process, _stoppable(process, plan) as stop:
        for event in _events(process):
            report.take(event)
    failures = report.failures()
    if process.returncode and not failures:
        failures = [f"Snakemake ended with status {process.returncode}: see {plan.results / LOG}"]
    return Outcome(int(process.returncode != 0), failures, stop.is_set())


def _write(path: Path, settings: dict) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    temporary.replace(path)


@contextlib.contextmanager
def _stoppable(process: subprocess.Popen, plan: Plan) -> Iterator[threading.Event]:
    """Pass a wish to stop on to Snakemake (no new steps) and to the running steps (save, leave).

    The second wish ends everything at once.
    """
    stop = threading.Event()

    def handle(*_):
        children = psutil.Process(process.pid).children(recursive=True)
        if stop.is_set():
            print("Stopping at once", file=sys.stderr)
            for child in (*children, process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            return
        stop.set()
        print("Stopping: the running steps save their state", file=sys.stderr)
        process.terminate()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                if RUNNER in child.cmdline():
                    child.terminate()
        slurm.stop_jobs(plan.results)
        threading.Thread(target=_end_when_idle, args=(process,), daemon=True).start()

    before = {name: signal.signal(name, handle) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _end_when_idle(process: subprocess.Popen) -> None:
    """End a Snakemake that was told to stop, once it had no step for IDLE_S.

    Its handler of the signal can wait for a lock that the thread it interrupted holds, for good.
    """
    idle_since = time.monotonic()
    while process.poll() is None and time.monotonic() - idle_since < IDLE_S:
        time.sleep(1)
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process.pid).children():
                idle_since = time.monotonic()
    if process.poll() is None:
        process.kill()


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
            self.since[job] = time.time()
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
            shown = short(self.results / [*notebooks, *texts, LOG][0])
            lines.append(f"failed: {self.started[job][1]}: {self._last_line(texts)} ({shown})")
        texts = [text for text in self.messages if not text.startswith(AFTERWORDS)]
        return lines or list(dict.fromkeys(map(_condensed, texts)))

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
        reasons = [" ".join(found[1].split()) for found in refused if found]
        return f"it did not start: {reasons[-1]}" if reasons else "it did not start"
