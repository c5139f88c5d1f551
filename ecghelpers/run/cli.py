"""The command behind run_all.sh: check what was asked for, run Snakemake, say what came out."""

import argparse
import csv
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..config import DEVICES, Results, check_choice, cores, resolve_device
from ..ecg import TARGETS
from ..files import listing
from . import parameter_files, slurm, snakemake
from .lock import Refusal, lock, short
from .parameter_files import EVERY_STEP, NOTEBOOKS, PARAMETERS, ROOT, shown
from .snakemake import SETTINGS, Plan

EXAMPLES = """examples:
  ./run_all.sh                             everything, with the profile quick
  ./run_all.sh --dry-run                   what would run, and why
  ./run_all.sh --target qt,pr --jobs 2     two targets, two steps at a time
  ./run_all.sh --only 04,06 --force        heatmaps and perturbation once more
  ./run_all.sh --profile paper --slurm     on a cluster (docs/cluster.md)

Results go to results/<profile>/. A step whose results are whole is skipped; one whose parameters
or code changed runs again. After a stop of any kind the same command goes on.
"""

OWN_FOLDERS = (".git", ".venv", "benchmarks", "docs", "ecghelpers", "networks")
MOST_JOBS = 10_000
STEPS_PER_GPU = 4  # a network of this size leaves most of a GPU idle


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            flags = [flag for action in self._actions for flag in action.option_strings[-1:]]
            raise Refusal(f"unknown flag {unknown!r}; choose from {', '.join(flags)}")
        raise Refusal(message.replace("invalid int value:", "a whole number is needed, not"))


