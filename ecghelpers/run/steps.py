"""The steps of the analysis in one table: which notebook reads and makes which files.

The Snakefile makes a rule of each row. To add a step, add a row, and its files to config.Results.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product, zip_longest
from pathlib import Path

from ..checksums import note
from ..config import FILES

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"


@dataclass(frozen=True)
class Step:
    """A rule of the Snakefile; what it reads and makes by their names in config.Results.

    number: what --only takes. all_of: read of all trainings of the target, where what is in reads
    is of the step's own network. draws: its figures are what it is for.
    """

    number: str
    rule: str
    notebook: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    all_of: tuple[str, ...] = ()
    draws: bool = False

    @property
    def path(self) -> Path:
        return NOTEBOOKS / f"{self.notebook}.ipynb"

    @property
    def of(self) -> list[str]:
        """What the step runs for each of: targets and models, plants, or nothing."""
        return fields(FILES[self.makes[0]]) if self.makes else []

    @property
    def label(self) -> str:
        """The step as people read it: ``02_train {target} model{model}``."""
        words = {"target": "{target}", "model": "model{model}", "plant": "{plant}"}
        return " ".join([self.notebook or self.rule, *map(words.get, self.of)])

    @property
    def stem(self) -> str:
        """The same as a file's name: ``02_train.{target}.model{model}``."""
        return self.label.replace(" ", ".")

    @property
    def files(self) -> list[str]:
        """All that it makes, the executed notebook among it, with {target}, {model}, {plant}."""
        executed = [f"notebooks/{self.stem}.ipynb"] if self.notebook else []
        return [*(FILES[name] for name in self.makes), *executed]


STEPS = (
    Step("01", "data", "01_data", (), ("medians", "strips", "rejected")),
    Step("02", "train", "02_train", ("medians",), ("network", "training", "agreement_figure")),
    Step("03", "evaluate", "03_evaluate", ("medians", "network", "training"), ("metrics",)),
    Step(
        *("04", "heatmaps", "04_heatmaps", ("medians", "network")),
        ("attributions", "heatmap_figure", "methods_figure"),
        draws=True,
    ),
    Step("05", "explore", "05_explore", ("metrics", "attributions"), (), draws=True),
    Step(
        *("06", "perturbation", "06_perturbation", ("medians", "network")),
        ("perturbation", "curves_figure", "gaps_figure"),
    ),
    Step(
        *("planted", "planted", "07_planted", ("medians",)),
        ("planted_attributions", "planted_metrics", "plant_scores"),
    ),
    Step(
        *("07", "truth", "07_truth", ("medians", "network", "plant_scores")),
        ("truth", "effects"),
        all_of=("attributions",),
    ),
    Step(
        *("08", "review", "08_review"),
        ("medians", "metrics", "perturbation", "truth", "plant_scores", "planted_metrics"),
        ("review", "review_figure", "aopc", "faithful", "planted_scores"),
    ),
    Step(
        *("page", "page", ""),
        (
            "metrics",
            "attributions",
            "perturbation",
            "review",
            "aopc",
            "planted_attributions",
            "strips",
        ),
        ("page",),
        draws=True,
    ),
)
RULES = tuple(step.rule for step in STEPS)
WITH_NOTEBOOK = tuple(step for step in STEPS if step.notebook)


def from_root(path: Path) -> str:
    """A path relative to the project's folder when it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def fields(pattern: str) -> list[str]:
    """The names in braces of a pattern."""
    return re.findall(r"{(\w+)}", pattern)


def each(patterns: Iterable[str], values: dict[str, list]) -> list[str]:
    """The files of these patterns for all values of what they are of."""
    return [
        pattern.format(**dict(zip(fields(pattern), chosen, strict=True)))
        for pattern in patterns
        for chosen in product(*(values[name] for name in fields(pattern)))
    ]


def read_by(
    step: Step,
    every: dict[str, list],
    of: dict[str, str],
    there: Callable[[str], bool] = lambda file: True,
) -> list[str]:
    """What a step reads: its own network's files, and where it has none those of every one.

    every: all targets, models and plants of a run; of: those of this step; there: whether a file of
    one among several networks or plants can be read, as after a step that failed it cannot.
    """
    own = every | {name: [value] for name, value in of.items()}
    of_target = own | {"model": every["model"]}
    files = []
    for name in (*step.reads, *step.all_of):
        one_of_several = name in step.all_of or set(fields(FILES[name])) - set(of)
        paths = each([FILES[name]], of_target if name in step.all_of else own)
        files += [file for file in paths if not one_of_several or there(file)]
    return files


def made_by(file: str) -> tuple[Step, str, dict[str, str]] | None:
    """The step that makes a file of a results folder, the file's name in config.Results ("" for an
    executed notebook), and what it is of. None for a file that no step makes."""
    for step in STEPS:
        for name, pattern in zip_longest(step.makes, step.files, fillvalue=""):
            parts = re.split(r"{(\w+)}", pattern)
            parts[::2] = map(re.escape, parts[::2])
            parts[1::2] = [f"(?P<{part}>\\w+)" for part in parts[1::2]]
            if match := re.fullmatch("".join(parts), file):
                return step, name, match.groupdict()
    return None


def is_read(name: str) -> bool:
    """Whether some step reads the file of this name in config.Results."""
    return any(name in (*step.reads, *step.all_of) for step in STEPS)


def that_sum_up(results: Path) -> list[str]:
    """The rules that sum up networks, as far as there is what they read first of a network."""
    rules = []
    for step in STEPS:
        read = [FILES[name] for name in step.reads if "model" in fields(FILES[name])]
        if read and not step.of and any(results.glob(note(re.sub(r"{\w+}", "*", read[0])))):
            rules.append(step.rule)
    return rules
