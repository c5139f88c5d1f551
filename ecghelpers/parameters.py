"""The parameters of all notebooks: one schema of names, types, limits and meanings.

It checks profiles (``parameters/<profile>.yaml``), a target's own file and the values that
papermill passes. Its defaults are the profile ``quick``; the other profiles hold only what differs.

    python -m ecghelpers.parameters > docs/parameters.md
"""

import dataclasses
import difflib
import json
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .ecg import BEAT_SHAPE, TARGETS
from .paths import ROOT, shown
from .runtime import DEVICES
from .validation import check_choice

FOLDER = ROOT / "parameters"


class Parameters(BaseModel):
    """The parameters that a profile may set. Instances are checked and cannot be changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    models: int = Field(
        1,
        ge=1,
        le=1000,
        description="networks per target, with different seeds; of the pretrained ones at most as "
        "many as there are",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of all random numbers")

    source: Literal["gan", "files", "12sl", "hdf5", "wfdb"] = Field(
        "gan",
        description="origin of the ECGs: generated (`gan`), or read from `source_path`: files of "
        "any format in docs/formats.md (`files` or `wfdb`), a 12SL export, or HDF5 files",
    )
    source_path: str = Field("", description="folder of your own ECGs")
    labels_path: str = Field("", description="table of labels, for source `12sl`")
    labels: Literal["measured", "12sl"] = Field(
        "measured",
        description="for sources `files` and `wfdb`: measured by this package, or stored in the "
        "files by 12SL",
    )
    measure_missing: bool = Field(
        False, description="measure targets whose stored label is missing"
    )
    records: int = Field(1600, ge=1, le=10_000_000, description="number of ECGs to generate")

    network: Literal["trained", "pretrained"] = Field(
        "trained", description="train networks, or use the pretrained ones in `networks/`"
    )
    recipe: Literal["default", "original"] = Field(
        "default", description="training recipe of this project, or the published one"
    )
    epochs: int = Field(9, ge=1, le=10_000, description="passes over the training records")
    batch_size: int = Field(32, ge=2, le=65_536, description="records per training step")
    learning_rate: float = Field(0.0, ge=0, le=1, description="0 for that of the recipe")

    heatmap_records: int = Field(12, ge=1, le=100_000, description="test ECGs with heatmaps")
    multiply_by_inputs: bool = Field(
        True,
        description="DeepLIFT, integrated gradients, gradient SHAP: multiply by the input, "
        "which gives maps in the target's unit",
    )
    smoothgrad_draws: int = Field(
        25, ge=1, le=10_000, description="SmoothGrad: noisy copies per ECG"
    )
    gradientshap_draws: int = Field(
        50, ge=1, le=10_000, description="gradient SHAP: noisy copies per ECG"
    )
    integrated_gradients_steps: int = Field(
        50, ge=1, le=10_000, description="integrated gradients: steps on the path"
    )
    attribution_noise: float = Field(
        0.02,
        ge=0,
        le=10,
        description="SmoothGrad, gradient SHAP: SD of the noise as a fraction of the ECG's range",
    )

    baseline: Literal["flat", "mean"] = Field(
        "flat", description="reference input of contributions: flat line or mean training beat"
    )
    intervention_donors: int = Field(
        3, ge=1, le=1000, description="training ECGs whose segments replace those of an ECG"
    )
    perturbation_records: int = Field(
        8, ge=1, le=1_000_000, description="test ECGs in the published perturbation procedure"
    )
    perturbation_steps: int = Field(
        25, ge=1, le=BEAT_SHAPE[0] * BEAT_SHAPE[1], description="single points perturbed per ECG"
    )
    perturbation_noise: float = Field(
        0.2, ge=0, le=10, description="SD of the added noise as a fraction of the ECG's range"
    )
    operators: bool = Field(
        False, description="also perturb with all five operators, in both orders"
    )

    known_places: int = Field(
        0, ge=0, le=16, description="places of known readouts to train; 0 for the pretrained ones"
    )
    known_initialisations: int = Field(2, ge=1, le=100, description="networks per place")
    known_maps: int = Field(4, ge=1, le=100_000, description="test ECGs of each known readout")
    truth_records: int = Field(
        48,
        ge=1,
        le=1_000_000,
        description="test ECGs edited to see whether the network follows its target's definition",
    )
    shuffled_records: int = Field(
        6, ge=1, le=100_000, description="test ECGs in the randomisation and stability tests"
    )

    @model_validator(mode="after")
    def _paths_fit_the_source(self):
        needed = {"gan": (), "12sl": ("source_path", "labels_path")}
        for name in ("source_path", "labels_path"):
            wanted = name in needed.get(self.source, ("source_path",))
            if wanted != bool(getattr(self, name)):
                need = f"needs {name}" if wanted else f"takes no {name}; leave that empty"
                raise ValueError(f"source {self.source} {need}")
        return self


class NotebookParameters(Parameters):
    """The parameters of a notebook: those of a profile, and those that a run sets."""

    results: str = Field("results/quick", description="results folder")
    device: Literal[DEVICES] = Field("auto", description="device for computations")
    target: Literal[tuple(TARGETS)] = Field("qt", description="quantity that the network measures")
    model: int = Field(1, ge=1, le=1000, description="number of the training")

    def fill(self, settings: type):
        """An instance of a dataclass from the parameters that have the names of its fields."""
        names = [f.name for f in dataclasses.fields(settings) if f.name in type(self).model_fields]
        return settings(**{name: getattr(self, name) for name in names})


PROFILE = Parameters.model_fields


def check(namespace: dict) -> NotebookParameters:
    """The checked parameters of the notebook that passes its ``globals()``.

    Raises ValueError, in one line, for a value that is not allowed.
    """
    fields = NotebookParameters.model_fields
    given = {name: value for name, value in namespace.items() if name in fields}
    return _validated(NotebookParameters, given, "parameters")


def profiles() -> list[str]:
    """The names of all profiles: the files of ``parameters/`` that are not a target's."""
    return sorted({path.stem for path in FOLDER.glob("*.yaml")} - set(TARGETS))


