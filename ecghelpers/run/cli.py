"""The command behind run_all.sh: check what was asked for, run Snakemake, say what came out."""

import argparse
import contextlib
import csv
import os
import re
import sys
from pathlib import Path

from ..config import DEVICES, Results
from ..ecg import TARGETS
from . import parameter_files, snakemake
from .lock import Refusal, lock, short
from .plan import plan
from .steps import WITH_NOTEBOOK

EXAMPLES = """examples:
  ./run_all.sh                             everything, with the profile quick
  ./run_all.sh --dry-run                   what would run, and why
  ./run_all.sh --target qt,pr --jobs 2     two targets, two steps at a time
  ./run_all.sh --only 04,06 --force        heatmaps and perturbation once more
  ./run_all.sh --profile paper --slurm     on a cluster (docs/cluster.md)

Results go to results/<profile>/. A step whose results are whole is skipped; one whose parameters
or code changed runs again. After a stop of any kind the same command goes on.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            flags = [flag for action in self._actions for flag in action.option_strings[-1:]]
            raise Refusal(f"unknown flag {unknown!r}; choose from {', '.join(flags)}")
        raise Refusal(re.sub(r"invalid \w+ value:", "a whole number is needed, not", message))


def _number(text: str) -> int:
    """A whole number as people write it: Python's own would take 1_0 for ten."""
    if not re.fullmatch(r"\d+", text, re.ASCII):
        raise ValueError(text)
    return int(text)


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
    profiles = ", ".join(parameter_files.profile_names())
    add("--profile", default="quick", metavar="NAME", help=f"{profiles} (default: quick)")
    add("--target", metavar="A,B", help=f"some of {', '.join(TARGETS)} (default: all)")
    steps = ", ".join(step.notebook for step in WITH_NOTEBOOK)
    add("--only", metavar="04,06", help=f"only these steps: {steps}, page")
    add("--results", metavar="DIR", help="default: results/<profile>")
    add(
        "--jobs",
        type=_number,
        metavar="N",
        help="steps at a time (default: one a core, or 4 a GPU)",
    )
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


def main(arguments: list[str] | None = None) -> int:
    """Run the analysis; return 0 if all that was asked for is there and whole."""
    try:
        planned = plan(parse(sys.argv[1:] if arguments is None else arguments))
        if planned.dry_run:
            outcome = snakemake.dry_run(planned)
        else:
            with lock(planned.results):
                outcome = snakemake.execute(planned)
            _where_to_look(planned.results)
        for line in outcome.failures:
            print(line, file=sys.stderr)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    return outcome.status


def main_or_why_not() -> int:
    """As main, where what it prints may not be written."""
    try:
        status = main()
        print(end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to print
        closed = isinstance(error, BrokenPipeError)
        why = "was closed" if closed else f"cannot be written: {error.strerror}"
        with contextlib.suppress(OSError):
            what = error.filename or "the output"
            print(f"error: {what} {why}; type the same command to go on", file=sys.stderr)
        return 2
    return status


def _where_to_look(results: Path) -> None:
    layout = Results(results)
    folder = short(results)
    print()
    if layout.site.exists():
        print(f"Page       {folder}/site/index.html")
    print(f"Notebooks  {folder}/notebooks/")
    for path, title in ((layout.metrics, "Errors"), (layout.review, "Review")):
        if path.exists():
            print(f"{title:10} {short(path)}")
    for method, verdicts in _review(layout.review).items():
        answers = [f"{verdict}: {', '.join(tests)}" for verdict, tests in verdicts.items()]
        print(f"  {method:20} {'; '.join(answers)}")


def _review(table: Path) -> dict[str, dict[str, list[str]]]:
    """Method → verdict → tests, over all targets; empty where the table cannot be read."""
    if not table.is_file():
        return {}
    methods: dict[str, dict[str, list[str]]] = {}
    with table.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            whole = all(isinstance(row.get(name), str) for name in ("method", "test"))
            if whole and row.get("target") == "all" and row.get("verdict"):
                tests = methods.setdefault(row["method"], {}).setdefault(row["verdict"], [])
                tests.append(row["test"].replace("_", " "))
    return methods


if __name__ == "__main__":
    sys.exit(main_or_why_not())
