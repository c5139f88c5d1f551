"""Median beats with their targets, fiducials and split: ``medians.h5``, and choosing records."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..ecg import BEAT_SHAPE, FIDUCIALS, LEADS, SAMPLING_RATE_HZ, SPLITS, TARGETS
from ..files import provenance, read_table, remedy
from ..lazy_rows import LazyRows
from ..runtime import generator
from .hdf5 import created, dataset_of, opened, write_texts

COLUMNS = {"targets": TARGETS, "fiducials": FIDUCIALS, "machine": TARGETS, "measured": TARGETS}
WORDS = ("record_id", "split", "patient_id", "machine_program")
OPTIONAL = ("patient_id", "machine_program", "machine", "measured")
LEAST_VALUES = 2  # different values of a target in each split
ENOUGH_RECORDS = 40  # so that the smallest split gets two of them


@dataclass(frozen=True)
class Medians:
    """The contents of ``medians.h5``, or some records on their way into it.

    medians: (record, 12, 600) int16 µV. targets: (record, 7) and fiducials: (record, 6), NaN =
    missing. patient_id: (record,) text, in the file a running number, "" if unknown. machine and
    measured: (record, 7) the targets measured by the machine and here; machine_program: (record,)
    text. Each is None if unknown for all records. Before records are written also rule: (record,)
    the origin of patient_id, and digest: (record,) equal for equal recordings.
    """

    record_id: np.ndarray
    split: np.ndarray
    medians: np.ndarray
    targets: np.ndarray
    fiducials: np.ndarray
    attributes: dict = field(default_factory=dict)
    patient_id: np.ndarray | None = None
    machine: np.ndarray | None = None
    machine_program: np.ndarray | None = None
    measured: np.ndarray | None = None
    rule: np.ndarray | None = None
    digest: np.ndarray | None = None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything known per record."""
        return {k: v for k, v in vars(self).items() if k != "attributes" and v is not None}

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
        rows = {k: v[chosen] for k, v in self.arrays.items() if copied or k != "medians"}
        if not copied:
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
        known = [name for name in TARGETS if np.isfinite(self.target(name)).any()]
        if target not in known:
            raise ValueError(
                f"{target} is missing in all {len(self.record_id)} records; known in some: "
                f"{', '.join(known) or 'none'} (choose with --target)"
            )
        sizes = [len(part.record_id) for part in parts]
        counts = ", ".join(f"{size} {split}" for size, split in zip(sizes, SPLITS, strict=True))
        raise ValueError(
            f"{target} is known in {sum(sizes)} of {len(self.record_id)} records: {counts}; each "
            f"needs at least {LEAST_VALUES} with different values. A hash of the patient or record "
            f"assigns them: use more records ({ENOUGH_RECORDS} are almost always enough)"
        )