def load(profile: str, targets: list[str]) -> dict[str, Parameters]:
    """The parameters of a profile: under "" those of the notebooks that run once, and by target.

    A target's own file, ``parameters/<target>.yaml``, wins over the profile. Raises ValueError for
    an unknown profile or target, and for anything that the schema refuses.
    """
    check_choice("profile", profile, profiles())
    path = FOLDER / f"{profile}.yaml"
    common = read_yaml(path)
    loaded = {"": _validated(Parameters, common, shown(path))}
    for target in targets:
        path = FOLDER / f"{check_choice('target', target, TARGETS)}.yaml"
        own = read_yaml(path) if path.exists() else {}
        loaded[target] = _validated(Parameters, common | own, shown(path))
    return loaded


def read_yaml(path: Path) -> dict:
    """The keys and values of a YAML 1.2 file. Raises ValueError, in one line, for anything else."""
    from ruamel.yaml import YAML

    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except Exception as error:  # a wrong tag can raise any error
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(f"{shown(path)} cannot be read: {why}") from error
    if not isinstance(values or {}, dict):
        raise ValueError(f"{shown(path)} must hold lines of the form 'key: value'")
    return values or {}


def _validated(model: type[Parameters], values: dict, where: str) -> Parameters:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first, fields = error.errors()[0], model.model_fields
        if not first["loc"]:  # several fields do not fit each other
            why = first["ctx"]["error"]
        elif (name := first["loc"][0]) not in fields:
            why = f"unknown key {_quoted(name)}; {_closest(name, fields)}"
        else:
            why = f"{name} is {_quoted(first['input'])}; allowed: {allowed(fields[name])}"
        raise ValueError(f"{where}: {why}") from None


def _closest(name: object, known) -> str:
    """A suggestion for a misspelt name."""
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"do you mean {close[0]}?" if close else f"choose from {', '.join(sorted(known))}"


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def allowed(field) -> str:
    """The values that a field takes, in words."""
    if choices := get_args(field.annotation):
        return ", ".join(choices)
    kinds = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    ends = [getattr(m, end) for end in ("ge", "le") for m in field.metadata if hasattr(m, end)]
    return kinds[field.annotation] + (" from {} to {}".format(*ends) if ends else "")


def table() -> str:
    """The parameters and the profiles as a page of the documentation."""
    names = [name for name in profiles() if name != "quick"]
    differ = {name: read_yaml(FOLDER / f"{name}.yaml") for name in names}
    lines = [
        "# Parameters",
        "",
        "Generated by `python -m ecghelpers.parameters > docs/parameters.md`. A profile "
        "(`parameters/<name>.yaml`) holds only what differs from the defaults, which are the "
        "profile `quick`; `parameters/<target>.yaml` may change values for one target.",
        "",
        f"| parameter | meaning | allowed | {' | '.join(['quick', *names])} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in ['quick', *names])} |",
    ]
    for name, field in PROFILE.items():
        values = [json.dumps(field.default)]
        values += [json.dumps(differ[p][name]) if name in differ[p] else "" for p in names]
        cells = [f"`{name}`", field.description, allowed(field), *values]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