def parse(arguments: list[str]) -> argparse.Namespace:
    """The flags of run_all.sh. Raises Refusal for anything that it does not know."""
    parser = _Parser(
        prog="run_all.sh",
        description="Train networks that measure ECGs, draw heatmaps of what they look at, "
        "and judge the heatmaps.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    known = ", ".join(parameter_files.profile_names())
    add("--profile", default="quick", metavar="NAME", help=f"{known} (default: quick)")
    add("--target", metavar="A,B", help=f"some of {', '.join(TARGETS)} (default: all)")
    steps = ", ".join(step.notebook for step in parameter_files.STEPS)
    add("--only", metavar="04,06", help=f"only these steps: {steps}, page")
    add("--results", metavar="DIR", help="default: results/<profile>")
    add("--jobs", type=int, metavar="N", help="steps at a time (default: one a core, or 4 a GPU)")
    add("--device", default="auto", metavar="NAME", help=f"{', '.join(DEVICES)} (default: auto)")
    add("--force", action="store_true", help="run the chosen steps again, whole or not")
    add("--dry-run", action="store_true", help="say what would run, and why; run nothing")
    add("--slurm", action="store_true", help="run the steps as Slurm jobs (parameters/slurm.yaml)")
    add(
        "--resources",
        metavar="K=V,…",
        help="with --slurm: other values than slurm.yaml's, such as "
        "partition=gpu,train.minutes=600",
    )
    return parser.parse_args(arguments)


def plan(options: argparse.Namespace) -> Plan:
    """Check everything that was asked for. Raises Refusal before anything has run."""
    try:
        targets = _list(options.target, list(TARGETS), "--target")
        settings = parameter_files.load(options.profile, targets)
        device = check_choice("device", options.device, DEVICES)
        steps = [_step(name) for name in _list(options.only, [], "--only")]
        code = {step.rule: parameter_files.fingerprint(step) for step in EVERY_STEP}
        asked, interval = slurm.requests(options.resources)
    except (ValueError, OSError, SyntaxError) as error:
        raise Refusal(" ".join(str(error).split())) from error
    origin = settings["notebooks"]["01_data"][""]
    own_files = _own_files(origin)
    if options.jobs is not None and not 1 <= options.jobs <= MOST_JOBS:
        raise Refusal(f"--jobs is {options.jobs}; allowed are 1, 2, … {MOST_JOBS}")
    if device == "cuda" and not options.slurm:
        _check_gpu()
    if options.resources and not options.slurm:
        raise Refusal("--resources is for runs with --slurm")
    chosen = steps or list(EVERY_STEP)
    branches = len(targets) * settings["models"]
    place = _on_slurm(asked, interval, options) if options.slurm else _here(branches, options)
    settings |= place.settings | {
        "steps": [step.rule for step in chosen],
        "code": code,
        "plants": parameter_files.plant_names(),
        "own_files": own_files,
        "device": device,
        "force": "--force" * options.force,
        "partial": False,
        "run": f"{time.time():.0f}.{os.getpid()}",
    }
    results = _results(options)
    if own_files and results.is_relative_to((ROOT / origin["source_path"]).resolve()):
        raise Refusal(f"{short(results)} lies inside source_path: name another with --results")
    _check_same_source(results, settings, origin)
    settings["readings"] = _readings(results)
    return Plan(settings, results, place.flags, options.force, options.dry_run, bool(steps))


def _results(options: argparse.Namespace) -> Path:
    """The results folder; never one that holds the project itself, which steps would overwrite."""
    if options.results is None:
        return (ROOT / "results" / options.profile).resolve()
    given = f"--results {shown(options.results)}"
    if not options.results.strip():
        raise Refusal("--results is empty; name a folder")
    if not options.results.isprintable() or set(options.results) & set("{}"):
        raise Refusal(f"{given}: braces and control characters are not allowed; name another")
    if options.results.startswith("~") or "://" in options.results:
        raise Refusal(f"{given}: that is no path; name a folder of this machine")
    try:
        folder = Path(options.results).resolve()
        if folder.exists() and not folder.is_dir():
            raise Refusal(f"{given}: that is a file; name a folder")
        folder.stat()
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError) as error:  # a circle of links, a name that is too long
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise Refusal(f"{given}: {why}; name another folder") from error
    own = (*OWN_FOLDERS, NOTEBOOKS.name, PARAMETERS.name)
    in_tests = folder.is_relative_to(ROOT / "tests") and "output" not in folder.parts
    inside = any(folder.is_relative_to(ROOT / name) for name in own)
    if in_tests or inside or ROOT.is_relative_to(folder):
        raise Refusal(f"{given}: the project itself is there; name another folder")
    shared = folder == Path.home() or len(folder.parts) == 2  # but a disk of its own may be there
    if shared and folder.is_dir() and any(folder.iterdir()) and not (folder / SETTINGS).exists():
        raise Refusal(f"{given}: that is no folder of its own; name a folder in it")
    return folder


@dataclass
class Place:
    """Where the steps run: what the Snakefile is told about it, and Snakemake's flags."""

    settings: dict
    flags: list[str]


