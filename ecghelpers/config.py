"""Where results lie, which device computes, and where randomness comes from."""

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ecg import TARGETS

ROOT = Path(__file__).resolve().parents[1]  # the project's folder
DEVICES = ("auto", "cpu", "cuda")
WEIGHTS, MAPS, CURVES = "model.safetensors", "attributions.h5", "perturbation.h5"


def _file(name: str) -> property:
    return property(lambda results: results.root / name)


def _of_network(name: str) -> Callable[["Results", str, int], Path]:
    return lambda results, target, model: results.model_dir(target, model) / name


@dataclass(frozen=True)
class Results:
    """Every file of one results folder by name.

    ``Results("results/quick").metrics`` is a path, and so is ``.network("qt", 1)``, a file of the
    first training of one target.
    """

    root: Path

    medians = _file("data/medians.h5")
    events = _file("data/events.csv")
    strips = _file("data/strips.h5")  # rhythm strips of the records to look at
    network = _of_network(WEIGHTS)
    training = _of_network("training.json")
    agreement_figure = _of_network("figures/agreement.png")
    attributions = _of_network(MAPS)
    heatmap_figure = _of_network("figures/heatmap.png")
    methods_figure = _of_network("figures/methods.png")
    perturbation = _of_network(CURVES)
    curves_figure = _of_network("figures/perturbation.png")
    intervention = _of_network("intervention.h5")
    interventions_figure = _of_network("figures/interventions.png")
    truth = _of_network("truth.csv")  # scores of maps against what is known to be true
    effects = _of_network("effects.csv")  # what edits of known effect do to a prediction
    planted_scores = _file("planted/scores.csv")
    metrics = _file("metrics.csv")
    aopc = _file("aopc.csv")
    review = _file("review.csv")
    review_figure = _file("review.png")
    site = _file("site/index.html")
    readings = _file("readings")  # the folder of the files of the reading study's readers

    def __init__(self, root: str | Path):
        object.__setattr__(self, "root", from_project(root))

    def planted_dir(self, kind: str) -> Path:
        """The folder of the network with a known readout."""
        return self.root / "planted" / kind / "model1"

    def model_dir(self, target: str, model: int) -> Path:
        """The folder of a network and of all that is about it."""
        return self.root / check_target(target) / f"model{int(model)}"

    def models(self, target: str | None = None) -> list[tuple[str, int]]:
        """(target, model) of every trained network, or those of a target, in TARGETS' order."""
        found = []
        for name in [target] if target else TARGETS:
            numbers = (p.parent.name[5:] for p in self.root.glob(f"{name}/model*/{WEIGHTS}"))
            found += [(name, number) for number in sorted(int(n) for n in numbers if n.isdigit())]
        return found


def from_project(path: str | Path) -> Path:
    """A path; a relative one as seen from the project's folder, wherever a notebook is opened."""
    return ROOT / path


def check_choice(kind: str, value: str, allowed) -> str:
    """Return value if it is one of allowed, else raise ValueError naming all that are."""
    if value not in allowed:
        raise ValueError(f"unknown {kind} {value!r}; choose one of {', '.join(allowed)}")
    return value


def check_target(target: str) -> str:
    """Return target if it is one of TARGETS, else raise ValueError naming them."""
    return check_choice("target", target, TARGETS)


def check_number(name: str, value, low: float, high: float = math.inf, *, whole: bool = False):
    """Return value if it is a finite number from low to high, else raise ValueError saying so."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    right = isinstance(value, kinds) and not isinstance(value, bool)
    if not (right and math.isfinite(value) and low <= value <= high):
        kind = "a whole number" if whole else "a number"
        ends = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
        raise ValueError(f"{name} is {value!r}; allowed: {kind} {ends}")
    return value


def resolve_device(device: str = "auto"):
    """The torch.device to compute on: ``auto`` is CUDA where there is one, the CPU otherwise."""
    import torch

    check_choice("device", device, DEVICES)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for but torch finds no GPU; use auto or cpu")
    return torch.device(device)


def cores() -> int:
    """How many processors this process is bound to."""
    bound = hasattr(os, "sched_getaffinity")  # not on macOS
    return len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1


def generator(seed: int, *labels: str) -> np.random.Generator:
    """A random generator that depends on seed and labels alone: not on order, batch or machine."""
    text = "\x1f".join([str(int(seed)), *map(str, labels)])
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def progress(total: int, description: str, *, quiet: bool = False):
    """A tqdm bar to be updated by hand; TQDM_DISABLE=1 silences it, as batch logs want it."""
    from tqdm import tqdm

    silenced = {"disable": True} if quiet else {}  # else the environment decides
    return tqdm(total=total, desc=description, leave=False, **silenced)
