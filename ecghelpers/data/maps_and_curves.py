"""What the HDF5 results of one network hold: maps of all methods, and perturbation curves."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE
from ..files import provenance
from .hdf5 import created, dataset_of, opened, record_columns, texts, write_texts

MEAN = "against_mean"  # a group beside the maps
# Beside the maps of a network with a known readout.
PLANTED = {
    "beats": "int16",
    "mask": "uint8",
    "sensitivity": "float32",
    "contribution": "float32",
}


@dataclass(frozen=True)
class Attributions:
    """What ``attributions.h5`` holds for one network.

    maps: method → (record, 12, 600) float32. details: method → ``parameters`` (dict), ``unit``,
    ``seconds``. prediction and truth: (record,) in target unit. Of a network with a
    known readout also beats (record, 12, 600) int16, mask (record, 12, 600) of what it reads and,
    where they are known exactly, sensitivity and contribution (record, 12, 600). against_mean:
    method → contributions against the mean training beat, where those in maps are against a flat
    line.
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
    with created(path) as file:
        for method, values in content.maps.items():
            dataset = file.create_dataset(method, data=values.astype(np.float32))
            details = content.details[method]
            dataset.attrs["parameters"] = json.dumps(details["parameters"])
            dataset.attrs["unit"] = details["unit"]
            dataset.attrs["seconds"] = details["seconds"]
        write_texts(file, "record_id", content.record_id)
        file["prediction"], file["truth"] = content.prediction, content.truth
        for name, dtype in PLANTED.items():
            if getattr(content, name) is not None:
                file[name] = getattr(content, name).astype(dtype)
        for method, values in content.against_mean.items():
            file[f"{MEAN}/{method}"] = values.astype(np.float32)
        file.attrs.update(version=json.dumps(provenance()), **content.attributes)


def read_attributions(path: str | Path, methods: Sequence[str] | None = None) -> Attributions:
    """Read ``attributions.h5``, or only the maps of some methods; the details are always of all."""
    with opened(path) as file:
        beside = record_columns(path, file, ("prediction", "truth"))
        records = len(beside["record_id"])
        stored = [name for name in file if name not in (*beside, *PLANTED, MEAN)]
        held = {
            name: dataset_of(path, file, name, (records, *BEAT_SHAPE))
            for name in (stored if methods is None else [m for m in methods if m in stored])
        }
        planted = {
            n: dataset_of(path, file, n, (records, *BEAT_SHAPE)) for n in PLANTED if n in file
        }
        details = {name: dict(file[name].attrs) for name in stored}
        for row in details.values():
            row["parameters"] = json.loads(row["parameters"])
        maps = {name: dataset[:] for name, dataset in held.items()}
        ids = texts(beside.pop("record_id")[:])
        rest = {name: dataset[:] for name, dataset in beside.items()}
        rest |= {name: dataset[:] for name, dataset in planted.items()}
        chosen = file.get(MEAN, {}) if methods is None else set(methods) & set(file.get(MEAN, {}))
        shape = (records, *BEAT_SHAPE)
        rest[MEAN] = {m: dataset_of(path, file[MEAN], m, shape)[:] for m in chosen}
        return Attributions(ids, **rest, maps=maps, details=details, attributes=dict(file.attrs))


@dataclass(frozen=True)
class Perturbation:
    """What ``perturbation.h5`` holds for one network.

    points: (step,) how many points are perturbed at each column; floor_points: the same for the
    floors. curves: (method, operator, order, kind) → predictions, (record, step) for the kind
    ``prediction``, (record, coarse step) for a floor, (draw, record, step) for random's ``draws``.
    """

    record_id: np.ndarray
    truth: np.ndarray
    points: np.ndarray
    curves: dict[tuple[str, str, str, str], np.ndarray]
    attributes: dict
    floor_points: np.ndarray

    @property
    def prediction(self) -> dict[str, np.ndarray]:
        """Method → (record, step) of the original's procedure: noise, most relevant first."""
        return {
            method: curve
            for (method, *how, kind), curve in self.curves.items()
            if how == ["add_noise", "morf"] and kind == "prediction"
        }

    @property
    def floor(self) -> np.ndarray | None:
        """(draw, record, step) of several random maps in the original's procedure."""
        return self.curves.get(("random", "add_noise", "morf", "draws"))


def write_perturbation(path: str | Path, content: Perturbation) -> None:
    """Write ``perturbation.h5``; versions are added to its attributes."""
    with created(path) as file:
        for (method, operator, order, kind), values in content.curves.items():
            group = file.require_group(f"{method}/{operator}/{order}")
            group[kind] = values.astype(np.float32)
        for method in content.prediction:
            file[method]["prediction"] = file[f"{method}/add_noise/morf/prediction"]
        write_texts(file, "record_id", content.record_id)
        file["truth"] = content.truth
        file["points"] = np.asarray(content.points, dtype=np.int32)
        file["floor_points"] = np.asarray(content.floor_points, dtype=np.int32)
        file.attrs.update(version=json.dumps(provenance()), **content.attributes)


def read_perturbation(path: str | Path) -> Perturbation:
    """Read ``perturbation.h5``."""
    with opened(path) as file:
        beside = record_columns(path, file, ("truth",))
        beside |= {n: dataset_of(path, file, n, (None,)) for n in ("points", "floor_points")}
        records, steps = len(beside["record_id"]), len(beside["points"])
        held = {
            key: dataset_of(path, group, kind, _curve_shape(kind, records, steps))
            for key, group, kind in _curves_of(file)
        }
        curves = {key: dataset[:] for key, dataset in held.items()}
        ids = texts(beside.pop("record_id")[:])
        rest = {name: dataset[:] for name, dataset in beside.items()}
        return Perturbation(ids, curves=curves, attributes=dict(file.attrs), **rest)


def _curves_of(file: h5py.File) -> Iterator[tuple]:
    """((method, operator, order, kind), group, kind) of every curve in the file."""
    for method, operators in file.items():
        if isinstance(operators, h5py.Group):
            for operator, orders in operators.items():
                if operator == "prediction":  # the original's procedure, which stands below as well
                    continue
                for order, kinds in orders.items():
                    for kind in kinds:
                        yield (method, operator, order, kind), kinds, kind


def _curve_shape(kind: str, records: int, steps: int) -> tuple:
    """The shape that curves of a kind have; None: any length."""
    if kind == "draws":
        return (None, records, None)
    return (records, steps if kind == "prediction" else None)
