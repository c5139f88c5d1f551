"""Where results lie, which device computes, and where randomness comes from."""

import hashlib
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ecg import TARGETS

ROOT = Path(__file__).resolve().parents[1]  # the project's folder
DEVICES = ("auto", "cpu", "cuda")
WEIGHTS, MAPS, CURVES = "model.safetensors", "attributions.h5", "perturbation.h5"
NETWORK, PLANTED = "{target}/model{model}", "planted/{plant}/model1"


class File:
    """A file of Results: its path or, where its pattern names what it is of, a function of that.

    ``results.metrics`` and ``results.network("qt", 1)`` are paths.
    """

    def __init__(self, pattern: str):
        self.pattern = pattern
        self.of = re.findall(r"{(\w+)}", pattern)

    def __get__(self, results: "Results", _type=None) -> Path | Callable[..., Path]:
        def path(*values: str | int) -> Path:
            of = dict(zip(self.of, values, strict=True))
            if "target" in of:
                of = {"target": check_target(of["target"]), "model": int(of["model"])}
            return results.root / self.pattern.format(**of)

        return path if self.of else path()


@dataclass(frozen=True)
class Results:
    """Every file of one results folder by name, e.g. of ``Results("results/quick")``."""

    root: Path

    medians = File("data/medians.h5")
    events = File("data/events.csv")
    strips = File("data/strips.h5")  # rhythm strips of the records to look at
    rejected = File("data/rejected.csv")
    network = File(f"{NETWORK}/{WEIGHTS}")  # of the model-th training of one target
    training = File(f"{NETWORK}/training.json")
    agreement_figure = File(f"{NETWORK}/figures/agreement.png")
    attributions = File(f"{NETWORK}/{MAPS}")
    heatmap_figure = File(f"{NETWORK}/figures/heatmap.png")
    methods_figure = File(f"{NETWORK}/figures/methods.png")
    perturbation = File(f"{NETWORK}/{CURVES}")
    curves_figure = File(f"{NETWORK}/figures/perturbation.png")
    truth = File(f"{NETWORK}/truth.csv")  # scores of maps against what is known to be true
    intervention = File(f"{NETWORK}/intervention.h5")
    interventions_figure = File(f"{NETWORK}/figures/interventions.png")
    effects = File(f"{NETWORK}/effects.csv")  # what edits of known effect do to a prediction
    planted_network = File(f"{PLANTED}/{WEIGHTS}")
    planted_attributions = File(f"{PLANTED}/{MAPS}")
    planted_metrics = File(f"{PLANTED}/metrics.json")  # errors, and what was planted, in words
    plant_scores = File(f"{PLANTED}/scores.csv")  # how well maps find it; those of all plants:
    planted_scores = File("planted/scores.csv")
    metrics = File("metrics.csv")
    aopc = File("aopc.csv")
    review = File("review.csv")
    review_figure = File("review.png")
    page = File("site")  # a folder

    def __init__(self, root: str | Path):
        object.__setattr__(self, "root", from_project(root))

    @property
    def site(self) -> Path:
        return self.page / "index.html"

    @property
    def readings(self) -> Path:
        """The folder of the files of the reading study's readers."""
        return self.root / "readings"

    def planted_dir(self, plant: str) -> Path:
        """The folder of the network that was trained on a plant."""
        return self.planted_network(plant).parent

    def model_dir(self, target: str, model: int) -> Path:
        """The folder of a network and of all that is about it."""
        return self.network(target, model).parent

    def models(self, target: str | None = None) -> list[tuple[str, int]]:
        """(target, model) of every trained network, or those of a target, in TARGETS' order."""
        networks = []
        for name in [target] if target else TARGETS:
            for path in self.root.glob(FILES["network"].format(target=name, model="*")):
                number = path.parent.name.removeprefix("model")
                if number.isdigit():
                    networks.append((name, int(number)))
        return sorted(networks, key=lambda network: (list(TARGETS).index(network[0]), network[1]))


FILES = {name: file.pattern for name, file in vars(Results).items() if isinstance(file, File)}


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
