"""The files of the project and of a results folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .ecg import TARGETS
from .validation import check_target

ROOT = Path(__file__).resolve().parents[1]  # the project's folder
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
    strips = _file("data/strips.h5")  # rhythm strips of the records that the view shows
    network = _of_network(WEIGHTS)
    training = _of_network("training.json")
    attributions = _of_network(MAPS)
    heatmap_figure = _of_network("figures/heatmap.png")
    methods_figure = _of_network("figures/methods.png")
    perturbation = _of_network(CURVES)
    curves_figure = _of_network("figures/perturbation.png")
    intervention = _of_network("intervention.h5")
    interventions_figure = _of_network("figures/interventions.png")
    truth = _of_network("truth.csv")  # scores of maps against what is known to be true
    effects = _of_network("effects.csv")  # the prediction's response to edits with a known effect
    planted_scores = _file("planted/scores.csv")
    metrics = _file("metrics.csv")
    aopc = _file("aopc.csv")
    review = _file("review.csv")
    review_figure = _file("review.png")
    site = _file("site/index.html")
    readings = _file("readings")  # the folder of the files of the reading study's raters

    def __init__(self, root: str | Path):
        object.__setattr__(self, "root", from_project(root))

    def model_dir(self, target: str, model: int) -> Path:
        """The folder of a network and of all files about it."""
        return self.root / check_target(target) / f"model{int(model)}"

    def models(self, target: str | None = None, holding: str = WEIGHTS) -> list[tuple[str, int]]:
        """(target, model) of every network, or those of a target, in TARGETS' order.

        holding: a file that its folder must hold, by default the weights.
        """
        found = []
        for name in [target] if target else TARGETS:
            numbers = (p.parent.name[5:] for p in self.root.glob(f"{name}/model*/{holding}"))
            found += [(name, number) for number in sorted(int(n) for n in numbers if n.isdigit())]
        return found


def from_project(path: str | Path) -> Path:
    """A path; a relative one as seen from the project's folder, wherever a notebook is opened."""
    return ROOT / path


def shown(path: Path, folder: Path = ROOT) -> str:
    """A path for messages and parameters: relative to a folder if it lies inside."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