def split_of(record_id: str, patient_id: str = "") -> str:
    """The split of a record: 60 % train, 20 % validation, 20 % test.

    It depends on the patient's id only, so that nobody is in two splits; on the record's id if the
    patient is unknown.
    """
    digest = hashlib.sha256(f"split {patient_id or record_id}".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[0] if fraction < 0.6 else SPLITS[1] if fraction < 0.8 else SPLITS[2]


def write_medians(path: str | Path, parts: Iterable[Medians], records: int, **attributes) -> None:
    """Write ``medians.h5`` from parts with `records` records in total.

    attributes: at least ``source``; stored with sampling rate, leads and units. Of patients only a
    number is stored. Raises ValueError for a duplicate record id.
    """
    from ..measurement import LABELS_VERSION  # imports what readers of the file do not need

    columns: dict[str, list] = {name: [] for name in (*WORDS, *COLUMNS)}
    with created(path) as file:
        beats, row = file.create_dataset("medians", (records, *BEAT_SHAPE), "int16"), 0
        for part in parts:
            beats[row : row + len(part.record_id)] = part.medians
            row += len(part.record_id)
            for name, values in columns.items():
                values.append(getattr(part, name))
        stored = {name: np.concatenate(v) for name, v in columns.items() if v[0] is not None}
        ids = pd.Series(stored["record_id"])
        if ids.duplicated().any():
            twice = ids[ids.duplicated()].iloc[0]
            raise ValueError(f"duplicate record id {str(twice)!r}; ids must differ")
        if "patient_id" in stored:  # in order of appearance, so that nothing of the id is stored
            numbers = pd.factorize(pd.Series(stored["patient_id"]).replace("", None))[0] + 1
            stored["patient_id"] = np.where(numbers > 0, numbers.astype(str), "")
        by_machine = "machine" in stored and np.isfinite(stored["machine"]).any()
        for name, values in stored.items():
            if name in WORDS and (name not in OPTIONAL or (values != "").any()):
                write_texts(file, name, values)
            if name in COLUMNS and (name not in OPTIONAL or by_machine):
                file[name] = values.astype(np.float32)
                file[name].attrs["columns"] = list(COLUMNS[name])
        file.attrs.update(
            sampling_rate=SAMPLING_RATE_HZ,
            leads=list(LEADS),
            units="µV",
            labels_version=LABELS_VERSION,
            version=json.dumps(provenance()),
            **attributes,
        )


def read_medians(path: str | Path, mapped: bool = False) -> Medians:
    """Read ``medians.h5``. Raises ValueError naming a missing dataset or a wrong shape.

    mapped: leave the beats in the file and read them on access, so that any number of records takes
    little memory.
    """
    with opened(path) as file:
        beats = dataset_of(path, file, "medians", (None, *BEAT_SHAPE))
        if beats.dtype != np.int16:
            raise ValueError(f"{path}: 'medians' is {beats.dtype}; allowed: int16, in µV")
        place = beats.id.get_offset() if mapped else None  # None for chunked data as well
        if place is None:
            held = {"medians": beats[:]}
        else:
            held = {"medians": np.memmap(path, beats.dtype, "r", place, beats.shape)}
        known = [n for n in (*WORDS, *COLUMNS) if n in file or n not in OPTIONAL]
        for name in known:
            columns = list(COLUMNS.get(name, ()))
            shape = (len(beats), len(columns)) if columns else (len(beats),)
            dataset = dataset_of(path, file, name, shape, text=name in WORDS)
            if columns and (stored := list(dataset.attrs.get("columns", []))) != columns:
                raise ValueError(f"{path}: {name!r} has columns {stored}; allowed: {columns}")
            held[name] = dataset[:]
        if unknown := set(held["split"]) - set(SPLITS):
            raise ValueError(f"{path}: split {min(unknown)!r}; allowed: {', '.join(SPLITS)}")
        return Medians(**held, attributes=dict(file.attrs))


def choose_records(
    data: Medians,
    target: str,
    count: int,
    seed: int,
    *,
    complete_first: bool = False,
    table: pd.DataFrame | None = None,
) -> Medians:
    """Test records with a known target, in an order that depends on seed and record id only.

    complete_first: records with complete labels come first, so that all targets share their first
    records; ECGs without a P wave then count only where there are too few complete ones. table: of
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


def events(data: Medians) -> pd.DataFrame:
    """A row per record: its id and split, every target and fiducial, and whether all are known."""
    numbers = np.hstack([data.targets, data.fiducials])
    table = pd.DataFrame(numbers, columns=[*TARGETS, *FIDUCIALS])
    table.insert(0, "record_id", data.record_id)
    table.insert(1, "split", data.split)
    return table.assign(complete=is_complete(data))


def read_events(path: str | Path) -> pd.DataFrame:
    """Read ``events.csv``, as ``events`` makes it. Raises ValueError for another table."""
    table = read_table(path, ("record_id", "split", "complete"), (*TARGETS, *FIDUCIALS))
    if table["complete"].dtype != bool:
        raise ValueError(f"{path}: column complete must be True or False; {remedy(path)}")
    return table
