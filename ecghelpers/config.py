"""Where results lie, which device computes, and where randomness comes from."""

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ecg import TARGETS

DEVICES = ("auto", "cpu", "cuda")
WEIGHTS, MAPS, CURVES = "model.safetensors", "attributions.h5", "perturbation.h5"


@dataclass(frozen=True)
class Results:
    """The layout of one results folder, e.g. ``Results("results/quick")``."""

    root: Path

    def __init__(self, root: str | Path):
        object.__setattr__(self, "root", _from_project(Path(root)))

    @property
    def medians(self) -> Path:
        return self.root / "data" / "medians.h5"

    @property
    def strips(self) -> Path:
        """Rhythm strips of the records to look at, as many as the source has."""
        return self.root / "data" / "strips.h5"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.csv"

    @property
    def aopc(self) -> Path:
        return self.root / "aopc.csv"

    @property
    def review(self) -> Path:
        return self.root / "review.csv"

    @property
    def readings(self) -> Path:
        """The folder of the files of the reading study's readers."""
        return self.root / "readings"

    @property
    def faithful(self) -> Path:
        """What each operator says of each method, the detail behind one column of the review."""
        return self.root / "faithful.csv"

    @property
    def site(self) -> Path:
        return self.root / "site" / "index.html"

    def model_dir(self, target: str, model: int) -> Path:
        """The folder of the model-th training of one target."""
        return self.root / check_target(target) / f"model{int(model)}"

    @property
    def planted_scores(self) -> Path:
        return self.root / "planted" / "scores.csv"

    def planted_dir(self, plant: str) -> Path:
        """The folder of the network that was trained on a plant."""
        return self.root / "planted" / plant / "model1"

    def planted_metrics(self, plant: str) -> Path:
        """Errors of a planted network, and what was planted, in words."""
        return self.planted_dir(plant) / "metrics.json"

    def planted_network(self, plant: str) -> Path:
        return self.planted_dir(plant) / WEIGHTS

    def planted_attributions(self, plant: str) -> Path:
        return self.planted_dir(plant) / MAPS

    def network(self, target: str, model: int) -> Path:
        return self.model_dir(target, model) / WEIGHTS

    def attributions(self, target: str, model: int) -> Path:
        return self.model_dir(target, model) / MAPS

    def perturbation(self, target: str, model: int) -> Path:
        return self.model_dir(target, model) / CURVES

    def figures(self, target: str, model: int) -> Path:
        """The folder of the pictures that are kept for reports."""
        return self.model_dir(target, model) / "figures"

    def effects(self, target: str, model: int) -> Path:
        """What edits of known effect do to a network's prediction."""
        return self.model_dir(target, model) / "effects.csv"

    def truth(self, target: str, model: int) -> Path:
        """Scores of a network's maps against what is known to be true."""
        return self.model_dir(target, model) / "truth.csv"

    def models(self, target: str | None = None) -> list[tuple[str, int]]:
        """(target, model) of every trained network, or those of a target, in TARGETS' order."""
        found = []
        for name in [target] if target else TARGETS:
            for path in (self.root / name).glob(f"model*/{WEIGHTS}"):
                number = path.parent.name.removeprefix("model")
                if number.isdigit():
                    found.append((name, int(number)))
        return sorted(found, key=lambda item: (list(TARGETS).index(item[0]), item[1]))


def _from_project(path: Path) -> Path:
    """A relative path as the project's folder sees it, also from a notebook opened by hand."""
    here = Path.cwd()
    inside = here.name == "notebooks" and (here.parent / "ecghelpers").is_dir()
    return path if path.is_absolute() or not inside else here.parent / path


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
