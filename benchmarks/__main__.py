"""Measure everything, print the table, write benchmarks/results/<machine>.json."""

import argparse
import json
import os
from dataclasses import asdict
from datetime import date
from pathlib import Path

import torch

from ecghelpers.runtime import resolve_device

from . import attribution_maps, forward, intervention_maps, perturbation_curves, training_step
from .setting import make_setting
from .timing import Row, machine

WORK = {
    "forward": forward.rows,
    "training": training_step.rows,
    "perturbation": perturbation_curves.rows,
    "attribution": attribution_maps.rows,
    "intervention": intervention_maps.rows,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=WORK, nargs="+", default=list(WORK), metavar="WORK")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--threads", type=int, default=2, help="on the CPU (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="more is steadier (default: 3)")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args()


def line(row: Row) -> str:
    least, sign = row.spread[0], "within " if row.less_is_better else ""
    times = f"{row.ratio:5.2f} x ({least:.2f}-{row.spread[1]:.2f})"
    goals = f"{sign}{row.at_least:g} x, aim {sign}{row.aim:g} x"
    a_unit = {name: f"{row.details[name] * 1000:.4g} ms" for name in ("ours", "theirs")}
    return (
        f"{row.work:44} {row.against:32} {times:22} {row.verdict:12} [{goals}]  "
        f"{a_unit['ours']} against {a_unit['theirs']}"
    )


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    setting = make_setting(device, options.rounds)
    name = machine(device)
    print(f"{name}, float32, torch {torch.__version__}; median of rounds (smallest-largest)\n")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"The machine is busy (load {load:.1f}): these figures are worth little.\n")
    found = []
    for work in options.only:
        for row in WORK[work](setting):
            print(line(row), flush=True)
            found.append(asdict(row) | {"verdict": row.verdict})
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{name}.json"
    content = {"machine": name, "torch": torch.__version__, "date": str(date.today()), "load": load}
    path.write_text(json.dumps(content | {"rows": found}, indent=2) + "\n")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
