"""Input files for all sources of records, written from known arrays."""

import csv
from pathlib import Path
from types import SimpleNamespace

import ecg_formats
import h5py
import numpy as np
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


def write_table(path: Path, rows: list[dict], delimiter=";", columns=None, **how) -> Path:
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding=how.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, columns, delimiter=delimiter, restval="", **how)
        writer.writeheader()
        writer.writerows(rows)
    return path


def only_block(name, *args, **kwargs):
    source = sources.FileSource(name, *args, **kwargs)
    assert source.block_count == 1
    return with_lists(source.block(0))


def with_lists(block):
    """The records of a block, their ids as a list, and what it rejected."""
    records, rejected = block
    ids = {"record_id": records.record_id.tolist(), "program": records.machine_program}
    return SimpleNamespace(**vars(records) | ids, rejected=rejected)


def reason_of(block, record_id: str) -> str:
    assert record_id not in block.record_id
    return dict(block.rejected)[record_id]


def write_export(tmp_path: Path) -> tuple[Path, Path]:
    """A 12SL export of three whole records: (folder, label table)."""
    folder = tmp_path / "csv"
    folder.mkdir()
    for number in (1, 2, 10):
        (folder / f"{number}.csv").write_text(csv_text(beat(number)))
    rows = [{"patid": n, **VALUES, "samplerate_ECG": 500} for n in (1, 2, 10)]
    return folder, write_table(tmp_path / "labels.csv", rows)


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
