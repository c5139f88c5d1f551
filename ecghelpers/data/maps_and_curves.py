"""The HDF5 results of one network: maps, perturbation curves and intervention effects."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE
from ..files import provenance, remedy
from ..network.checkpoints import weights_digest
from ..network.model import load_model
from ..paths import WEIGHTS
from .hdf5 import created, dataset_of, opened, write_texts

MEAN = "against_mean"  # a group beside the maps
# Further datasets of a network with a known readout.
PLANTED = {"beats": "int16", "mask": "uint8", "sensitivity": "float32", "contribution": "float32"}


@dataclass(frozen=True)
class Attributions:
    """The contents of ``attributions.h5`` for one network.

    maps: method → (record, 12, 600) float32. details: method → ``parameters`` (dict), ``unit``,
    ``seconds``. prediction and truth: (record,) in target unit. For a known readout also beats
    (record, 12, 600) int16, mask (record, 12, 600) of the samples it reads and, if exactly known,
    sensitivity and contribution (record, 12, 600). against_mean: method → contributions against
    the mean training beat, if those in maps are against a flat line.
    """

    record_id: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    maps: dict[str, np.ndarray]
    details: dict[str, dict]
    attributes: dict
    beats: np.ndarray | None = None
    mask: np.ndarray | None = None
    sensitivity: np.ndarray | None = None
    contribution: np.ndarray | None = None
    against_mean: dict[str, np.ndarray] = field(default_factory=dict)


def write_attributions(path: str | Path, content: Attributions) -> None:
    """Write ``attributions.h5``; versions are added to its attributes."""
    with _writing(path, content) as file:
        for method, values in content.maps.items():
            file[method] = values.astype(np.float32)
            details = content.details[method]
            file[method].attrs.update(details | {"parameters": json.dumps(details["parameters"])})
        file["prediction"], file["truth"] = content.prediction, content.truth
        for name, dtype in PLANTED.items():
            if getattr(content, name) is not None:
                file[name] = getattr(content, name).astype(dtype)
        for method, values in content.against_mean.items():
            file[f"{MEAN}/{method}"] = values.astype(np.float32)


def read_attributions(path: str | Path, methods: Sequence[str] | None = None) -> Attributions:
    """Read ``attributions.h5``, or only the maps of some methods, with the details of all."""
    with _reading(path) as (file, ids, values):
        stored = [n for n in file if n not in ("record_id", "prediction", "truth", *PLANTED, MEAN)]
        wanted = stored if methods is None else methods
        details = {name: dict(file[name].attrs) for name in stored}
        for row in details.values():
            row["parameters"] = json.loads(row["parameters"])
        mean = [f"{MEAN}/{method}" for method in file.get(MEAN, ()) if method in wanted]
        return Attributions(
            ids,
            values("prediction"),
            values("truth"),
            {method: values(method, *BEAT_SHAPE) for method in stored if method in wanted},
            details,
            dict(file.attrs),
            **{name: values(name, *BEAT_SHAPE) for name in PLANTED if name in file},
            against_mean={n.removeprefix(f"{MEAN}/"): values(n, *BEAT_SHAPE) for n in mean},
        )


@dataclass(frozen=True)
class Perturbation:
    """The contents of ``perturbation.h5`` for one network.

    points: (step,) the number of perturbed points at each step. prediction: method or control →
    (record, step) of the published procedure: noise, most relevant first. operators: (method,
    operator, order) → (record, column), with columns: (column,) points; empty by default.
    """

    record_id: np.ndarray
    truth: np.ndarray
    points: np.ndarray
    prediction: dict[str, np.ndarray]
    attributes: dict
    operators: dict[tuple[str, str, str], np.ndarray] = field(default_factory=dict)
    columns: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


def write_perturbation(path: str | Path, content: Perturbation) -> None:
    """Write ``perturbation.h5``; versions are added to its attributes."""
    with _writing(path, content) as file:
        for method, values in content.prediction.items():
            file[f"{method}/prediction"] = values.astype(np.float32)
        for key, values in content.operators.items():
            file[f"{'/'.join(key)}/prediction"] = values.astype(np.float32)
        file["truth"] = content.truth
        file["points"] = np.asarray(content.points, dtype=np.int32)
        file.attrs["columns"] = np.asarray(content.columns, dtype=np.int32)


def read_perturbation(path: str | Path) -> Perturbation:
    """Read ``perturbation.h5``."""
    with _reading(path) as (file, ids, values):
        points = dataset_of(path, file, "points", (None,))[:]
        columns = np.array(file.attrs.get("columns", []), int)
        names: list[str] = []
        file.visit(names.append)
        keys = [tuple(n.split("/")[:-1]) for n in names if n.endswith("/prediction")]
        return Perturbation(
            ids,
            values("truth"),
            points,
            {key[0]: values(f"{key[0]}/prediction", len(points)) for key in keys if len(key) == 1},
            dict(file.attrs),
            {k: values(f"{'/'.join(k)}/prediction", len(columns)) for k in keys if len(k) == 3},
            columns,
        )


@dataclass(frozen=True)
class Intervention:
    """The contents of ``intervention.h5`` for one network: changes of the prediction, target unit.

    effect: (record, donor, lead, segment), the segment taken from a donor; effect_flat and
    effect_mean: (record, lead, segment), set to zero and to the mean training beat.
    """

    record_id: np.ndarray
    prediction: np.ndarray
    effect: np.ndarray
    effect_flat: np.ndarray
    effect_mean: np.ndarray
    attributes: dict


def write_intervention(path: str | Path, content: Intervention) -> None:
    """Write ``intervention.h5``; versions are added to its attributes."""
    with _writing(path, content) as file:
        for name in ("effect", "effect_flat", "effect_mean", "prediction"):
            file[name] = getattr(content, name).astype(np.float32)


def read_intervention(path: str | Path) -> Intervention:
    """Read ``intervention.h5``."""
    with _reading(path) as (file, ids, values):
        leads = BEAT_SHAPE[0]
        return Intervention(
            ids,
            values("prediction"),
            values("effect", None, leads, None),
            values("effect_flat", leads, None),
            values("effect_mean", leads, None),
            dict(file.attrs),
        )


@contextmanager
def _writing(path: str | Path, content) -> Iterator[h5py.File]:
    """A new file with record ids, attributes, versions and the checksum of its network."""
    network = Path(path).with_name(WEIGHTS)
    with created(path) as file:
        write_texts(file, "record_id", content.record_id)
        file.attrs["version"] = json.dumps(provenance())
        if network.is_file():
            file.attrs["network"] = _checksum(network)
        file.attrs.update(content.attributes)
        yield file


@contextmanager
def _reading(path: str | Path) -> Iterator[tuple[h5py.File, np.ndarray, Callable]]:
    """The file, its record ids, and a function (name, *shape of a record) → the stored values.

    Raises ValueError if the network beside the file has been replaced since.
    """
    network = Path(path).with_name(WEIGHTS)
    with opened(path) as file:
        about = file.attrs.get("network")
        if about and network.is_file() and about != _checksum(network):
            raise ValueError(
                f"{path} belongs to another network than {network.name} beside it, which has been "
                f"replaced since; {remedy(path)}"
            )
        ids = dataset_of(path, file, "record_id", (None,), text=True)[:]
        yield file, ids, lambda name, *shape: dataset_of(path, file, name, (len(ids), *shape))[:]


def _checksum(network: Path) -> str:
    return weights_digest(load_model(network).state_dict())