def _here(branches: int, options: argparse.Namespace) -> Place:
    """On this machine: the data, which everything waits for, take all cores; the rest share them.

    More threads than cores would wait for each other at every operation of a network.
    """
    here = cores()
    graphics = len(list(Path("/dev").glob("nvidia[0-9]*"))) if options.device != "cpu" else 0
    jobs = options.jobs or min(here, graphics * STEPS_PER_GPU or here)
    shared = max(1, here // min(jobs, branches))
    threads = {rule: here if rule == "data" else shared for rule in slurm.RULES}
    settings = {"threads": threads, "resources": {rule: {} for rule in threads}}
    settings["setup"] = dict.fromkeys(threads, ":")
    return Place(settings, ["--cores", str(here), "--jobs", str(jobs)])


def _on_slurm(asked: dict, interval: int, options) -> Place:
    """On the nodes of a cluster."""
    if not options.dry_run:
        slurm.check_reachable()
    settings = {
        "threads": {rule: values["cpus"] for rule, values in asked.items()},
        "resources": {rule: slurm.rule_resources(values) for rule, values in asked.items()},
        "setup": {rule: values["setup"] or ":" for rule, values in asked.items()},
    }
    flags = [] if options.dry_run else slurm.snakemake_flags(asked, options.jobs, interval)
    return Place(settings, flags)


def _list(text: str | None, default: list[str], flag: str) -> list[str]:
    if text is None:
        return default
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Refusal(f"{flag} is empty; give names with commas between them")
    return list(dict.fromkeys(names))


def _step(name: str) -> parameter_files.Step:
    for step in EVERY_STEP:
        if name in (step.number, step.number.lstrip("0"), step.notebook, step.rule):
            return step
    names = [step.number for step in EVERY_STEP]
    raise Refusal(f"unknown step {name!r}; choose one of {', '.join(names)}")


def _check_gpu() -> None:
    try:
        resolve_device("cuda")
    except ValueError as error:
        raise Refusal(str(error)) from error


def _own_files(parameters: dict) -> list[str]:
    """What the user's own data consist of: a change in it runs the first step again."""
    given = {key: parameters.get(key, "") for key in ("source_path", "labels_path")}
    for key, path in given.items():
        kind, is_kind = (
            ("folder", os.path.isdir) if key == "source_path" else ("file", os.path.isfile)
        )
        if path and not is_kind(ROOT / path):
            raise Refusal(
                f"{key} is {shown(path)}: there is no such {kind}; name one that there is"
            )
    return [f"{key} holds={listing(ROOT / path)}" for key, path in given.items() if path]


def _readings(results: Path) -> str:
    """What the reading study's readers have rated: more of it runs the review again."""
    folder = Results(results).readings
    return f"readings={listing(folder) if folder.is_dir() else 'none'}"


def _check_same_source(results: Path, settings: dict, origin: dict) -> None:
    """Refuse to put records beside networks of another source that this run does not train anew."""
    try:
        before = json.loads((results / SETTINGS).read_text(encoding="utf-8"))
        before = before["notebooks"]["01_data"][""]
        keys = [key for key in ("source", "source_path") if before[key] != origin[key]]
    except (OSError, ValueError, LookupError, TypeError):  # none, or damaged: nothing is known
        return
    trained = settings["targets"] if "train" in settings["steps"] else []
    left = [
        f"{target} model{model}"
        for target, model in Results(results).models()
        if target not in trained or model > settings["models"]
    ]
    if keys and left:
        changed = ", ".join(f"{key} {origin[key]!r} (was {before[key]!r})" for key in keys)
        raise Refusal(
            f"{short(results)} holds networks of other records ({', '.join(left)}), and this run "
            f"has {changed}: name another folder with --results, or train them again as well"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the analysis; return 0 if all that was asked for is there and whole."""
    try:
        planned = plan(parse(sys.argv[1:] if arguments is None else arguments))
        if planned.dry_run:
            outcome = snakemake.dry_run(planned)
        else:
            with lock(planned.results):
                outcome = snakemake.execute(planned)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("error: the output was closed; type the same command to go on", file=sys.stderr)
        return 2
    if not planned.dry_run:
        _where_to_look(planned.results)
    for line in outcome.failures:
        print(line, file=sys.stderr)
    return outcome.status


def _where_to_look(results: Path) -> None:
    layout = Results(results)
    shown = short(results)
    print()
    if layout.site.exists():
        print(f"Page       {shown}/site/index.html")
    print(f"Notebooks  {shown}/notebooks/")
    for path, title in ((layout.metrics, "Errors"), (layout.review, "Review")):
        if path.exists():
            print(f"{title:10} {short(path)}")
    for method, verdicts in _review(layout.review).items():
        told = [f"{verdict}: {', '.join(tests)}" for verdict, tests in verdicts.items()]
        print(f"  {method:20} {'; '.join(told)}")


def _review(table: Path) -> dict[str, dict[str, list[str]]]:
    """Method → verdict → tests, over all targets; empty where the table cannot be read."""
    if not table.is_file():
        return {}
    methods: dict[str, dict[str, list[str]]] = {}
    with table.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("target") == "all" and row.get("verdict"):
                tests = methods.setdefault(row["method"], {}).setdefault(row["verdict"], [])
                tests.append(row["test"].replace("_", " "))
    return methods


if __name__ == "__main__":
    sys.exit(main())
