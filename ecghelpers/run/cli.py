"""The command behind run_all.sh: check its flags, run Snakemake, print where the results are."""

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from ..ecg import TARGETS
from ..parameters import FOLDER, profiles
from ..paths import ROOT, Results, from_project, shown
from ..runtime import DEVICES, cores, die_with_parent, resolve_device
from . import slurm
from .lock import UsageError, lock, wait_for_steps
from .notebook import STARTED
from .progress import TERMINAL
from .workflow import NOTEBOOKS, Workflow, parameter_names

STEPS = [
    "01_data",
    "02_train",
    "03_evaluate",
    "04_heatmaps",
    "05_explore",
    "06_perturbation",
    "07_known_readouts",
    "08_network_truth",
    "09_review",
    "page",
]
RULES = [step.split("_", 1)[-1] for step in STEPS]  # of the Snakefile
SUMMARIES = ("evaluate", "explore", "review", "page")  # steps that cover all targets
OWN_FOLDERS = (".git", ".venv", "benchmarks", "docs", "ecghelpers", "networks", "tests")
CONFIG = ("profile", "target", "only", "results", "device")  # of the Snakefile
STOPS: list[int] = []  # the signals that have stopped this run
STEPS_PER_GPU = 4  # a network of this size leaves most of a GPU idle
EXAMPLES = """examples:
  ./run_all.sh                             everything, with the profile quick
  ./run_all.sh --dry-run                   what would run, and why
  ./run_all.sh --target qt,pr --jobs 2     two targets, two steps at a time
  ./run_all.sh --only 04,06 --force        heatmaps and perturbation once more
  ./run_all.sh --profile paper --slurm     on a cluster (docs/cluster.md)

Results go to results/<profile>/. A step whose results are there is skipped; it runs again when its
parameters, code or inputs change. After an interruption the same command resumes.
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the flags of run_all.sh. Raises UsageError for unknown flags and values."""
    parser = argparse.ArgumentParser(
        prog="run_all.sh",
        description="Train networks that measure ECGs, draw heatmaps of what they look at, "
        "and judge the heatmaps.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    add = parser.add_argument
    names, targets, steps = map(", ".join, (profiles(), TARGETS, STEPS))
    add("--profile", default="quick", metavar="NAME", help=f"{names} (default: quick)")
    targets = f"some of {targets} (default: all)"
    add("--target", metavar="A,B", type=_names, help=targets)
    add("--only", metavar="04,06", type=_rules, help=f"only these steps: {steps}")
    add("--results", metavar="DIR", help="default: results/<profile>")
    default = "steps at a time (default: one per core, or 4 per GPU)"
    add("--jobs", metavar="N", type=_whole_number, help=default)
    add("--device", default="auto", choices=DEVICES, help="default: auto")
    add("--force", action="store_true", help="run the chosen steps again")
    add("--dry-run", action="store_true", help="list what would run, and why; run nothing")
    add("--slurm", action="store_true", help="run the steps as Slurm jobs (profiles/slurm/)")
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise UsageError(str(error).removeprefix("argument ")) from None
    if unknown:
        flags = ", ".join(flag for flag in parser._option_string_actions if flag != "-h")
        raise UsageError(f"unknown flag {' '.join(unknown)!r}; choose from {flags}")
    return options


def _names(text: str) -> str:
    """Names with commas between them, each once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("no name given; separate names with commas")
    return ",".join(dict.fromkeys(names))


def _rules(text: str) -> str:
    """The rules of steps, each given by its number, name or both."""
    known = {}
    for step, rule in zip(STEPS, RULES, strict=True):
        number = step.partition("_")[0]
        known |= dict.fromkeys((number, number.lstrip("0"), step, rule), rule)
    names = _names(text).split(",")
    if unknown := [name for name in names if name not in known]:
        choices = ", ".join(STEPS)
        raise argparse.ArgumentTypeError(f"unknown step {unknown[0]!r}; choose from {choices}")
    return ",".join(known[name] for name in names)


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1 to 9999")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the analysis; return 0 if everything requested was made."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        results = _results(options)
        options.results = str(results)
        check(options)
        if options.dry_run:
            return _dry_run(options)
        with lock(results):
            slurm.cancel_leftovers(results)
            wait_for_steps(results)
            for failed in results.glob("notebooks/*.failed.ipynb"):
                failed.unlink()
            began = time.monotonic()
            status = _run_all(options)
            minutes, seconds = divmod(round(time.monotonic() - began), 60)
            print(f"{'Failed' if status else 'Done'} after {minutes} min {seconds} s")
            if not status:  # otherwise the error stays the last line
                _where_to_look(Results(results))
    except UsageError as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before a step has started
        print("Stopped", file=sys.stderr)
        return 1
    return status


def check(options: argparse.Namespace) -> None:
    """Raise UsageError for what cannot be run, before anything runs."""
    try:
        run = Workflow(vars(options))
        for step in STEPS[:-1]:  # the page has no notebook
            parameter_names(NOTEBOOKS / f"{step}.ipynb")
        if options.device == "cuda" and not options.slurm:
            resolve_device("cuda")
        if options.slurm and not options.dry_run:
            slurm.check_reachable()
    except (ValueError, OSError, SyntaxError) as error:
        raise UsageError(" ".join(str(error).split())) from error
    kinds = {"source_path": ("folder", Path.is_dir), "labels_path": ("file", Path.is_file)}
    for name, (kind, exists) in kinds.items():
        given = getattr(run.common, name)
        path = from_project(given).resolve()
        if given and not exists(path):
            raise UsageError(f"{name} {given!r}: no such {kind} ({path})")
        if given and (ROOT.is_relative_to(path) or run.results.is_relative_to(path)):
            raise UsageError(f"{name} {given!r} holds the project or its results, not only ECGs")


def _results(options: argparse.Namespace) -> Path:
    """The results folder; never one that holds the project itself, which steps would overwrite."""
    if options.results is None:
        return (ROOT / "results" / options.profile).resolve()
    given = f"--results {options.results!r}"
    if not options.results.strip() or set(options.results) & set("{}") or "://" in options.results:
        raise UsageError(f"{given}: name a folder, without braces")
    try:
        folder = Path(options.results).resolve()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{given}: that is a file; name a folder")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{given}: {error}; name another folder") from error
    own = [*(ROOT / name for name in OWN_FOLDERS), NOTEBOOKS, FOLDER]
    inside = any(folder.is_relative_to(path) for path in own) and "output" not in folder.parts
    if inside or ROOT.is_relative_to(folder) or folder == Path.home():
        raise UsageError(f"{given}: overlaps the project or is your home; name another folder")
    return folder


def _dry_run(options: argparse.Namespace) -> int:
    """Let Snakemake list what it would do, without making the results folder; 0 or 1."""
    with tempfile.TemporaryDirectory() as scratch:
        place = options.results if os.path.exists(options.results) else scratch
        errors = _run(options, results=place)
    print(errors, end="", file=sys.stderr)
    return int(bool(errors))


def _run_all(options: argparse.Namespace) -> int:
    """Run Snakemake on all steps; 0 or 1.

    With the user's own ECGs the data step runs first, to see which targets they have. If the steps
    of some targets fail, a second run makes the summaries of the others.
    """
    (Path(options.results) / "logs").mkdir(exist_ok=True)
    os.environ[STARTED] = str(time.time())
    run, errors = Workflow(vars(options)), ""
    parts = [options.only]
    if run.finds_targets and run.makes("data"):
        rest = [rule for rule in RULES if run.makes(rule) and rule != "data"]
        parts = ["data", ",".join(rest)] if rest else ["data"]
    for rules in parts:
        errors = errors or _run(options, only=rules)
    if not errors:
        return 0
    print(errors, end="", file=sys.stderr)
    failed = dict.fromkeys(re.findall(r"(?m)^failed: \w+ (\w+) model", errors))
    others = [target for target in Workflow(vars(options)).targets if target not in failed]
    if failed and others and any(map(run.makes, SUMMARIES)) and not STOPS:
        names = ", ".join(failed)
        print(f"Making the summaries of {', '.join(others)} without {names}", flush=True)
        for line in _run(options, target=",".join(others), force=False).splitlines():
            if "not tried again" not in line:
                print(line, file=sys.stderr)
        print(f"Summaries and page show earlier results of {names}, if any", file=sys.stderr)
    return 1


def snakemake(options: argparse.Namespace) -> list[str]:
    """The command line of Snakemake."""
    run = Workflow(vars(options))
    command = [sys.executable, "-P", "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--nolock", "--rerun-incomplete", "--keep-going", "--nocolor"]
    # Newer inputs with the same content rerun nothing, as in a copy of a results folder.
    command += ["--rerun-triggers", "mtime", "params", "input", "code"]
    command += ["--max-checksum-file-size", str(10**12), "--scheduler", "greedy"]
    if options.slurm:
        command += ["--workflow-profile", str(slurm.PROFILE)]
        command += [] if options.dry_run else slurm.flags(run.results)
        command += ["--jobs", str(options.jobs)] if options.jobs else []
    else:
        command += ["--workflow-profile", "none", *_threads(options, run)]
    command += ["--dry-run"] if options.dry_run else []
    command += ["--allowed-rules", "all", *run.only] if run.only else ["--prioritize", "first_page"]
    if options.force:
        command += ["--forcerun", *run.only] if run.only else ["--forceall"]
    config = [f"{name}={getattr(options, name)}" for name in CONFIG if getattr(options, name)]
    return [*command, "--config", "progress=True", *config]


def _threads(options: argparse.Namespace, run: Workflow) -> list[str]:
    """All cores for the data step, which all others wait for; then a step per network in parallel.

    More threads than cores would wait for each other at every operation.
    """
    here, jobs = cores(), options.jobs
    if not jobs:
        graphics = len(list(Path("/dev").glob("nvidia[0-9]*"))) if options.device != "cpu" else 0
        jobs = min(here, graphics * STEPS_PER_GPU or here)
    each = max(1, here // min(jobs, len(run.networks) + 1))
    used = jobs if jobs > here else each * min(jobs, here // each)
    threads = dict.fromkeys(RULES, each) | {"data": here}
    return ["--cores", str(used), "--set-threads", *(f"{rule}={n}" for rule, n in threads.items())]


def _run(options: argparse.Namespace, **changes) -> str:
    """Run Snakemake with some options changed; return the errors of ``progress``, one a line.

    A stop signal is forwarded to Snakemake and its steps, which save their state; the second kills.
    """
    options = argparse.Namespace(**vars(options) | changes)
    results = Path(options.results)
    path = results / "logs" / "snakemake.log"
    running = []

    def stop(number, _):
        what = "Stopping at once" if STOPS else "Stopping: the running steps save their state"
        print(what, file=sys.stderr)
        for process in running:
            os.killpg(process.pid, signal.SIGKILL if STOPS else signal.SIGINT)
        STOPS.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    sys.stdout.flush()
    with (
        tempfile.TemporaryFile("w+") if options.dry_run else path.open("w+") as log,
        tempfile.TemporaryFile("w+") as errors,
    ):
        terminal = (os.dup(1), errors.fileno())
        process = subprocess.Popen(
            snakemake(options),
            cwd=results,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=terminal,
            env=_environment(results) | {TERMINAL: f"{terminal[0]},{terminal[1]},{os.getcwd()}"},
            preexec_fn=die_with_parent,
            start_new_session=True,  # this process passes Ctrl-C on
        )
        running.append(process)
        if STOPS:  # the signal came before this process
            os.killpg(process.pid, signal.SIGINT)
        failed = process.wait()
        running.clear()
        os.close(terminal[0])
        errors.seek(0)
        lines = errors.read()
        if STOPS:
            return f"{lines}Stopped: run the same command to continue\n"
        if failed and not lines:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["no message"])[-1]
            return f"error: Snakemake: {last} ({shown(path, Path.cwd())})\n"
    return lines if failed else ""


def _environment(results: Path) -> dict[str, str]:
    """The environment of all steps, without the user's IPython and matplotlib configuration."""
    own = results / ".snakemake"
    changed = {"IPYTHONDIR": f"{own}/ipython", "XDG_CONFIG_HOME": f"{own}/config"}
    if not os.access(Path.home(), os.W_OK):  # as on some nodes
        changed["XDG_CACHE_HOME"] = f"{own}/cache"
    return os.environ | changed | {"PATH": f"{slurm.IN_JOB}{os.pathsep}{os.environ['PATH']}"}


def _where_to_look(results: Results) -> None:
    """Print where the results are, and the verdicts of the review."""
    print()
    places = {"Page": results.site, "Notebooks": results.root / "notebooks"}
    places |= {"Errors": results.metrics, "Review": results.review}
    for title, path in places.items():
        if path.exists():
            print(f"{title:10} {shown(path, Path.cwd())}{'/' * path.is_dir()}")
    verdicts: defaultdict = defaultdict(lambda: {"passes": [], "fails": []})
    rows = results.review.read_text("utf-8").splitlines() if results.review.exists() else []
    for row in csv.DictReader(rows):
        if row.get("target") == "all" and row["verdict"] in ("passes", "fails"):
            verdicts[row["method"]][row["verdict"]].append(row["test"].replace("_", " "))
    for method, tests in verdicts.items():
        said = (f"{verdict}: {', '.join(names)}" for verdict, names in tests.items() if names)
        print(f"  {method:26} {'; '.join(said)}")


if __name__ == "__main__":
    sys.exit(main())
