"""What the files of a results folder hold: medians, attributions, perturbation curves."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from .ecg import BEAT_SHAPE, FIDUCIALS, LEADS, SAMPLING_RATE_HZ, SPLITS, TARGETS
from .files import create_hdf5, open_hdf5, provenance

MOST_COMPRESSION = 1000  # no filter of HDF5 packs tighter


@dataclass
class Block:
    """Some measured records on their way into ``medians.h5``.

    medians: (record, 12, 600) int16 µV. targets: (record, 7) and fiducials: (record, 6), NaN =
    missing. rejected: (record id, reason) of records that could not be used.
    """

    record_id: list[str]
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    rejected: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Medians:
    """What ``medians.h5`` holds: arrays as in Block, the split of every record, file attributes."""

    record_id: np.ndarray
    split: np.ndarray
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    attributes: dict

    def target(self, name: str) -> np.ndarray:
        """(record,) values of one target, NaN = missing."""
        return self.targets[:, list(TARGETS).index(name)]

    def subset(self, chosen: np.ndarray) -> "Medians":
        """The records that a mask or an array of positions chooses."""
        arrays = (self.record_id, self.split, self.medians, self.targets, self.fiducials)
        return Medians(*(array[chosen] for array in arrays), self.attributes)

    def labelled(self, target: str, split: str) -> "Medians":
        """The records of one split for which the target is known."""
        return self.subset((self.split == split) & np.isfinite(self.target(target)))


def split_of(record_id: str) -> str:
    """The split of a record: 60 % train, 20 % validation, 20 % test, from its id alone."""
    digest = hashlib.sha256(f"split {record_id}".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[0] if fraction < 0.6 else SPLITS[1] if fraction < 0.8 else SPLITS[2]


def texts(values) -> np.ndarray:
    """A text dataset as an array of str."""
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)


def write_texts(group: h5py.Group, name: str, values) -> None:
    """Store strings as variable-length UTF-8."""
    group.create_dataset(name, data=list(map(str, values)), dtype=h5py.string_dtype())


def write_medians(path: str | Path, blocks: Iterator[Block], records: int, **attributes) -> None:
    """Write ``medians.h5`` from blocks that hold `records` records together.

    attributes: at least ``source``; stored on the file beside sampling rate, leads and units.
    Raises ValueError for a record id that comes twice.
    """
    seen: set[str] = set()
    with create_hdf5(path) as file:
        shapes = {"medians": BEAT_SHAPE, "targets": (len(TARGETS),), "fiducials": (len(FIDUCIALS),)}
        dtypes = {"medians": "int16", "targets": "float32", "fiducials": "float32"}
        for name, shape in shapes.items():
            file.create_dataset(name, (records, *shape), dtypes[name])
        file["targets"].attrs["columns"] = list(TARGETS)
        file["fiducials"].attrs["columns"] = list(FIDUCIALS)
        ids: list[str] = []
        for block in blocks:
            twice = [i for i in block.record_id if i in seen or seen.add(i)]
            if twice:
                raise ValueError(f"record id {twice[0]!r} comes twice; ids must differ")
            rows = slice(len(ids), len(ids) + len(block.record_id))
            for name in shapes:
                file[name][rows] = getattr(block, name)
            ids += block.record_id
        write_texts(file, "record_id", ids)
        write_texts(file, "split", map(split_of, ids))
        file.attrs.update(
            sampling_rate=SAMPLING_RATE_HZ,
            leads=list(LEADS),
            units="µV",
            version=json.dumps(provenance()),
            **attributes,
        )


def read_medians(path: str | Path, mapped: bool = False) -> Medians:
    """Read ``medians.h5``. Raises ValueError naming what is missing or of the wrong shape.

    mapped: leave the beats in the file, to be read where they are looked at, so that any number of
    records takes little memory.
    """
    with open_hdf5(path) as file:
        _check_medians(path, file)
        beats = file["medians"]
        place = beats.id.get_offset() if mapped else None  # None too if it is packed in chunks
        arrays = {name: file[name][:] for name in ("targets", "fiducials")}
        arrays["medians"] = (
            beats[:]
            if place is None
            else np.memmap(path, beats.dtype, "r", offset=place, shape=beats.shape)
        )
        ids, split = texts(file["record_id"][:]), texts(file["split"][:])
        return Medians(ids, split, **arrays, attributes=dict(file.attrs))


def _check_medians(path: str | Path, file: h5py.File) -> None:
    shapes = {
        "medians": BEAT_SHAPE,
        "targets": (len(TARGETS),),
        "fiducials": (len(FIDUCIALS),),
        "record_id": (),
        "split": (),
    }
    _need(path, file, tuple(shapes))
    for name, shape in shapes.items():
        _check_shape(path, file, name, (len(file["medians"]), *shape))
    if file["medians"].dtype != np.int16:
        raise ValueError(f"{path}: 'medians' is {file['medians'].dtype}; allowed: int16, in µV")
    for name, columns in (("targets", TARGETS), ("fiducials", FIDUCIALS)):
        found = list(texts(file[name].attrs.get("columns", [])))
        if found != list(columns):
            raise ValueError(f"{path}: {name!r} has columns {found}; allowed: {list(columns)}")


@dataclass(frozen=True)
class Attributions:
    """What ``attributions.h5`` holds for one network.

    maps: method → (record, 12, 600) float32. details: method → ``parameters`` (dict), ``unit``,
    ``seconds``. prediction and truth: (record,) in target unit.
    """

    record_id: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    maps: dict[str, np.ndarray]
    details: dict[str, dict]
    attributes: dict


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
        file.attrs.update(version=json.dumps(provenance()), **content.attributes)


def read_attributions(path: str | Path, methods: Sequence[str] | None = None) -> Attributions:
    """Read ``attributions.h5``, or only the maps of some methods that it holds."""
    beside = ("record_id", "prediction", "truth")
    with open_hdf5(path) as file:
        _need(path, file, beside)
        held = [name for name in file if name not in beside]
        maps, details = {}, {}
        for name in held if methods is None else [m for m in methods if m in held]:
            _check_shape(path, file, name, (len(file["record_id"]), *BEAT_SHAPE))
            maps[name] = file[name][:]
            attributes = dict(file[name].attrs)
            details[name] = attributes | {"parameters": json.loads(attributes["parameters"])}
        rest = (texts(file["record_id"][:]), file["prediction"][:], file["truth"][:])
        return Attributions(*rest, maps, details, dict(file.attrs))


@dataclass(frozen=True)
class Perturbation:
    """What ``perturbation.h5`` holds for one network: method → prediction (record, step + 1)."""

    record_id: np.ndarray
    truth: np.ndarray
    prediction: dict[str, np.ndarray]
    attributes: dict


def write_perturbation(path: str | Path, content: Perturbation) -> None:
    """Write ``perturbation.h5``; versions are added to its attributes."""
    with create_hdf5(path) as file:
        for method, values in content.prediction.items():
            file.create_group(method)["prediction"] = values.astype(np.float32)
        write_texts(file, "record_id", content.record_id)
        file["truth"] = content.truth
        file.attrs.update(version=json.dumps(provenance()), **content.attributes)


def read_perturbation(path: str | Path) -> Perturbation:
    """Read ``perturbation.h5``."""
    with open_hdf5(path) as file:
        _need(path, file, ("record_id", "truth"))
        groups = [name for name in file if isinstance(file[name], h5py.Group)]
        for name in groups:
            _need(path, file[name], ("prediction",))
        curves = {name: file[name]["prediction"][:] for name in groups}
        ids, truth = texts(file["record_id"][:]), file["truth"][:]
        return Perturbation(ids, truth, curves, dict(file.attrs))


def _need(path: str | Path, group: h5py.Group, names: Sequence[str]) -> None:
    for name in names:
        if name not in group or isinstance(group[name], h5py.Group):
            raise ValueError(f"{path} has no dataset {name!r}; needed: {', '.join(names)}")
        _check_size(path, group[name])


def _check_size(path: str | Path, dataset: h5py.Dataset) -> None:
    """Refuse, before it is read, what holds far less than it says, or no plain values."""
    kind = dataset.dtype.kind
    if kind not in "iuf" and not h5py.check_string_dtype(dataset.dtype):
        raise ValueError(f"{path}: {dataset.name} is {dataset.dtype}; allowed: numbers or text")
    claimed, held = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if claimed > max(held * MOST_COMPRESSION, 2**20):
        raise ValueError(
            f"{path}: {dataset.name} of shape {dataset.shape} would take {claimed} bytes of memory "
            f"but holds {held}; delete the file and run the step that makes it again"
        )


def _check_shape(path: str | Path, group: h5py.Group, name: str, shape: tuple) -> None:
    _need(path, group, (name,))
    if group[name].shape != shape:
        raise ValueError(f"{path}: {name!r} has shape {group[name].shape}; allowed: {shape}")
