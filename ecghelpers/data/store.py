"""What the files of a results folder hold: medians, attributions, perturbation curves."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE, FIDUCIALS, LEADS, SAMPLING_RATE_HZ, SPLITS, TARGETS
from ..files import create_hdf5, open_hdf5, provenance

# Nothing is packed here. Where another program packs a file, the maps of deconvolution shrink most,
# to a thirteenth.
MOST_COMPRESSION = 20
# Small files are let off: targets that are missing throughout shrink without end.
FREE_BYTES = 16 * 2**20
NUMBERS, TEXT = "numbers", "text"
LEAST_VALUES = 2  # of a target, in each split
ENOUGH_RECORDS = 40  # for the smallest split to get two of them
PLANTED = {"beats": "int16", "mask": "uint8"}  # beside the maps of a planted network


@dataclass
class Block:
    """Some measured records on their way into ``medians.h5``.

    medians: (record, 12, 600) int16 µV. targets: (record, 7) and fiducials: (record, 6), NaN =
    missing. rejected: (record id, reason) of records that could not be used. patient_id: whose
    record it is, "" where that is not known; empty where the source knows of no patients.
    """

    record_id: list[str]
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    rejected: list[tuple[str, str]] = field(default_factory=list)
    patient_id: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Medians:
    """What ``medians.h5`` holds: arrays as in Block, the split of every record, file attributes.

    patient_id: (record,) text, "" where not known; None where the file knows of no patients.
    """

    record_id: np.ndarray
    split: np.ndarray
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    attributes: dict
    patient_id: np.ndarray | None = None

    @property
    def groups(self) -> np.ndarray:
        """(record,) what is independent of what: patients, or records whose patient is unknown."""
        if self.patient_id is None:
            return self.record_id
        return np.where(self.patient_id == "", self.record_id, "patient " + self.patient_id)

    def target(self, name: str) -> np.ndarray:
        """(record,) values of one target, NaN = missing."""
        return self.targets[:, list(TARGETS).index(name)]

    def subset(self, chosen: np.ndarray) -> "Medians":
        """The records that a mask or an array of positions chooses."""
        arrays = (self.record_id, self.split, self.medians, self.targets, self.fiducials)
        patients = None if self.patient_id is None else self.patient_id[chosen]
        return Medians(*(array[chosen] for array in arrays), self.attributes, patients)

    def labelled(self, target: str, split: str) -> "Medians":
        """The records of one split for which the target is known."""
        return self.subset((self.split == split) & np.isfinite(self.target(target)))

    def for_training(self, target: str) -> tuple["Medians", "Medians", "Medians"]:
        """Training, validation and test records for which the target is known.

        Raises ValueError, saying where the records went, unless each split has two values at least:
        one alone can neither be learnt from nor judged by.
        """
        parts = tuple(self.labelled(target, split) for split in SPLITS)
        if all(len(np.unique(part.target(target))) >= LEAST_VALUES for part in parts):
            return parts
        known, records = int(np.isfinite(self.target(target)).sum()), len(self.record_id)
        if not known:
            others = [name for name in TARGETS if np.isfinite(self.target(name)).any()]
            raise ValueError(
                f"{target} is missing in all {records} records; known in some: "
                f"{', '.join(others) or 'none'} (choose with --target)"
            )
        counts = ", ".join(
            f"{len(part.record_id)} {part_name}"
            for part, part_name in zip(parts, SPLITS, strict=True)
        )
        raise ValueError(
            f"{target} is known in {known} of {records} records: {counts}; each needs at least "
            f"{LEAST_VALUES} with different values. A hash of the patient or record shares them "
            f"out: give more records ({ENOUGH_RECORDS} are enough almost always)"
        )


def split_of(record_id: str, patient_id: str = "") -> str:
    """The split of a record: 60 % train, 20 % validation, 20 % test.

    From its patient's id alone, so that nobody is in two splits; from its own where the patient is
    not known.
    """
    digest = hashlib.sha256(f"split {patient_id or record_id}".encode()).digest()
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
        patients: list[str] = []
        for block in blocks:
            twice = [i for i in block.record_id if i in seen or seen.add(i)]
            if twice:
                raise ValueError(f"record id {twice[0]!r} comes twice; ids must differ")
            rows = slice(len(ids), len(ids) + len(block.record_id))
            for name in shapes:
                file[name][rows] = getattr(block, name)
            ids += block.record_id
            patients += block.patient_id or [""] * len(block.record_id)
        write_texts(file, "record_id", ids)
        write_texts(file, "split", map(split_of, ids, patients))
        if any(patients):
            write_texts(file, "patient_id", patients)
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
    with _opened(path) as file:
        held = _checked_medians(path, file)
        beats = held["medians"]
        place = beats.id.get_offset() if mapped else None  # None too if it is packed in chunks
        arrays = {name: held[name][:] for name in ("targets", "fiducials")}
        arrays["medians"] = (
            beats[:]
            if place is None
            else np.memmap(path, beats.dtype, "r", offset=place, shape=beats.shape)
        )
        ids, split = texts(held["record_id"][:]), texts(held["split"][:])
        if unknown := set(split) - set(SPLITS):
            raise ValueError(f"{path}: split {min(unknown)!r}; allowed: {', '.join(SPLITS)}")
        patients = texts(held["patient_id"][:]) if "patient_id" in held else None
        return Medians(ids, split, **arrays, attributes=dict(file.attrs), patient_id=patients)


def _checked_medians(path: str | Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """The datasets of ``medians.h5``, after checking all but the values."""
    beats = _dataset(path, file, "medians", (None, *BEAT_SHAPE))
    if beats.dtype != np.int16:
        raise ValueError(f"{path}: 'medians' is {beats.dtype}; allowed: int16, in µV")
    records = len(beats)
    held = {
        "medians": beats,
        "targets": _dataset(path, file, "targets", (records, len(TARGETS))),
        "fiducials": _dataset(path, file, "fiducials", (records, len(FIDUCIALS))),
        "record_id": _dataset(path, file, "record_id", (records,), TEXT),
        "split": _dataset(path, file, "split", (records,), TEXT),
    }
    if "patient_id" in file:
        held["patient_id"] = _dataset(path, file, "patient_id", (records,), TEXT)
    _check_size(path, held.values())
    for name, columns in (("targets", TARGETS), ("fiducials", FIDUCIALS)):
        found = list(texts(held[name].attrs.get("columns", [])))
        if found != list(columns):
            raise ValueError(f"{path}: {name!r} has columns {found}; allowed: {list(columns)}")
    return held


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
    with _opened(path) as file:
        beside = _beside(path, file, ("prediction", "truth"))
        records = len(beside["record_id"])
        found = [name for name in file if name not in beside and name not in PLANTED]
        held = {
            name: _dataset(path, file, name, (records, *BEAT_SHAPE))
            for name in (found if methods is None else [m for m in methods if m in found])
        }
        planted = {n: _dataset(path, file, n, (records, *BEAT_SHAPE)) for n in PLANTED if n in file}
        _check_size(path, [*beside.values(), *held.values(), *planted.values()])
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
    with _opened(path) as file:
        beside = _beside(path, file, ("truth",))
        beside |= {n: _dataset(path, file, n, (None,)) for n in ("points", "floor_points")}
        records, steps = len(beside["record_id"]), len(beside["points"])
        held = {
            key: _dataset(path, group, kind, _curve_shape(kind, records, steps))
            for method in file
            if method not in beside
            for key, group, kind in _curves_of(path, file, method)
        }
        _check_size(path, [*beside.values(), *held.values()])
        curves = {key: dataset[:] for key, dataset in held.items()}
        ids = texts(beside.pop("record_id")[:])
        rest = {name: dataset[:] for name, dataset in beside.items()}
        return Perturbation(ids, curves=curves, attributes=dict(file.attrs), **rest)


def _curves_of(path: str | Path, file: h5py.File, method: str) -> Iterator[tuple]:
    """((method, operator, order, kind), group, kind) of everything that a method's group holds."""
    operators = _own(path, file, method, h5py.Group)
    for operator in operators:
        if operator == "prediction":  # the original's procedure, which has its own group as well
            continue
        orders = _own(path, operators, operator, h5py.Group)
        for order in orders:
            group = _own(path, orders, order, h5py.Group)
            for kind in group:
                yield (method, operator, order, kind), group, kind


