"""Profiles: which notebook gets which parameter values, and the refusal of everything else.

The values come, later ones winning, from the notebook's own ``parameters`` cell, the profile
(parameters/<profile>.yaml) and the target's file (parameters/<target>.yaml, may be absent).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from .. import pretrained
from ..config import check_choice
from ..ecg import BEAT_SHAPE, TARGETS
from .notebook_cells import notebook_parameters
from .steps import ROOT, WITH_NOTEBOOK, from_root

PARAMETERS = ROOT / "parameters"
# What each parameter may be: the smallest and largest number, or the names to choose from.
ALLOWED = {
    "models": (1, 1000),
    "seed": (0, 2**31 - 1),
    "source": ("gan", "12sl", "hdf5", "wfdb"),
    "records": (1, 10_000_000),
    "network": ("trained", "pretrained"),
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


def profile_names() -> list[str]:
    """The profiles there are: every file of parameters/ that is not a target's or the cluster's."""
    names = {path.stem for path in PARAMETERS.glob("*.yaml")}
    return sorted(names - set(TARGETS) - {"slurm"})


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
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
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
        raise ValueError(f"{from_root(path)} cannot be read: {text or 'nonsense'}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f"{from_root(path)} must hold lines of the form 'key: value'")
    return values


def quoted(value) -> str:
    """A value as it may be shown on the line that refuses it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def check_values(
    values: dict, defaults: dict, where: str, allowed: Mapping[str, tuple] = ALLOWED
) -> dict:
    """Return values, each of the type of its namesake in defaults, and allowed; refuse others."""
    if not isinstance(values, dict):
        raise ValueError(
            f"{where}: got {quoted(values)} where a mapping belongs; "
            f"allowed are lines 'key: value' with the keys {', '.join(sorted(defaults))}"
        )
    checked = {}
    for key, value in values.items():
        if key not in defaults:
            raise ValueError(
                f"{where}: unknown key {quoted(key)}; choose one of {', '.join(sorted(defaults))}"
            )
        kind = type(defaults[key])
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError(
                f"{where}: {key} is {quoted(value)} ({_TYPES.get(type(value), 'something else')}); "
                f"allowed is {_TYPES[kind]}, for example {json.dumps(defaults[key])}"
            )
        _check_allowed(key, value, where, allowed.get(key))
        checked[key] = value
    return checked


def _check_allowed(key: str, value, where: str, allowed: tuple | None) -> None:
    """Raise ValueError for a value that is not allowed; NaN is outside every range."""
    if isinstance(value, str):
        if allowed and value not in allowed:
            names = ", ".join(allowed)
            raise ValueError(f"{where}: unknown {key} {quoted(value)}; choose one of {names}")
    elif allowed and not allowed[0] <= value <= allowed[1]:
        raise ValueError(
            f"{where}: {key} is {quoted(value)}; allowed are {allowed[0]} to {allowed[1]}"
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
                f"{where}: {key} is {quoted(given)}; give a whole path of printable characters, "
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
    own = {step.notebook: notebook_parameters(step.path) for step in WITH_NOTEBOOK}
    defaults = {key: value for cell in own.values() for key, value in cell.items()}
    defaults = {key: value for key, value in defaults.items() if key not in RUN_TIME}
    path = PARAMETERS / f"{profile}.yaml"
    common = check_values(read_yaml(path), defaults | {"models": 1}, from_root(path))
    models = common.pop("models", 1)
    _check_source(own["01_data"] | common, from_root(path))
    each = {key for cell in own.values() if "target" in cell for key in cell}
    values = {"": common}
    for target in targets:
        path = PARAMETERS / f"{target}.yaml"
        mine = {key: value for key, value in defaults.items() if key in each}
        special = check_values(read_yaml(path), mine, from_root(path)) if path.exists() else {}
        values[target] = common | special
    notebooks = {
        name: {target: _of_cell(cell, given) for target, given in values.items()}
        for name, cell in own.items()
    }
    for target in targets:
        if notebooks["02_train"][target].get("network") == "pretrained":
            for model in range(1, models + 1):
                pretrained.read_card(target, model)
    return {"profile": profile, "targets": targets, "models": models, "notebooks": notebooks}


def _of_cell(cell: dict, given: dict) -> dict:
    """The values of one notebook: its own, with the given ones that it knows in their place."""
    merged = {key: given.get(key, value) for key, value in cell.items()}
    return {key: value for key, value in merged.items() if key not in RUN_TIME}
