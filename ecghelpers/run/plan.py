"""A run, checked before anything of it happens: what to do, where, and what Snakemake is told."""

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import checksums
from ..config import DEVICES, Results, check_choice, cores, resolve_device
from ..data.medians import read_medians
from ..ecg import TARGETS
from ..files import listing
from . import notebook_cells, parameter_files, slurm
from .lock import Refusal, short
from .parameter_files import PARAMETERS, quoted
from .steps import NOTEBOOKS, ROOT, RULES, STEPS, Step

SETTINGS = "settings.json"  # in the results folder: what Snakemake was told of the last run
OWN_FOLDERS = (".git", ".venv", "benchmarks", "docs", "ecghelpers", "networks")
MOST_JOBS = 10_000
STEPS_PER_GPU = 4  # a network of this size leaves most of a GPU idle


@dataclass
class Plan:
    """A run that has been checked: the Snakemake configuration, and how to call Snakemake.

    named: whether its targets were asked for by name, so that each must be there.
    """

    settings: dict
    results: Path
    flags: list[str]
    force: bool
    dry_run: bool
    only: bool
    named: bool


def plan(options: argparse.Namespace) -> Plan:
    """Check everything that was asked for. Raises Refusal before anything has run."""
    try:
        targets = _list(options.target, list(TARGETS), "--target")
        settings = parameter_files.load(options.profile, targets)
        device = check_choice("device", options.device, DEVICES)
        steps = [_step(name).rule for name in _list(options.only, [], "--only")]
        noticed = {step.rule: [f"#code={notebook_cells.fingerprint(step)}"] for step in STEPS}
        requests, interval = slurm.requests(options.resources)
        if device == "cuda" and not options.slurm:
            resolve_device(device)
    except (ValueError, OSError, SyntaxError) as error:
        raise Refusal(" ".join(str(error).split())) from error
    origin = settings["notebooks"]["01_data"][""]
    noticed["data"] += (own_files := _own_files(origin))
    if options.jobs is not None and not 1 <= options.jobs <= MOST_JOBS:
        raise Refusal(f"--jobs is {options.jobs}; allowed are 1, 2, … {MOST_JOBS}")
    if options.resources and not options.slurm:
        raise Refusal("--resources is for runs with --slurm")
    steps, only = steps or list(RULES), bool(steps)
    chains = len(targets) * settings["models"] + ("planted" in steps)
    shares, flags = (
        _on_slurm(requests, interval, options) if options.slurm else _here(chains, options)
    )
    settings |= shares | {
        "steps": steps,
        "noticed": noticed,
        "plants": notebook_cells.plant_names(),
        "device": device,
        "force": "--force" * options.force,
        "partial": False,
        "run": f"{time.time():.0f}.{os.getpid()}",
    }
    results = _results(options)
    if own_files and results.is_relative_to((ROOT / origin["source_path"]).resolve()):
        raise Refusal(f"{short(results)} lies inside source_path: name another with --results")
    _check_same_source(results, settings, origin)
    noticed["review"] += _readings(results)
    named = options.target is not None
    return Plan(settings, results, flags, options.force, options.dry_run, only, named)


def left_out(plan: Plan) -> list[str]:
    """The targets that no record of the user's own data has, and that nobody asked for by name.

    Not those that a network is there of: what becomes of it is for the user to say.
    """
    origin, results = plan.settings["notebooks"]["01_data"][""], Results(plan.results)
    if plan.named or not origin.get("source_path"):
        return []
    try:
        data = read_medians(results.medians, mapped=True)
    except (OSError, ValueError):  # none yet, or the first step tells what is wrong with it
        return []
    trained = {target for target, _ in results.models()}
    missing = [t for t in TARGETS if t not in trained and not np.isfinite(data.target(t)).any()]
    return missing if len(missing) < len(TARGETS) else []


def _results(options: argparse.Namespace) -> Path:
    """The results folder; never one that holds the project itself, which steps would overwrite."""
    if options.results is None:
        return (ROOT / "results" / options.profile).resolve()
    given = f"--results {quoted(options.results)}"
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
    for parent in folder.parents:
        if (parent / SETTINGS).is_file() and (parent / checksums.FOLDER).is_dir():
            raise Refusal(f"{given}: it lies in the results folder {short(parent)}; name another")
    home = Path(os.path.expanduser("~"))
    shared = folder == home or len(folder.parts) == 2  # but a disk of its own may be there
    if shared and folder.is_dir() and any(folder.iterdir()) and not (folder / SETTINGS).exists():
        raise Refusal(f"{given}: that is no folder of its own; name a folder in it")
    return folder


def _here(chains: int, options: argparse.Namespace) -> tuple[dict, list[str]]:
    """What the rules get on this machine, and Snakemake's flags.

    The data, which everything waits for, take all cores; the rest share them, as many steps at a
    time as there are chains of steps that do not wait for each other. More threads than cores would
    wait for each other at every operation of a network. --jobs is not for Snakemake: it would then
    start so many whatever their threads.
    """
    here = cores()
    graphics = len(list(Path("/dev").glob("nvidia[0-9]*"))) if options.device != "cpu" else 0
    jobs = options.jobs or min(here, graphics * STEPS_PER_GPU or here)
    shared = here // min(jobs, chains) if jobs <= here else 1
    at_once = min(jobs, here // shared) if jobs <= here else jobs
    threads = {rule: here if rule == "data" else shared for rule in RULES}
    shares = {"threads": threads, "resources": {rule: {"setup": ":"} for rule in RULES}}
    return shares, ["--cores", str(shared * at_once)]


def _on_slurm(requests: dict, interval: int, options) -> tuple[dict, list[str]]:
    """The same for the nodes of a cluster."""
    if not options.dry_run:
        slurm.check_reachable()
    shares = {
        "threads": {rule: values["cpus"] for rule, values in requests.items()},
        "resources": {rule: slurm.rule_resources(values) for rule, values in requests.items()},
    }
    flags = [] if options.dry_run else slurm.snakemake_flags(requests, options.jobs, interval)
    return shares, flags


def _list(text: str | None, default: list[str], flag: str) -> list[str]:
    if text is None:
        return default
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Refusal(f"{flag} is empty; give names with commas between them")
    return list(dict.fromkeys(names))


def _step(name: str) -> Step:
    for step in STEPS:
        if name in (step.number, step.number.lstrip("0"), step.notebook, step.rule):
            return step
    names = [step.number for step in STEPS]
    raise Refusal(f"unknown step {name!r}; choose one of {', '.join(names)}")


def _own_files(parameters: dict) -> list[str]:
    """What the user's own data consist of: a change in it runs the first step again."""
    given = {key: parameters.get(key, "") for key in ("source_path", "labels_path")}
    for key, path in given.items():
        kind, is_kind = (
            ("folder", os.path.isdir) if key == "source_path" else ("file", os.path.isfile)
        )
        if path and not is_kind(ROOT / path):
            raise Refusal(
                f"{key} is {quoted(path)}: there is no such {kind}; name one that there is"
            )
        if path and ROOT.is_relative_to((ROOT / path).resolve()):  # / or a home: listing takes long
            raise Refusal(
                f"{key} is {quoted(path)}: the project itself lies in it; name the folder of the "
                "ECGs alone"
            )
    return [f"#{key} holds={listing(ROOT / path)}" for key, path in given.items() if path]


def _readings(results: Path) -> list[str]:
    """What the reading study's readers have rated: more of it runs the review again."""
    folder = Results(results).readings
    return [f"#readings={listing(folder) if folder.is_dir() else 'none'}"]


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