def _curve_shape(kind: str, records: int, steps: int) -> tuple:
    """The shape that curves of a kind have; None: any length."""
    if kind == "draws":
        return (None, records, None)
    return (records, steps if kind == "prediction" else None)


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    """Open a file as ``open_hdf5`` does; what HDF5 cannot read in it is a ValueError that names it.

    A file without a checksum may be damaged anywhere, so that any access may fail.
    """
    with open_hdf5(path) as file:
        try:
            yield file
        except (OSError, RuntimeError, LookupError, TypeError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:150]
            raise ValueError(
                f"{path} cannot be read ({reason}); delete it and run the step that makes it again"
            ) from None


def _beside(path: str | Path, file: h5py.File, names: Sequence[str]) -> dict[str, h5py.Dataset]:
    """The record ids, and the datasets with one number a record."""
    ids = _dataset(path, file, "record_id", (None,), TEXT)
    return {"record_id": ids} | {name: _dataset(path, file, name, ids.shape) for name in names}


def _own(path: str | Path, group: h5py.Group, name: str, kind: type) -> h5py.HLObject:
    """What stands in the group under this name; a link that leads elsewhere is not followed."""
    where, what = repr(f"{group.name}/{name}".lstrip("/")), kind.__name__.lower()
    links, raw = group.id.links, os.fsencode(name)
    # Not `name in group`, which would open the file that an external link names.
    if links.exists(raw) and links.get_info(raw).type != h5py.h5l.TYPE_HARD:
        raise ValueError(f"{path}: {where} is a link; allowed: a {what} in the file itself")
    found = group[name] if links.exists(raw) else None
    if not isinstance(found, kind):
        raise ValueError(f"{path} has no {what} {where}; allowed: a {what} in the file itself")
    return found


