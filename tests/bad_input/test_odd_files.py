"""Records and label tables of every format, as hosts and hands leave them: kept, or rejected alone.

Each case stands beside a good record, which must survive it.
"""

import os
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from source_files import VALUES, beat, csv_text, ecg_mv, only_block, write_hdf5, write_wfdb

from ecghelpers.ecg import LEADS

KEPT = ""  # the reason of a record that is not rejected
BEAT, ECG = beat(2), ecg_mv()


def check(block, expected) -> None:
    """The good record is there, and the record x is rejected as expected, or kept."""
    assert "good" in block.record_id
    assert np.isfinite(block.medians).all() and not np.isinf(block.targets).any()
    for name, reason in block.rejected:
        assert name.isprintable() and reason.isprintable() and len(reason) < 300
    rejected = dict(block.rejected)
    reason = rejected.get("x", KEPT)
    assert ("x" in block.record_id) == ("x" not in rejected)
    assert bool(reason) == bool(expected) and reason.startswith(expected), reason


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A folder with the good record and one called x, to be copied and altered."""
    folder = tmp_path_factory.mktemp("wfdb")
    for name in ("good", "x"):
        write_wfdb(folder, name, ECG)
    return folder


def raw(suffix, change):
    def spoil(folder):
        path = folder / f"x.{suffix}"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def header(old, new):
    return raw("hea", lambda content: content.replace(old.encode(), new.encode()))


def signal(values, **how):
    return lambda folder: write_wfdb(folder, "x", values, **how)


def pipe(folder):
    (folder / "x.dat").unlink()
    os.mkfifo(folder / "x.dat")


WFDB = {
    "239 Hz": (signal(ecg_mv(rate=239), rate=239), "sampling rate: 239 Hz; allowed 240 to 1000"),
    "4.9 s": (signal(ecg_mv(4.9)), "length: 4.9 s; allowed 5 to 60"),
    "a lead of NaN": (
        signal(np.where(np.arange(12) == 3, np.nan, ECG)),
        "invalid samples: 5000 of 60000",
    ),
    "100 Hz": (
        signal(ecg_mv(rate=100), rate=100),
        "sampling rate: 100 Hz; allowed 240 to 1000; of PTB-XL",
    ),
    "eleven leads": (signal(ECG[:, :11], leads=LEADS[:11]), "lead missing: V6"),
    "Git LFS pointer": (
        raw("dat", lambda _: b"version https://git-lfs.github.com/spec/v1\n"),
        "truncated: x.dat has 43 bytes, the header claims 120000; a Git LFS pointer",
    ),
    "clipped": (signal(np.clip(ECG, -0.4, 0.4)), "saturated: lead"),
    "V5 twice": (header("V6", "v5"), "lead twice: V5"),
    "mV called V": (signal(ECG, unit="V"), "out of range: amplitudes beyond"),
    "no gain": (header("1000.0(0)/mV", "0(0)/mV"), "not calibrated: "),
    "no rate": (header(" 500 5000", ""), "sampling rate: the header gives none"),
    "half the samples": (header("500 5000", "500 2600"), "unreadable: x.dat has 120000 bytes"),
    "a path": (header("x.dat", "../x.dat"), "unreadable: "),
    "segments": (header("x 12", "x/2 12"), "multi-segment"),
    "signals a pipe": (pipe, "unreadable: not a regular file"),
    "header UTF-16": (raw("hea", lambda b: b.decode().encode("utf-16")), "unreadable: "),
    "300 a minute": (signal(ecg_mv(heart_rate=300)), "not measurable: "),
    "square": (
        signal(np.sign(np.sin(np.arange(5000) / 80))[:, None] * np.linspace(0.5, 1, 12)),
        "saturated: ",
    ),
}


@pytest.mark.parametrize("kind", WFDB)
def test_wfdb(recording, tmp_path, kind):
    spoil, expected = WFDB[kind]
    folder = shutil.copytree(recording, tmp_path / "a b%s{}$")
    spoil(folder)
    check(only_block("wfdb", folder), expected)


def dataset(data, labels=VALUES, **how):
    return lambda path: write_hdf5(path, data, labels, **how)


def inside(make):
    def write(path):
        with h5py.File(path, "w") as file:
            make(file)

    return write


def half(path):
    write_hdf5(path, BEAT.T, VALUES)
    os.truncate(path, path.stat().st_size // 2)


def elsewhere(file):
    file.create_dataset("median", (600, 12), "i2", external=[("/etc/passwd", 0, 14400)])


def huge(file):
    file.create_dataset("median", (2**40, 2**20), "i8", chunks=(1, 1))  # 8 EiB when read


HDF5 = {
    "8 EiB": (inside(huge), "wrong shape: 'median' has (1099511627776, 1048576)"),
    "(12, 600)": (dataset(BEAT), "wrong shape: 'median' has (12, 600); allowed (600, 12)"),
    "a flat lead": (dataset(np.where(np.arange(12) == 3, 7, BEAT.T)), "flat: lead aVR"),
    "half a file": (half, "unreadable: "),
    "external link": (
        inside(lambda f: f.update(median=h5py.ExternalLink("good.h5", "median"))),
        "no medians: no dataset 'median' in the file itself",
    ),
    "external bytes": (inside(elsewhere), "no medians: "),
    "a pipe": (os.mkfifo, "unreadable: not a regular file"),
}


@pytest.mark.parametrize("kind", HDF5)
def test_hdf5(tmp_path, kind):
    write, expected = HDF5[kind]
    write_hdf5(tmp_path / "good.h5", beat(1).T, VALUES)
    write(tmp_path / "x.h5")
    block = only_block("hdf5", tmp_path)
    check(block, expected)
    assert "nan" not in block.patient_id and all(name.isprintable() for name in block.patient_id)


TEXT = csv_text(BEAT)
LINES = ["patid;qt;STJ_v5;qonset;qoffset;samplerate_ECG;patient_id"]
LINES += ["x;396;-14;210;256;500;7", "good;400;0;212;260;500;8"]
LINES = "\n".join(LINES) + "\n"
EXPORTS = {  # the file of the record, the label table
    "13 columns": (TEXT.replace(",\n", ",1,\n"), LINES, "wrong number of columns: 13; allowed 12"),
    "zeros": (csv_text(BEAT * 0), LINES, "flat: lead I"),
    "a spreadsheet's missing": (TEXT, LINES.replace("396", "#N/A"), KEPT),
    "-999 for missing": (TEXT, LINES.replace("396", "-999"), KEPT),
    "a formula": (TEXT, LINES.replace("396", "=1+1"), "label not a number: qt"),
    "seconds": (TEXT, LINES.replace("396", "0.396"), "label out of range: qt is 0.396; allowed 10"),
    "cells too many": (TEXT, LINES.replace("500;7", "500;7;9"), "label row too long: more than 7"),
    "twice": (TEXT, LINES + LINES.splitlines()[1] + "\n", "duplicate id: twice in"),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_12sl(tmp_path, kind):
    text, table, expected = EXPORTS[kind]
    (tmp_path / "csv").mkdir()
    for name, content in (("good", csv_text(beat(1))), ("x", text)):
        (tmp_path / "csv" / f"{name}.csv").write_text(content)
    (tmp_path / "labels.csv").write_text(table)
    check(only_block("12sl", tmp_path / "csv", tmp_path / "labels.csv"), expected)


BYTES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4)
NAMES = ["x.hea", "x.dat", "x.h5", "x.csv", "labels.csv"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), BYTES, st.integers(0, 39))
def test_odd_bytes_affect_no_other_record(tmp_path_factory, recording, name, changes, cut):
    """A file with some bytes changed, and then some cut off."""
    folder = shutil.copytree(recording, tmp_path_factory.mktemp("bytes") / "all")
    for number, each in enumerate(("good", "x")):
        write_hdf5(folder / f"{each}.h5", beat(number).T, VALUES)
        (folder / f"{each}.csv").write_text(TEXT)
    path, table = folder / name, folder / "labels.csv"
    table.write_text(LINES)
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(content[: len(content) - cut])
    kind = {".csv": "12sl", ".h5": "hdf5"}.get(path.suffix, "wfdb")
    try:
        block = only_block(kind, folder, table if kind == "12sl" else "")
    except ValueError as refusal:  # of the table's heading
        assert name == "labels.csv" and "\n" not in str(refusal)
        return
    assert name == "labels.csv" or {"good", "good.hea"} & {*block.record_id}
    assert len(block.record_id) + len(block.rejected) >= 2
    assert all(reason.isprintable() for _, reason in block.rejected)
