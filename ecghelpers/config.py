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
NETWORK, PLANTED = "{target}/model{model}", "planted/{plant}/model1"
# Every file of a results folder by name; target, model and plant stand for what it is of.
FILES = {
    "medians": "data/medians.h5",
    "strips": "data/strips.h5",
    "rejected": "data/rejected.csv",
    "network": f"{NETWORK}/{WEIGHTS}",
    "training": f"{NETWORK}/training.json",
    "agreement": f"{NETWORK}/figures/agreement.png",
    "attributions": f"{NETWORK}/{MAPS}",
    "heatmap": f"{NETWORK}/figures/heatmap.png",
    "methods": f"{NETWORK}/figures/methods.png",
    "perturbation": f"{NETWORK}/{CURVES}",
    "curves": f"{NETWORK}/figures/perturbation.png",
    "gaps": f"{NETWORK}/figures/gaps.png",
    "truth": f"{NETWORK}/truth.csv",
    "effects": f"{NETWORK}/effects.csv",
    "planted_network": f"{PLANTED}/{WEIGHTS}",
    "planted_attributions": f"{PLANTED}/{MAPS}",
    "planted_metrics": f"{PLANTED}/metrics.json",
    "plant_scores": f"{PLANTED}/scores.csv",
    "planted_scores": "planted/scores.csv",
    "metrics": "metrics.csv",
    "aopc": "aopc.csv",
    "faithful": "faithful.csv",
    "review": "review.csv",
    "page": "site",
}


@dataclass(frozen=True)
class Results:
    """The layout of one results folder, e.g. ``Results("results/quick")``."""

    root: Path

    def __init__(self, root: str | Path):
        object.__setattr__(self, "root", _from_project(Path(root)))

    def _file(self, name: str, **of: str | int) -> Path:
        if "target" in of:
            of |= {"target": check_target(of["target"]), "model": int(of["model"])}
        return self.root / FILES[name].format(**of)

    @property
    def medians(self) -> Path:
        return self._file("medians")

    @property
    def strips(self) -> Path:
        """Rhythm strips of the records to look at, as many as the source has."""
        return self._file("strips")

    @property
    def metrics(self) -> Path:
        return self._file("metrics")

    @property
    def aopc(self) -> Path:
        return self._file("aopc")

    @property
    def review(self) -> Path:
        return self._file("review")

    @property
    def faithful(self) -> Path:
        """What each operator says of each method, the detail behind one column of the review."""
        return self._file("faithful")

    @property
    def planted_scores(self) -> Path:
        return self._file("planted_scores")

    @property
    def site(self) -> Path:
        return self._file("page") / "index.html"

    @property
    def readings(self) -> Path:
        """The folder of the files of the reading study's readers."""
        return self.root / "readings"

    def planted_network(self, plant: str) -> Path:
        return self._file("planted_network", plant=plant)

    def planted_attributions(self, plant: str) -> Path:
        return self._file("planted_attributions", plant=plant)

    def planted_metrics(self, plant: str) -> Path:
        """Errors of a planted network, and what was planted, in words."""
        return self._file("planted_metrics", plant=plant)

    def plant_scores(self, plant: str) -> Path:
        """How well maps find one plant; those of all plants are planted_scores."""
        return self._file("plant_scores", plant=plant)

    def planted_dir(self, plant: str) -> Path:
        """The folder of the network that was trained on a plant."""
        return self.planted_network(plant).parent

    def network(self, target: str, model: int) -> Path:
        """The weights of the model-th training of one target."""
        return self._file("network", target=target, model=model)

    def attributions(self, target: str, model: int) -> Path:
        return self._file("attributions", target=target, model=model)

    def perturbation(self, target: str, model: int) -> Path:
        return self._file("perturbation", target=target, model=model)

    def effects(self, target: str, model: int) -> Path:
        """What edits of known effect do to a network's prediction."""
        return self._file("effects", target=target, model=model)

    def truth(self, target: str, model: int) -> Path:
        """Scores of a network's maps against what is known to be true."""
        return self._file("truth", target=target, model=model)

    def model_dir(self, target: str, model: int) -> Path:
        """The folder of a network and of all that is about it."""
        return self.network(target, model).parent

    def figures(self, target: str, model: int) -> Path:
        """The folder of the pictures that are kept for reports."""
        return self.model_dir(target, model) / "figures"

    def models(self, target: str | None = None) -> list[tuple[str, int]]:
        """(target, model) of every trained network, or those of a target, in TARGETS' order."""
        networks = []
        for name in [target] if target else TARGETS:
            for path in self.root.glob(FILES["network"].format(target=name, model="*")):
                number = path.parent.name.removeprefix("model")
                if number.isdigit():
                    networks.append((name, int(number)))
        return sorted(networks, key=lambda network: (list(TARGETS).index(network[0]), network[1]))


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
