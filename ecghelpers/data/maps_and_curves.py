"""The HDF5 results of one network: maps, perturbation curves and intervention effects."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE
from ..files import provenance, remedy
from ..paths import WEIGHTS
from .hdf5 import created, dataset_of, opened, record_columns, texts, write_texts

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
            dataset = file.create_dataset(method, data=values.astype(np.float32))
            details = content.details[method]
            dataset.attrs["parameters"] = json.dumps(details["parameters"])
            dataset.attrs["unit"] = details["unit"]
            dataset.attrs["seconds"] = details["seconds"]
        file["prediction"], file["truth"] = content.prediction, content.truth
        for name, dtype in PLANTED.items():
            if getattr(content, name) is not None:
                file[name] = getattr(content, name).astype(dtype)
        for method, values in content.against_mean.items():
            file[f"{MEAN}/{method}"] = values.astype(np.float32)


def read_attributions(path: str | Path, methods: Sequence[str] | None = None) -> Attributions:
    """Read ``attributions.h5``, or only the maps of some methods, with the details of all."""
    with opened(path) as file:
        _check_network(path, file)
        beside = record_columns(path, file, ("prediction", "truth"))
        shape = (len(beside["record_id"]), *BEAT_SHAPE)
        stored = [name for name in file if name not in (*beside, *PLANTED, MEAN)]
        chosen = [m for m in stored if methods is None or m in methods]
        maps = {m: dataset_of(path, file, m, shape)[:] for m in chosen}
        against_mean = {
            m: dataset_of(path, file[MEAN], m, shape)[:]
            for m in file.get(MEAN, ())
            if methods is None or m in methods
        }
        details = {name: dict(file[name].attrs) for name in stored}
        for row in details.values():
            row["parameters"] = json.loads(row["parameters"])
        planted = {n: dataset_of(path, file, n, shape)[:] for n in PLANTED if n in file}
        return Attributions(
            texts(beside["record_id"][:]),
            beside["prediction"][:],
            beside["truth"][:],
            maps,
            details,
            dict(file.attrs),
            **planted,
            against_mean=against_mean,
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
    with opened(path) as file:
        _check_network(path, file)
        beside = record_columns(path, file, ("truth",))
        points = dataset_of(path, file, "points", (None,))
        records, columns = len(beside["record_id"]), file.attrs.get("columns", [])
        shapes = {1: (records, len(points)), 3: (records, len(columns))}
        names: list[str] = []
        file.visit(lambda name: names.append(name) if name.endswith("/prediction") else None)
        keys = {name: tuple(name.split("/")[:-1]) for name in names}
        curves = {
            key: dataset_of(path, file, name, shapes.get(len(key), ()))[:]
            for name, key in keys.items()
        }
        return Perturbation(
            texts(beside["record_id"][:]),
            beside["truth"][:],
            points[:],
            {key[0]: curve for key, curve in curves.items() if len(key) == 1},
            dict(file.attrs),
            {key: curve for key, curve in curves.items() if len(key) == 3},
            np.array(columns, int),
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

    @property
    def map(self) -> np.ndarray:
        """(record, lead, time): the mean |effect| over donors, constant within a segment."""
        mean = np.abs(self.effect).mean(1)
        return np.repeat(mean, BEAT_SHAPE[1] // mean.shape[2], axis=2)


def write_intervention(path: str | Path, content: Intervention) -> None:
    """Write ``intervention.h5``; versions are added to its attributes."""
    with _writing(path, content) as file:
        for name in ("effect", "effect_flat", "effect_mean", "prediction"):
            file[name] = getattr(content, name).astype(np.float32)


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


def _check_network(path: str | Path, file: h5py.File) -> None:
    """Raise ValueError if the network beside the file has been replaced since."""
    network, about = Path(path).with_name(WEIGHTS), file.attrs.get("network")
    if about and network.is_file() and about != _checksum(network):
        raise ValueError(
            f"{path} belongs to another network than {network.name} beside it, which has been "
            f"replaced since; {remedy(path)}"
        )


def _checksum(network: Path) -> str:
    from ..network.checkpoints import weights_digest  # torch, which most callers do not need
    from ..network.model import load_model

    return weights_digest(load_model(network).state_dict())
