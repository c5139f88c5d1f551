"""Input files for all sources of records, written from known arrays."""

from pathlib import Path
from types import SimpleNamespace

import ecg_formats
import h5py
import numpy as np
import pandas as pd
import wfdb

from ecghelpers.data import sources
from ecghelpers.ecg import FIDUCIALS, LEADS, TARGETS

NUMBERS = (71, 158, 92, 396, -14, 312, 1105, 120, 170, 210, 256, 300, 408)
VALUES = dict(zip((*TARGETS, *FIDUCIALS), NUMBERS, strict=True))


def beat(seed: int = 0) -> np.ndarray:
    """A median beat (12, 600) int16 whose samples differ between leads."""
    return np.random.default_rng(seed).integers(-1500, 1500, (12, 600)).astype(np.int16)


def csv_text(median: np.ndarray, end="\n", trailing=",", quote="", heading=True) -> str:
    head = ["ECG export", "8 lead rhythm", "1,2,3,4,5,6,7,8,", "12 lead medians"]
    head += ["I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"] if heading else []
    rows = [",".join(f"{quote}{v}{quote}" for v in sample) + trailing for sample in median.T]
    return end.join(head + rows) + end


def write_table(path: Path, rows: list[dict], delimiter=";", **how) -> Path:
    pd.DataFrame(rows, dtype=object).to_csv(path, sep=delimiter, index=False, **how)
    return path


def only_block(name, *args, **kwargs):
    """The records of a source of one block, their ids as a list, and what it rejected."""
    source = sources.FileSource(name, *args, **kwargs)
    assert source.block_count == 1
    records, rejected = source.block(0)
    ids = {"record_id": records.record_id.tolist(), "program": records.machine_program}
    return SimpleNamespace(**vars(records) | ids, rejected=rejected)


def write_hdf5(path: Path, data, labels: dict, **how) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("median", data=data, **how).attrs.update(labels)


def ecg_mv(seconds=10, rate=500, heart_rate=72) -> np.ndarray:
    """(n, 12) mV."""
    return ecg_formats.ecg(seconds, rate, heart_rate).T / 1000


def write_wfdb(folder: Path, name: str, signal, leads=LEADS, rate=500, unit="mV", gain=1000.0):
    folder.mkdir(exist_ok=True, parents=True)
    many = len(leads)
    wfdb.wrsamp(
        name, fs=rate, units=[unit] * many, sig_name=list(leads), p_signal=signal,
        fmt=["16"] * many, adc_gain=[gain] * many, baseline=[0] * many, write_dir=str(folder),
    )  # fmt: skip
    return folder / f"{name}.hea"
