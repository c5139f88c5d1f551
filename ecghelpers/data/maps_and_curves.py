"""What the HDF5 results of one network hold: maps of all methods, and perturbation curves."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE
from ..files import create_hdf5, provenance
from .hdf5_checks import check_size, dataset_of, member, opened, record_columns, texts, write_texts

PLANTED = {"beats": "int16", "mask": "uint8"}  # beside the maps of a planted network


@dataclass(frozen=True)
class Attributions:
    """What ``attributions.h5`` holds for one network.

    maps: method → (record, 12, 600) float32. details: method → ``parameters`` (dict), ``unit``,
    ``seconds``. prediction and truth: (record,) in target unit. Of a planted network also beats
    (record, 12, 600) int16, with the plant in them, and mask (record, 12, 600): where it is.
    """

    record_id: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    maps: dict[str, np.ndarray]
    details: dict[str, dict]
    attributes: dict
    beats: np.ndarray | None = None
    mask: np.ndarray | None = None


def write_attributions(path: str | Path, content: Attributions) -> None:
    """Write ``attributions.h5``; versions are added to its attributes."""
    with create_hdf5(path) as file:
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
        file.attrs.update(version=json.dumps(provenance()), **content.attributes)


def read_attributions(path: str | Path, methods: Sequence[str] | None = None) -> Attributions:
    """Read ``attributions.h5``, or only the maps of some methods; the details are always of all."""
    with opened(path) as file:
        beside = record_columns(path, file, ("prediction", "truth"))
        records = len(beside["record_id"])
        found = [name for name in file if name not in beside and name not in PLANTED]
        held = {
            name: dataset_of(path, file, name, (records, *BEAT_SHAPE))
            for name in (found if methods is None else [m for m in methods if m in found])
        }
        planted = {
            n: dataset_of(path, file, n, (records, *BEAT_SHAPE)) for n in PLANTED if n in file
        }
        check_size(path, [*beside.values(), *held.values(), *planted.values()])
        details = {name: _details(path, file[name]) for name in found}
        maps = {name: dataset[:] for name, dataset in held.items()}
        ids = texts(beside.pop("record_id")[:])
        rest = {name: dataset[:] for name, dataset in beside.items()}
        rest |= {name: dataset[:] for name, dataset in planted.items()}
        return Attributions(ids, **rest, maps=maps, details=details, attributes=dict(file.attrs))


def _details(path: str | Path, dataset: h5py.Dataset) -> dict:
    """The attributes of a map. Raises ValueError naming the one that is missing or not JSON."""
    details, name = dict(dataset.attrs), dataset.name.strip("/")
    if missing := {"parameters", "unit", "seconds"} - set(details):
        raise ValueError(f"{path}: {name!r} has no attribute {min(missing)!r}")
    try:
        parameters = json.loads(details["parameters"])
    except (ValueError, TypeError, RecursionError):
        parameters = None
    if not isinstance(parameters, dict):
        raise ValueError(f"{path}: 'parameters' of {name!r} are not settings; allowed: JSON object")
    return details | {"parameters": parameters}


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
    with create_hdf5(path) as file:
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
            for method in file
            if method not in beside
            for key, group, kind in _curves_of(path, file, method)
        }
        check_size(path, [*beside.values(), *held.values()])
        curves = {key: dataset[:] for key, dataset in held.items()}
        ids = texts(beside.pop("record_id")[:])
        rest = {name: dataset[:] for name, dataset in beside.items()}
        return Perturbation(ids, curves=curves, attributes=dict(file.attrs), **rest)


def _curves_of(path: str | Path, file: h5py.File, method: str) -> Iterator[tuple]:
    """((method, operator, order, kind), group, kind) of everything that a method's group holds."""
    operators = member(path, file, method, h5py.Group)
    for operator in operators:
        if operator == "prediction":  # the original's procedure, which has its own group as well
            continue
        orders = member(path, operators, operator, h5py.Group)
        for order in orders:
            group = member(path, orders, order, h5py.Group)
            for kind in group:
                yield (method, operator, order, kind), group, kind


def _curve_shape(kind: str, records: int, steps: int) -> tuple:
    """The shape that curves of a kind have; None: any length."""
    if kind == "draws":
        return (None, records, None)
    return (records, steps if kind == "prediction" else None)
