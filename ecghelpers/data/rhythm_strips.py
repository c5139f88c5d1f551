"""Rhythm strips: 10 s of leads II and V5 behind the median beats of displayed records."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..ecg import INDEPENDENT_LEADS, LEADS, SAMPLING_RATE_HZ
from ..runtime import generator
from .build import Source
from .hdf5 import created, opened, write_texts
from .medians import Medians, is_complete

STRIP_LEADS = ("II", "V5")
SECONDS = 10
KEPT = 100  # records of 20 kB: the number of heatmaps in the profile paper


@dataclass(frozen=True)
class Strip:
    """leads_uv: (2, time) int16 µV of STRIP_LEADS; rate: in Hz."""

    leads_uv: np.ndarray
    rate: float

    @property
    def by_lead(self) -> dict[str, np.ndarray]:
        """Lead → its samples (time,)."""
        return dict(zip(STRIP_LEADS, self.leads_uv, strict=True))


def strip_of(ecg_uv: np.ndarray, rate: float) -> Strip:
    """The first 10 s of leads II and V5 of an ECG of 8 or 12 leads (lead, time) in µV."""
    names = LEADS if len(ecg_uv) == len(LEADS) else INDEPENDENT_LEADS
    rows = [names.index(lead) for lead in STRIP_LEADS]
    values = np.nan_to_num(np.asarray(ecg_uv)[rows, : round(SECONDS * rate)])
    limits = np.iinfo(np.int16)
    return Strip(np.rint(values).clip(limits.min, limits.max).astype(np.int16), float(rate))


def keep_strips(source: Source, data: Medians, path: str | Path, seed: int) -> dict[str, Strip]:
    """Write and return the strips of the test records whose heatmaps are drawn first.

    The order is that of ``choose_records`` with complete_first. Without recordings (12SL, HDF5
    files) there are no strips.
    """
    test = data.subset(data.split == "test")
    draw = [generator(seed, "choice", record).random() for record in test.record_id]
    strips = {}
    for record in test.record_id[np.lexsort((draw, ~is_complete(test)))[:KEPT]]:
        try:
            recording = source.recording(record)
        except ValueError:  # a file that was removed meanwhile
            continue
        if recording is not None:
            strips[record] = strip_of(recording, SAMPLING_RATE_HZ)
    with created(path) as file:
        write_texts(file, "record_id", strips)
        file.attrs["leads"], file.attrs["units"] = list(STRIP_LEADS), "µV"
        for number, strip in enumerate(strips.values()):
            file[f"strips/{number}"] = strip.leads_uv
            file[f"strips/{number}"].attrs["rate"] = strip.rate
    return strips


def read_strips(path: str | Path) -> dict[str, Strip]:
    """Record id → strip; empty if the file is missing."""
    if not Path(path).is_file():
        return {}
    with opened(path) as file:
        ids = file["record_id"].asstr()[:]
        rows = [file[f"strips/{number}"] for number in range(len(ids))]
        strips = [Strip(row[:], float(row.attrs["rate"])) for row in rows]
        return dict(zip(ids, strips, strict=True))