def _dataset(
    path: str | Path, group: h5py.Group, name: str, shape: tuple, kind: str = NUMBERS
) -> h5py.Dataset:
    """A dataset of the file itself, of this shape (None: any length) and kind; not read yet."""
    dataset = _own(path, group, name, h5py.Dataset)
    where = repr(dataset.name.lstrip("/"))
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{path}: {where} lies in another file; allowed: in this one")
    found = dataset.shape  # None if it holds nothing
    same = found is not None and len(found) == len(shape)
    if not same or any(n not in (None, m) for n, m in zip(shape, found, strict=True)):
        allowed = str(shape).replace("None", "any")
        raise ValueError(f"{path}: {where} has shape {found}; allowed: {allowed}")
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    if not (is_text if kind == TEXT else dataset.dtype.kind in "iuf"):
        raise ValueError(f"{path}: {where} is {dataset.dtype}; allowed: {kind}")
    return dataset


def _check_size(path: str | Path, datasets: Iterable[h5py.Dataset]) -> None:
    """Refuse, before it is read, what would take far more memory than the file can hold."""
    claimed, size = sum(map(_claimed, datasets)), Path(path).stat().st_size
    allowed = MOST_COMPRESSION * size + FREE_BYTES
    if claimed > allowed:
        raise ValueError(
            f"{path} of {size} bytes would take {claimed} bytes of memory; allowed: {allowed}; "
            "delete it and run the step that makes it again"
        )


def _claimed(dataset: h5py.Dataset) -> int:
    """The bytes that reading takes; one chunk, which is unpacked whole, may exceed the dataset."""
    items = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,)))
    return items * dataset.dtype.itemsize
