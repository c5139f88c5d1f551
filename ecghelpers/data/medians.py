"""Median beats with their targets, fiducials and split: ``medians.h5``, and what to take of it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..config import generator
from ..ecg import BEAT_SHAPE, FIDUCIALS, LEADS, SAMPLING_RATE_HZ, SPLITS, TARGETS
from ..files import provenance
from ..selection import Selection
from .hdf5 import TEXT, created, dataset_of, opened, texts, write_texts

LEAST_VALUES = 2  # of a target, in each split
ENOUGH_RECORDS = 40  # for the smallest split to get two of them


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

    def subset(self, chosen: np.ndarray, copied: bool = True) -> "Medians":
        """The records that a mask or an array of positions chooses.

        copied: False leaves the beats where they are, in a Selection, which takes no memory.
        """
        beats = self.medians
        beats = beats[chosen] if copied else Selection(beats, np.arange(len(beats))[chosen])
        patients = None if self.patient_id is None else self.patient_id[chosen]
        return Medians(
            self.record_id[chosen],
            self.split[chosen],
            beats,
            self.targets[chosen],
            self.fiducials[chosen],
            self.attributes,
            patients,
        )

    def labelled(self, target: str, split: str, copied: bool = True) -> "Medians":
        """The records of one split for which the target is known; copied as in subset."""
        return self.subset((self.split == split) & np.isfinite(self.target(target)), copied)

    def for_training(self, target: str) -> tuple["Medians", "Medians", "Medians"]:
        """Training, validation and test records for which the target is known; beats not copied.

        Raises ValueError, saying where the records went, unless each split has two values at least:
        one alone can neither be learnt from nor judged by.
        """
        parts = tuple(self.labelled(target, split, copied=False) for split in SPLITS)
        if all(len(np.unique(part.target(target))) >= LEAST_VALUES for part in parts):
            return parts
        labelled, records = int(np.isfinite(self.target(target)).sum()), len(self.record_id)
        if not labelled:
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
            f"{target} is known in {labelled} of {records} records: {counts}; each needs at least "
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


def write_medians(path: str | Path, blocks: Iterator[Block], records: int, **attributes) -> None:
    """Write ``medians.h5`` from blocks that hold `records` records together.

    attributes: at least ``source``; stored on the file beside sampling rate, leads and units.
    Raises ValueError for a record id that comes twice.
    """
    seen: set[str] = set()
    with created(path) as file:
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
    with opened(path) as file:
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
    beats = dataset_of(path, file, "medians", (None, *BEAT_SHAPE))
    if beats.dtype != np.int16:
        raise ValueError(f"{path}: 'medians' is {beats.dtype}; allowed: int16, in µV")
    records = len(beats)
    held = {
        "medians": beats,
        "targets": dataset_of(path, file, "targets", (records, len(TARGETS))),
        "fiducials": dataset_of(path, file, "fiducials", (records, len(FIDUCIALS))),
        "record_id": dataset_of(path, file, "record_id", (records,), TEXT),
        "split": dataset_of(path, file, "split", (records,), TEXT),
    }
    if "patient_id" in file:
        held["patient_id"] = dataset_of(path, file, "patient_id", (records,), TEXT)
    for name, columns in (("targets", TARGETS), ("fiducials", FIDUCIALS)):
        stored = list(texts(held[name].attrs.get("columns", [])))
        if stored != list(columns):
            raise ValueError(f"{path}: {name!r} has columns {stored}; allowed: {list(columns)}")
    return held


def choose_records(
    data: Medians, target: str, count: int, seed: int, *, complete_first: bool = False
) -> Medians:
    """Test records with a known target, in an order that seed and record id decide.

    complete_first: those with complete labels come first, so that every target's first records are
    the same ones. Good to look at, not to judge by: it leaves out who has no P wave. Raises
    ValueError if the test split has none.
    """
    test = data.labelled(target, "test", copied=False)
    if count < 1 or not len(test.record_id):
        raise ValueError(
            f"asked for {count} test records with a known {target} of {len(test.record_id)} there "
            "are; ask for at least 1, and make more records if there are none"
        )
    draw = [generator(seed, "choice", record).random() for record in test.record_id]
    later = ~is_complete(test) if complete_first else np.zeros(len(draw), bool)
    return test.subset(np.lexsort((draw, later))[:count])


def is_complete(data: Medians) -> np.ndarray:
    """(record,) whether all targets and fiducials are known."""
    return np.isfinite(np.hstack([data.targets, data.fiducials])).all(1)
