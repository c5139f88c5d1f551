"""Median beats with their targets, fiducials and split: ``medians.h5``, and choosing records."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from itertools import compress
from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SHAPE, FIDUCIALS, LEADS, SAMPLING_RATE_HZ, SPLITS, TARGETS
from ..files import provenance, read_table, remedy
from ..lazy_rows import LazyRows
from ..runtime import generator
from .hdf5 import TEXT, created, dataset_of, opened, texts, write_texts

COLUMNS = {"targets": TARGETS, "fiducials": FIDUCIALS, "machine": TARGETS, "measured": TARGETS}
WORDS = ("patient_id", "machine_program")
PER_RECORD = ("record_id", "split", "targets", "fiducials")
OPTIONAL = ("patient_id", "machine_program", "machine", "measured")
LEAST_VALUES = 2  # different values of a target in each split
ENOUGH_RECORDS = 40  # so that the smallest split gets two of them


@dataclass
class Block:
    """Some measured records on their way into ``medians.h5``.

    medians: (record, 12, 600) int16 µV. targets: (record, 7) and fiducials: (record, 6), NaN =
    missing. rejected: (record id, reason) of unusable records. Per record, if the source has them:
    patient_id and the rule that found it, "" if unknown; machine: (record, 7) the targets measured
    by a program; measured: (record, 7) those measured here; digest: equal for equal recordings;
    split, by default split_of its id.
    """

    record_id: list[str]
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    rejected: list[tuple[str, str]] = field(default_factory=list)
    patient_id: list[str] = field(default_factory=list)
    rule: list[str] = field(default_factory=list)
    machine: np.ndarray | None = None
    program: list[str] = field(default_factory=list)
    measured: np.ndarray | None = None
    digest: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)

    def kept(self, mask: np.ndarray) -> "Block":
        """The records that a mask (record,) selects, with all of rejected."""
        names = {each.name for each in fields(self)} - {"rejected"}
        given = {n: v for n in names if (v := getattr(self, n)) is not None and len(v)}
        changed = {
            name: values[mask] if isinstance(values, np.ndarray) else list(compress(values, mask))
            for name, values in given.items()
        }
        return replace(self, **changed)


@dataclass(frozen=True)
class Medians:
    """The contents of ``medians.h5``: arrays as in Block, the split of every record, attributes.

    patient_id: (record,) a number for each patient, "" if unknown; machine, measured: (record, 7)
    and machine_program: (record,) text. Each is None if the file does not contain it.
    """

    record_id: np.ndarray
    split: np.ndarray
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    attributes: dict
    patient_id: np.ndarray | None = None
    machine: np.ndarray | None = None
    machine_program: np.ndarray | None = None
    measured: np.ndarray | None = None

    @property
    def groups(self) -> np.ndarray:
        """(record,) the independent units: patients, or records whose patient is unknown."""
        if self.patient_id is None:
            return self.record_id
        return np.where(self.patient_id == "", self.record_id, "patient " + self.patient_id)

    def target(self, name: str) -> np.ndarray:
        """(record,) values of one target, NaN = missing."""
        return self.targets[:, list(TARGETS).index(name)]

    def subset(self, chosen: np.ndarray, copied: bool = True) -> "Medians":
        """The records that a mask or an array of positions selects.

        copied: False leaves the beats in place, as a LazyRows, which takes no memory.
        """
        given = {name: getattr(self, name) for name in (*PER_RECORD, *OPTIONAL)}
        rows = {name: values[chosen] for name, values in given.items() if values is not None}
        if copied:
            rows["medians"] = self.medians[chosen]
        else:
            rows["medians"] = LazyRows(self.medians, np.arange(len(self.medians))[chosen])
        return replace(self, **rows)

    def labelled(self, target: str, split: str, copied: bool = True) -> "Medians":
        """The records of one split for which the target is known; copied as in subset."""
        return self.subset((self.split == split) & np.isfinite(self.target(target)), copied)

    def for_training(self, target: str) -> tuple["Medians", "Medians", "Medians"]:
        """Training, validation and test records with a known target; beats are not copied.

        Raises ValueError with the counts unless each split has at least two different values: a
        single one allows neither training nor evaluation.
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
            f"{LEAST_VALUES} with different values. A hash of the patient or record assigns them: "
            f"use more records ({ENOUGH_RECORDS} are almost always enough)"
        )


