"""What the HDF5 results of one network hold: maps of all methods, and perturbation curves."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE
from ..files import provenance, remedy
from ..paths import WEIGHTS
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
        file.attrs.update(_attributes(path) | content.attributes)


def read_attributions(path: str | Path, methods: Sequence[str] | None = None) -> Attributions:
    """Read ``attributions.h5``, or only the maps of some methods; the details are always of all."""
    with opened(path) as file:
        _check_network(path, file)
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

    points: (step,) how many points are perturbed at each step. prediction: method or control →
    (record, step) of the published procedure: noise, most relevant first. operators: (method,
    operator, order) → (record, column), columns: (column,) points there; empty unless asked for.
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
    with created(path) as file:
        for method, values in content.prediction.items():
            file[f"{method}/prediction"] = values.astype(np.float32)
        for key, values in content.operators.items():
            file[f"{'/'.join(key)}/prediction"] = values.astype(np.float32)
        write_texts(file, "record_id", content.record_id)
        file["truth"] = content.truth
        file["points"] = np.asarray(content.points, dtype=np.int32)
        file.attrs.update(_attributes(path) | content.attributes)
        file.attrs["columns"] = np.asarray(content.columns, dtype=np.int32)


def read_perturbation(path: str | Path) -> Perturbation:
    """Read ``perturbation.h5``."""
    with opened(path) as file:
        _check_network(path, file)
        beside = record_columns(path, file, ("truth",))
        beside["points"] = dataset_of(path, file, "points", (None,))
        records, columns = len(beside["record_id"]), file.attrs.get("columns", [])
        shapes = {1: (records, len(beside["points"])), 3: (records, len(columns))}
        held: dict[tuple, h5py.Dataset] = {}
        names: list[str] = []
        file.visit(lambda name: names.append(name) if name.endswith("/prediction") else None)
        for name in names:
            *key, _ = name.split("/")
            held[tuple(key)] = dataset_of(path, file, name, shapes.get(len(key), ()))
        ids = texts(beside.pop("record_id")[:])
        curves = {key: dataset[:] for key, dataset in held.items()}
        return Perturbation(
            ids,
            **{name: dataset[:] for name, dataset in beside.items()},
            prediction={key[0]: curve for key, curve in curves.items() if len(key) == 1},
            operators={key: curve for key, curve in curves.items() if len(key) == 3},
            columns=np.array(columns, int),
            attributes=dict(file.attrs),
        )


@dataclass(frozen=True)
class Intervention:
    """What ``intervention.h5`` holds for one network: changes of the prediction, target unit.

    effect: (record, donor, lead, segment), the segment taken from a donor; effect_flat and
    effect_mean: (record, lead, segment), set to zero and to the mean training beat.
    """

    record_id: np.ndarray
    prediction: np.ndarray
    effect: np.ndarray
    effect_flat: np.ndarray
    effect_mean: np.ndarray
    attributes: dict

    @property
    def map(self) -> np.ndarray:
        """(record, lead, time): the mean |effect| over donors, the same throughout a segment."""
        mean = np.abs(self.effect).mean(1)
        return np.repeat(mean, BEAT_SHAPE[1] // mean.shape[2], axis=2)


def write_intervention(path: str | Path, content: Intervention) -> None:
    """Write ``intervention.h5``; versions are added to its attributes."""
    with created(path) as file:
        for name in ("effect", "effect_flat", "effect_mean", "prediction"):
            file[name] = getattr(content, name).astype(np.float32)
        write_texts(file, "record_id", content.record_id)
        file.attrs.update(_attributes(path) | content.attributes)


def read_intervention(path: str | Path) -> Intervention:
    """Read ``intervention.h5``."""
    with opened(path) as file:
        _check_network(path, file)
        beside = record_columns(path, file, ("prediction",))
        count, leads = len(beside["record_id"]), BEAT_SHAPE[0]
        effects = {"effect": dataset_of(path, file, "effect", (count, None, leads, None))}
        for name in ("effect_flat", "effect_mean"):
            effects[name] = dataset_of(path, file, name, (count, leads, None))
        ids = texts(beside.pop("record_id")[:])
        rest = {name: dataset[:] for name, dataset in (beside | effects).items()}
        return Intervention(ids, **rest, attributes=dict(file.attrs))


def _attributes(path: str | Path) -> dict[str, str]:
    """What every file says of itself: versions, and the checksum of the network beside it."""
    network = Path(path).with_name(WEIGHTS)
    about = {"network": _checksum(network)} if network.is_file() else {}
    return {"version": json.dumps(provenance())} | about


def _check_network(path: str | Path, file: h5py.File) -> None:
    """Raise ValueError for a file about another network than the one that lies beside it now."""
    network, about = Path(path).with_name(WEIGHTS), file.attrs.get("network")
    if about and network.is_file() and about != _checksum(network):
        raise ValueError(
            f"{path} belongs to another network than {network.name} beside it, which has been "
            f"replaced since; {remedy(path)}"
        )


def _checksum(network: Path) -> str:
    from ..checkpoints import weights_digest  # torch, which most readers do without
    from ..model import load_model

    return weights_digest(load_model(network).state_dict())
