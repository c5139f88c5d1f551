"""Profiles: which notebook gets which parameter values, and the refusal of everything else.

The values come, later ones winning, from the notebook's own ``parameters`` cell, the profile
(parameters/<profile>.yaml) and the target's file (parameters/<target>.yaml, may be absent).
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from .. import fingerprint as code_of
from .. import shipped
from ..config import check_choice
from ..ecg import BEAT_SHAPE, TARGETS

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
PARAMETERS = ROOT / "parameters"
# What each parameter may be: the smallest and largest number, or the names to choose from.
ALLOWED = {
    "models": (1, 1000),
    "seed": (0, 2**31 - 1),
    "source": ("gan", "12sl", "hdf5", "wfdb"),
    "records": (1, 10_000_000),
    "network": ("trained", "shipped"),
    "recipe": ("default", "original"),
    "epochs": (1, 10_000),
    "batch_size": (1, 65_536),
    "learning_rate": (0.0, 1.0),
    "heatmap_records": (1, 100_000),
    "smoothgrad_draws": (1, 10_000),
    "gradientshap_draws": (1, 10_000),
    "integrated_gradients_steps": (1, 10_000),
    "attribution_noise": (0.0, 10.0),
    "perturbation_records": (1, 1_000_000),
    "perturbation_steps": (1, BEAT_SHAPE[0] * BEAT_SHAPE[1]),
    "perturbation_noise": (0.0, 10.0),
    "planted_records": (2, 10_000_000),
    "planted_epochs": (1, 10_000),
    "planted_r2": (-1.0, 1.0),
    "planted_maps": (1, 100_000),
    "truth_records": (1, 1_000_000),
    "shuffled_records": (1, 100_000),
}
RUN_TIME = {"results", "device", "target", "model", "plant"}  # known only when a notebook runs
# Folders whose modules only show: a change in them does not touch the numbers that steps save.
SHOWING = ("views",)


BRANCH, PLANTED = "{target}/model{model}/", "planted/{plant}/model1/"


@dataclass(frozen=True)
class Step:
    """One rule of the Snakefile.

    makes: the files that other steps read; beside: the others, for people. draws: its figures are
    what it is for.
    """

    number: str
    rule: str
    notebook: str
    makes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    draws: bool = False

    @property
    def path(self) -> Path:
        return NOTEBOOKS / f"{self.notebook}.ipynb"

    @property
    def files(self) -> list[str]:
        """All that it makes, the executed notebook among it, with {target}, {model}, {plant}."""
        files = [*self.makes, *self.beside]
        if self.notebook:
            branch = next((b for b in (BRANCH, PLANTED) if any(b in f for f in files)), "")
            of = {BRANCH: ".{target}.model{model}", PLANTED: ".{plant}", "": ""}[branch]
            files.append(f"notebooks/{self.notebook}{of}.ipynb")
        return files

    def made(self, name: str) -> re.Match | None:
        """Whether a file is one of its own; the groups are its target, model and plant."""
        for pattern in self.files:
            text = re.escape(pattern)
            for part in ("target", "model", "plant"):
                text = re.sub(rf"\\\{{{part}\\\}}", rf"(?P<{part}>\\w+)", text, count=1)
            if found := re.fullmatch(text, name):
                return found
        return None


STEPS = (
    Step(
        "01",
        "data",
        "01_data",
        ("data/medians.h5", "data/strips.h5"),
        ("data/rejected.csv",),
    ),
    Step(
        "02",
        "train",
        "02_train",
        (f"{BRANCH}model.safetensors",),
        (f"{BRANCH}training.json", f"{BRANCH}figures/agreement.png"),
    ),
    Step("03", "evaluate", "03_evaluate", ("metrics.csv",)),
    Step(
        "04",
        "heatmaps",
        "04_heatmaps",
        (f"{BRANCH}attributions.h5",),
        (f"{BRANCH}figures/heatmap.png", f"{BRANCH}figures/methods.png"),
        draws=True,
    ),
    Step("05", "explore", "05_explore", draws=True),
    Step(
        "06",
        "perturbation",
        "06_perturbation",
        (f"{BRANCH}perturbation.h5",),
        (f"{BRANCH}figures/perturbation.png", f"{BRANCH}figures/gaps.png"),
    ),
    Step(
        "planted",
        "planted",
        "07_planted",
        tuple(PLANTED + name for name in ("attributions.h5", "metrics.json", "scores.csv")),
    ),
    Step("07", "truth", "07_truth", (f"{BRANCH}truth.csv", f"{BRANCH}effects.csv")),
    Step(
        "08",
        "review",
        "08_review",
        ("review.csv", "aopc.csv"),
        ("faithful.csv", "planted/scores.csv"),
    ),
)
PAGE = Step("page", "page", "", beside=("site",), draws=True)
EVERY_STEP = (*STEPS, PAGE)


def plant_names() -> list[str]:
    """The rows of truth.plants.PLANTS, read from its code: importing it would take torch."""
    tree = ast.parse((code_of.PACKAGE / "truth" / "plants.py").read_text(encoding="utf-8"))
    (rows,) = (
        node.value.keys
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PLANTS"
    )
    return [ast.literal_eval(name) for name in rows]


def profile_names() -> list[str]:
    """The profiles there are: every file of parameters/ that is not a target's or the cluster's."""
    names = {path.stem for path in PARAMETERS.glob("*.yaml")}
    return sorted(names - set(TARGETS) - {"slurm"})


def code_cells(notebook: Path) -> list[dict]:
    """The code cells of a notebook, as nbformat stores them. Raises ValueError for another file."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{notebook} is not a notebook that can be read: {error}") from error
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _is_parameters(cell: dict) -> bool:
    return "parameters" in cell["metadata"].get("tags", [])