def split_of(record_id: str, patient_id: str = "") -> str:
    """The split of a record: 60 % train, 20 % validation, 20 % test.

    It depends on the patient's id only, so that nobody is in two splits; on the record's id if the
    patient is unknown.
    """
    digest = hashlib.sha256(f"split {patient_id or record_id}".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[0] if fraction < 0.6 else SPLITS[1] if fraction < 0.8 else SPLITS[2]


def write_medians(path: str | Path, blocks: Iterable[Block], records: int, **attributes) -> None:
    """Write ``medians.h5`` from blocks of `records` records in total.

    attributes: at least ``source``; stored with sampling rate, leads and units. Of patients only a
    number is stored. Raises ValueError for a duplicate record id.
    """
    from ..measurement import LABELS_VERSION  # imports what readers of the file do not need

    words: dict[str, list[str]] = {name: [] for name in ("record_id", "split", *WORDS)}
    with created(path) as file:
        for block in blocks:
            rows = slice(len(words["record_id"]), len(words["record_id"]) + len(block.record_id))
            for name in ("medians", *COLUMNS):
                values = getattr(block, name)
                if values is None:
                    continue
                if name not in file:
                    dtype = "int16" if name == "medians" else "float32"
                    file.create_dataset(name, (records, *values.shape[1:]), dtype)
                file[name][rows] = values
            unknown = [""] * len(block.record_id)
            patients = block.patient_id or unknown
            words["record_id"] += block.record_id
            words["split"] += block.split or map(split_of, block.record_id, patients)
            words["patient_id"] += patients
            words["machine_program"] += block.program or unknown
        seen: set[str] = set()
        if twice := [i for i in words["record_id"] if i in seen or seen.add(i)]:
            raise ValueError(f"duplicate record id {twice[0]!r}; ids must differ")
        words["patient_id"] = _numbered(words["patient_id"])
        for name, values in words.items():
            if name not in WORDS or any(values):
                write_texts(file, name, values)
        for name, columns in COLUMNS.items():
            if name in file:
                file[name].attrs["columns"] = list(columns)
        file.attrs.update(
            sampling_rate=SAMPLING_RATE_HZ,
            leads=list(LEADS),
            units="µV",
            labels_version=LABELS_VERSION,
            version=json.dumps(provenance()),
            **attributes,
        )


def _numbered(patients: list[str]) -> list[str]:
    """A number for each patient in order of appearance, so that nothing of the id is stored."""
    numbers = {who: str(n) for n, who in enumerate(dict.fromkeys(filter(None, patients)), 1)}
    return [numbers.get(who, "") for who in patients]


def read_medians(path: str | Path, mapped: bool = False) -> Medians:
    """Read ``medians.h5``. Raises ValueError naming a missing dataset or a wrong shape.

    mapped: leave the beats in the file and read them on access, so that any number of records takes
    little memory.
    """
    with opened(path) as file:
        held = _checked_medians(path, file)
        beats = held["medians"]
        place = beats.id.get_offset() if mapped else None  # None for chunked data as well
        arrays = {name: held[name][:] for name in COLUMNS if name in held}
        arrays["medians"] = (
            beats[:]
            if place is None
            else np.memmap(path, beats.dtype, "r", offset=place, shape=beats.shape)
        )
        ids, split = texts(held["record_id"][:]), texts(held["split"][:])
        if unknown := set(split) - set(SPLITS):
            raise ValueError(f"{path}: split {min(unknown)!r}; allowed: {', '.join(SPLITS)}")
        arrays |= {name: texts(held[name][:]) for name in WORDS if name in held}
        return Medians(ids, split, **arrays, attributes=dict(file.attrs))


def _checked_medians(path: str | Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """The datasets of ``medians.h5``, after checking all but the values."""
    beats = dataset_of(path, file, "medians", (None, *BEAT_SHAPE))
    if beats.dtype != np.int16:
        raise ValueError(f"{path}: 'medians' is {beats.dtype}; allowed: int16, in µV")
    held = {"medians": beats}
    for name in (*PER_RECORD, *(name for name in OPTIONAL if name in file)):
        if name not in COLUMNS:
            held[name] = dataset_of(path, file, name, (len(beats),), TEXT)
            continue
        columns = list(COLUMNS[name])
        held[name] = dataset_of(path, file, name, (len(beats), len(columns)))
        if (stored := list(texts(held[name].attrs.get("columns", [])))) != columns:
            raise ValueError(f"{path}: {name!r} has columns {stored}; allowed: {columns}")
    return held


def choose_records(
    data: Medians,
    target: str,
    count: int,
    seed: int,
    *,
    complete_first: bool = False,
    table: "pandas.DataFrame | None" = None,  # noqa: F821
) -> Medians:
    """Test records with a known target, in an order that depends on seed and record id only.

    complete_first: records with complete labels come first, so that all targets share their first
    records. Use it for display, not for evaluation: it leaves out ECGs without a P wave. table: of
    ``read_events``; by default made from the data. Raises ValueError if the table does not fit the
    data, or no record can be chosen.
    """
    table = events(data) if table is None else table
    test = table[(table["split"] == "test") & table[target].notna()]
    if count < 1 or test.empty:
        raise ValueError(
            f"{count} test records requested, {len(test)} have a value for {target}; request at "
            "least 1, and use more records if there are none"
        )
    draw = [generator(seed, "choice", record).random() for record in test["record_id"]]
    later = ~test["complete"] if complete_first else np.zeros(len(draw), bool)
    ids = test["record_id"].iloc[np.lexsort((draw, later))[:count]]
    row = {record: number for number, record in enumerate(data.record_id)}
    if unknown := [record for record in ids if record not in row]:
        raise ValueError(f"events.csv: record {unknown[0]!r} is not in medians.h5; rerun step 01")
    return data.subset(np.array([row[record] for record in ids]))


def is_complete(data: Medians) -> np.ndarray:
    """(record,) whether all targets and fiducials are known that the source provides at all."""
    known = np.isfinite(np.hstack([data.targets, data.fiducials]))
    return known[:, known.any(axis=0)].all(axis=1)


def events(data: Medians) -> "pandas.DataFrame":  # noqa: F821
    """A row per record: its id and split, every target and fiducial, and whether all are known."""
    import pandas as pd  # not needed for reading medians.h5

    numbers = np.hstack([data.targets, data.fiducials])
    table = pd.DataFrame(numbers, columns=[*TARGETS, *FIDUCIALS])
    table.insert(0, "record_id", data.record_id)
    table.insert(1, "split", data.split)
    return table.assign(complete=is_complete(data))


def read_events(path: str | Path) -> "pandas.DataFrame":  # noqa: F821
    """Read ``events.csv``, as ``events`` makes it. Raises ValueError for another table."""
    table = read_table(path, ("record_id", "split", "complete"), (*TARGETS, *FIDUCIALS))
    if table["complete"].dtype != bool:
        raise ValueError(f"{path}: column complete must be True or False; {remedy(path)}")
    return table