def notebook_parameters(notebook: Path) -> dict:
    """Name and default value of each parameter in the cell tagged ``parameters``."""
    parameters = {}
    for cell in filter(_is_parameters, code_cells(notebook)):
        for node in ast.parse("".join(cell["source"])).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                parameters[node.targets[0].id] = ast.literal_eval(node.value)
    return parameters


class _Loader(yaml.SafeLoader):
    """YAML in which 3e-3 is a number, 1:30, 0x10, 010 and 1_0 are text, and no key stands twice."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} stands twice")
        return super().construct_mapping(node, deep)


_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(0|[1-9][0-9]*)",
    "tag:yaml.org,2002:float": r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _NUMBERS]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(
        _tag, re.compile(f"(?:{_pattern})$", re.ASCII), list("-+.0123456789")
    )


def read_yaml(path: Path) -> dict:
    """The keys and values of a YAML file. Raises ValueError, in one line, for anything else."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except Exception as error:  # the library raises whatever a wrong tag leads it into
        text = " ".join(str(error).split())[:300]
        raise ValueError(f"{_name(path)} cannot be read: {text or 'nonsense'}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f"{_name(path)} must hold lines of the form 'key: value'")
    return values


def shown(value) -> str:
    """A value as it may be shown on the line that refuses it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def check_values(values: dict, known: dict, where: str) -> dict:
    """Return values, each of the type of its namesake in known; refuse other names and types."""
    if not isinstance(values, dict):
        raise ValueError(
            f"{where}: got {shown(values)} where a mapping belongs; "
            f"allowed are lines 'key: value' with the keys {', '.join(sorted(known))}"
        )
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise ValueError(
                f"{where}: unknown key {shown(key)}; choose one of {', '.join(sorted(known))}"
            )
        wanted = type(known[key])
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise ValueError(
                f"{where}: {key} is {shown(value)} ({_TYPES.get(type(value), 'something else')}); "
                f"allowed is {_TYPES[wanted]}, for example {json.dumps(known[key])}"
            )
        _check_allowed(key, value, where)
        checked[key] = value
    return checked


def _check_allowed(key: str, value, where: str) -> None:
    """Raise ValueError for a value outside what ALLOWED says of its parameter; NaN is outside."""
    allowed = ALLOWED.get(key)
    if isinstance(value, str):
        if allowed and value not in allowed:
            names = ", ".join(allowed)
            raise ValueError(f"{where}: unknown {key} {shown(value)}; choose one of {names}")
    elif allowed and not allowed[0] <= value <= allowed[1]:
        raise ValueError(
            f"{where}: {key} is {shown(value)}; allowed are {allowed[0]} to {allowed[1]}"
        )


def _check_source(values: dict, where: str) -> None:
    """Raise ValueError where source and its paths do not fit each other."""
    source, path, labels = (values.get(k, "") for k in ("source", "source_path", "labels_path"))
    if source == "gan" and (path or labels):
        raise ValueError(
            f"{where}: source_path {path or labels!r} is set, but source is gan, which generates "
            "its ECGs; set source to 12sl, hdf5 or wfdb, or leave the paths empty"
        )
    if source != "gan" and not path:
        raise ValueError(f"{where}: source {source} needs source_path, the folder of its files")
    if source == "12sl" and not labels:
        raise ValueError(f"{where}: source 12sl needs labels_path, the table with the 12SL labels")
    if source in ("hdf5", "wfdb") and labels:
        own = {"hdf5": "has its labels in its files", "wfdb": "is measured here"}[source]
        raise ValueError(f"{where}: source {source} {own}; leave labels_path empty")
    for key, given in (("source_path", path), ("labels_path", labels)):
        if given.startswith("~") or set(given) & set("{}") or given and not given.isprintable():
            raise ValueError(
                f"{where}: {key} is {shown(given)}; give a whole path of printable characters, "
                "without ~ and braces"
            )


_TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def load(profile: str, targets: list[str]) -> dict:
    """The settings of a run: ``models`` and, for each notebook, its parameters by target.

    Under the target "" stand the parameters of the notebooks that run once. Raises ValueError for
    an unknown profile, target, key, or a value of another type than in the notebook.
    """
    check_choice("profile", profile, profile_names())
    for target in targets:
        check_choice("target", target, TARGETS)
    own = {step.notebook: notebook_parameters(step.path) for step in STEPS}
    known = {key: value for cell in own.values() for key, value in cell.items()}
    known = {key: value for key, value in known.items() if key not in RUN_TIME}
    path = PARAMETERS / f"{profile}.yaml"
    common = check_values(read_yaml(path), known | {"models": 1}, _name(path))
    models = common.pop("models", 1)
    _check_source(own["01_data"] | common, _name(path))
    each = {key for cell in own.values() if "target" in cell for key in cell}
    values = {"": common}
    for target in targets:
        path = PARAMETERS / f"{target}.yaml"
        mine = {key: value for key, value in known.items() if key in each}
        special = check_values(read_yaml(path), mine, _name(path)) if path.exists() else {}
        values[target] = common | special
    notebooks = {
        name: {target: _of_cell(cell, given) for target, given in values.items()}
        for name, cell in own.items()
    }
    for target in targets:
        if notebooks["02_train"][target].get("network") == "shipped":
            for model in range(1, models + 1):
                shipped.read_card(target, model)
    return {"profile": profile, "targets": targets, "models": models, "notebooks": notebooks}


def _of_cell(cell: dict, given: dict) -> dict:
    """The values of one notebook: its own, with the given ones that it knows in their place."""
    merged = {key: given.get(key, value) for key, value in cell.items()}
    return {key: value for key, value in merged.items() if key not in RUN_TIME}


def fingerprint(step: Step) -> str:
    """Changes when the code of a step does: its notebook's and that of the modules it imports.

    Comments, docstrings, layout and text between the cells do not count, nor do modules that only
    show unless showing is what the step is for, nor the values in the parameters cell.
    """
    without = () if step.draws else SHOWING
    if not step.notebook:
        assets = sorted((code_of.PACKAGE / "views" / "assets").rglob("*.*"))
        modules = code_of.closure({"views.offline_page"}, without)
        return code_of.digest(modules, *(path.read_text(encoding="utf-8") for path in assets))[:12]
    cells = [cell for cell in code_cells(step.path) if not _is_parameters(cell)]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    tree = ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", text))
    modules = code_of.closure(code_of.imports(tree), without)
    return code_of.digest(modules, ast.unparse(tree))[:12]
