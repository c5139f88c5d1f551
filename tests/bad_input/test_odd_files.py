"""Records and label tables of every format, as hosts and hands leave them: kept, or rejected alone.

Each case stands beside a good record, which must survive it.
"""

import os
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import (
    VALUES,
    beat,
    csv_text,
    ecg_mv,
    only_block,
    write_hdf5,
    write_table,
    write_wfdb,
)

from ecghelpers.ecg import INDEPENDENT_LEADS, LEADS

KEPT = ""  # the reason of a record that is not rejected
BEAT, ECG = beat(2), ecg_mv()


def outcome(block, record="x") -> str:
    """The reason why a record was rejected, KEPT if it was not; the good one must be there."""
    assert "good" in block.record_id
    assert np.isfinite(block.medians).all() and not np.isinf(block.targets).any()
    for name, reason in block.rejected:
        assert name.isprintable() and reason.isprintable() and len(reason) < 300
    if record in block.record_id:
        assert record not in dict(block.rejected)
        return KEPT
    return dict(block.rejected)[record]


def check(reason: str, expected: str) -> None:
    assert bool(reason) == bool(expected) and reason.startswith(expected), reason


# --- WFDB -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A folder with the good record and one called x, to be copied and altered."""
    folder = tmp_path_factory.mktemp("wfdb")
    for name in ("good", "x"):
        write_wfdb(folder, name, ECG)
    return folder


def header(old, new):
    def spoil(folder):
        path = folder / "x.hea"
        path.write_text(path.read_text().replace(old, new))

    return spoil


def raw(suffix, change):
    def spoil(folder):
        path = folder / f"x.{suffix}"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def signal(values, **how):
    return lambda folder: write_wfdb(folder, "x", values, **how)


def digits(change):
    def spoil(folder):
        path = folder / "x.dat"
        change(np.fromfile(path, "<i2")).tofile(path)

    return spoil


def replaced(suffix, make):
    def spoil(folder):
        path = folder / f"x.{suffix}"
        path.unlink()
        make(path)

    return spoil


def with_nan(rows, columns):
    values = ECG.copy()
    values[rows, columns] = np.nan
    return values


WITHOUT = {lead: [other for other in LEADS if other != lead] for lead in LEADS}
EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
RNG = np.random.default_rng(1)
WFDB = {
    "249 Hz": (signal(ecg_mv(rate=249), rate=249), "sampling rate: 249 Hz; allowed 250 to 1000"),
    "250 Hz": (signal(ecg_mv(rate=250), rate=250), KEPT),
    "1001 Hz": (signal(ecg_mv(rate=1001), rate=1001), "sampling rate: 1001 Hz"),
    "4.9 s": (signal(ecg_mv(4.9)), "length: 4.9 s; allowed 5 to 60"),
    "5 s": (signal(ecg_mv(5)), KEPT),
    "60 s": (signal(ecg_mv(60)), KEPT),
    "60.1 s": (signal(ecg_mv(60.1)), "length: 60.1 s"),
    "a lead of NaN": (signal(with_nan(slice(None), 3)), "invalid samples: 5000 of 60000"),
    "one NaN": (signal(with_nan(7, 3)), "invalid samples: 1 of 60000"),
    "leads backwards": (signal(ECG[:, ::-1], leads=LEADS[::-1]), KEPT),
    "no aVR": (signal(np.delete(ECG, 3, 1), leads=WITHOUT["aVR"]), KEPT),
    "no V1": (signal(np.delete(ECG, 6, 1), leads=WITHOUT["V1"]), "lead missing: V1"),
    "eight leads": (signal(ECG[:, EIGHT], leads=INDEPENDENT_LEADS), KEPT),
    "-V1": (header("V1", "-V1"), "lead missing: V1"),
    "MLII": (signal(ECG, leads=["MLII", *WITHOUT["II"]]), "lead missing: II"),
    "Lead_ii": (signal(ECG, leads=[f"Lead_{lead.lower()}" for lead in LEADS]), KEPT),
    "V5 twice": (header("V6", "v5"), "lead twice: V5"),
    "µV": (signal(ECG * 1000, unit="uV", gain=1.0), KEPT),
    "mV called V": (signal(ECG, unit="V"), "out of range: amplitudes beyond"),
    "drift": (signal(ECG + np.linspace(0, 20, 5000)[:, None]), KEPT),
    "digits wrapped": (digits(lambda d: (d.astype(int) * 40).astype("<i2")), "overflow: lead"),
    "no gain": (header("1000.0(0)/mV", "0(0)/mV"), "not calibrated: "),
    "gain in words": (header("1000.0(0)/mV", "thousand/mV"), "not calibrated: "),
    "no rate": (header(" 500 5000", ""), "sampling rate: the header gives none"),
    "rate 0": (header("500 5000", "0 5000"), "sampling rate: 0 Hz"),
    "rate below 0": (header("500 5000", "-500 5000"), "unreadable: the header's sampling rate"),
    "half the samples": (header("500 5000", "500 2600"), "unreadable: x.dat has 120000 bytes"),
    "samples unsaid": (header("500 5000", "500"), KEPT),
    "format 212": (header("x.dat 16", "x.dat 212"), "unreadable: x.dat has 120000 bytes"),
    "format 508": (header("x.dat 16", "x.dat 508"), "unreadable: "),
    "two files": (header("x.dat 16 1000.0(0)/mV 16 0 ", "y.dat 16 "), "unreadable: "),
    "a path": (header("x.dat", "../x.dat"), "unreadable: "),
    "a device": (header("x.dat", "/dev/zero"), "unreadable: "),
    "a home": (header("x.dat", "~"), "unreadable: signal file '~'"),
    "an odd date": (header("500 5000", "500 5000 99:99:99"), KEPT),
    "segments": (header("x 12", "x/2 12"), "multi-segment"),
    "a byte short": (raw("dat", lambda b: b[:-1]), "truncated: "),
    "a byte long": (raw("dat", lambda b: b + b"x"), KEPT),
    "signals a folder": (replaced("dat", os.mkdir), "unreadable: not a regular file"),
    "signals a pipe": (replaced("dat", os.mkfifo), "unreadable: not a regular file"),
    "header a pipe": (replaced("hea", os.mkfifo), "unreadable: not a regular file"),
    "header empty": (raw("hea", lambda b: b""), "empty: "),
    "header UTF-16": (raw("hea", lambda b: b.decode().encode("utf-16")), "unreadable: "),
    "header marked": (raw("hea", lambda b: b"\xef\xbb\xbf" + b), KEPT),
    "Latin-1 comment": (raw("hea", lambda b: b + b"# Gr\xf6\xdfe\n"), KEPT),
    "header in capitals": (lambda f: os.rename(f / "x.hea", f / "x.HEA"), KEPT),
    "unit mm": (header("/mV", "/mm"), "unit: "),
    "a Cyrillic I": (signal(ECG, leads=["\u0406", *LEADS[1:]]), "lead missing: I"),
    "anything": (replaced("dat", lambda p: p.write_bytes(RNG.bytes(120_000))), "overflow: "),
    "zero in the patient": (raw("hea", lambda b: b + b"# patient_id: 7\x00\n"), KEPT),
    "noise": (signal(RNG.normal(0, 0.5, ECG.shape)), "not measurable: "),
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
    check(outcome(only_block("wfdb", folder)), expected)


def test_wfdb_names(recording, tmp_path):
    """Names that a file system takes: told apart, or refused; never a path, never an error."""
    folder = shutil.copytree(recording, tmp_path / "names")
    odd = ["a b", "a%d$HOME{x};'\"", "X", "\u00c4", "A\u0308", "a\nb", "n" * 230, "=1+1", "-x"]
    for name in odd:
        shutil.copy(folder / "x.hea", folder / f"{name}.hea")
    os.rename(shutil.copy(folder / "x.hea", folder / "y.hea"), os.fsencode(folder) + b"/\xff.hea")
    write_wfdb(folder / "deep" / "er", "good2", ECG)
    write_wfdb(folder / "deep", "x", ECG)
    block = only_block("wfdb", folder)
    names = {"good", "good2", "a b", "a%d$HOME{x};'\"", "X", "=1+1", "-x"}
    assert set(block.record_id) - {"x", "deep/x"} == names
    rejected = dict(block.rejected)
    assert rejected["\u00c4"].startswith("duplicate id") and len(block.rejected) == 5


# --- HDF5 -----------------------------------------------------------------------------------------


def dataset(data, labels=VALUES, **how):
    return lambda path: write_hdf5(path, data, labels, **how)


def label(**changes):
    return dataset(BEAT.T, VALUES | changes)


def inside(make):
    def write(path):
        with h5py.File(path, "w") as file:
            make(file)

    return write


def content(change):
    def write(path):
        write_hdf5(path, BEAT.T, VALUES)
        path.write_bytes(change(path.read_bytes()))

    return write


def elsewhere(file):
    file.create_dataset("median", (600, 12), "i2", external=[("/etc/passwd", 0, 14400)])


def place_as_patient(file):
    file.create_dataset("median", data=BEAT.T).attrs["patient_id"] = file.ref


def virtual(file):
    layout = h5py.VirtualLayout((600, 12), "i2")
    layout[:] = h5py.VirtualSource("good.h5", "median", (600, 12))
    file.create_virtual_dataset("median", layout)


def huge(file):
    file.create_dataset("median", (2**40, 2**20), "i8", chunks=(1, 1))  # 8 EiB when read


HDF5 = {
    "8 EiB": (inside(huge), "wrong shape: 'median' has (1099511627776, 1048576)"),
    "big-endian": (dataset(BEAT.T.astype(">i2")), KEPT),
    "packed": (dataset(BEAT.T, compression="gzip"), KEPT),
    "float": (dataset(BEAT.T.astype("f4")), "wrong type: 'median' is float32"),
    "fields": (dataset(np.zeros((600, 12), [("a", "i2")])), "wrong type: "),
    "(12, 600)": (dataset(BEAT), "wrong shape: 'median' has (12, 600); allowed (600, 12)"),
    "nothing": (dataset(h5py.Empty("i2")), "wrong shape: 'median' has None"),
    "too large": (dataset(BEAT.T.astype("i4") * 100), "out of range: "),
    "a flat lead": (dataset(np.where(np.arange(12) == 3, 7, BEAT.T)), "flat: lead aVR"),
    "label text": (label(qt="396"), KEPT),
    "label comma": (label(qt="396,5"), KEPT),
    "label list": (label(qt=[396, 1]), "label not a number: qt is ndarray"),
    "label infinite": (label(qt=np.inf), "label not a number: qt"),
    "label words": (label(qt="long"), "label not a number: qt is 'long'"),
    "label in seconds": (label(qt=0.396), "label out of range: qt is 0.396"),
    "wave backwards": (label(qoffset=200), "fiducials: qoffset 200 is not after qonset 210"),
    "another rate": (label(samplerate_ECG=1000), "sampling rate: 1000 Hz"),
    "two patients": (label(patient_id=[1, 2]), "label not a number: patient_id"),
    "patient true": (label(patient_id=True), "label not a number: patient_id"),
    "a patient that is a place": (inside(place_as_patient), "label not a number: "),
    "of other parts": (inside(virtual), "no medians: "),
    "half a file": (content(lambda b: b[: len(b) // 2]), "unreadable: "),
    "a user block": (content(lambda b: bytes(512) + b), KEPT),
    "external link": (
        inside(lambda f: f.update(median=h5py.ExternalLink("good.h5", "median"))),
        "no medians: no dataset 'median' in the file itself",
    ),
    "external bytes": (inside(elsewhere), "no medians: "),
    "a group": (inside(lambda f: f.create_group("median")), "no medians: "),
    "a pipe": (os.mkfifo, "unreadable: not a regular file"),
}


@pytest.mark.parametrize("kind", HDF5)
def test_hdf5(tmp_path, kind):
    write, expected = HDF5[kind]
    write_hdf5(tmp_path / "good.h5", beat(1).T, VALUES)
    write(tmp_path / "x.h5")
    block = only_block("hdf5", tmp_path)
    check(outcome(block), expected)
    assert "nan" not in block.patient_id and all(name.isprintable() for name in block.patient_id)


# --- 12SL -----------------------------------------------------------------------------------------

TEXT = csv_text(BEAT)
ROW = TEXT.splitlines()[5]
CSV = {
    "marked": (b"\xef\xbb\xbf" + TEXT.encode(), KEPT),
    "UTF-16": (TEXT.encode("utf-16"), KEPT),
    "quotes": (TEXT.replace(",", '","'), KEPT),
    "leads named in another order": (TEXT.replace("I,II,III", "II,I,III"), KEPT),
    "empty": ("", "no medians: "),
    "no mark": (TEXT.replace("12 lead medians", "medians"), "no medians: "),
    "mark twice": (TEXT + TEXT, "wrong number of rows: 1201"),
    "13 columns": (TEXT.replace(",\n", ",1,\n"), "wrong number of columns: 13; allowed 12"),
    "fractions": (TEXT.replace(f"{ROW}\n", f"{ROW[:-1]}.5,\n"), "not integers: "),
    "another minus": (TEXT.replace("-", "\u2212"), "not integers: "),
    "17 bits": (TEXT.replace(f"{ROW}\n", f"99999{ROW[ROW.index(',') :]}\n"), "out of range: "),
    "a lead named twice": (TEXT.replace("I,II,III", "I,I,III"), "wrong number of rows: 601"),
    "zeros": (csv_text(BEAT * 0), "flat: lead I"),
}


@pytest.mark.parametrize("kind", CSV)
def test_12sl(tmp_path, kind):
    text, expected = CSV[kind]
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "good.csv").write_text(csv_text(beat(1)))
    (folder / "x.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    table = write_table(tmp_path / "l.csv", [{"patid": name, **VALUES} for name in ("good", "x")])
    check(outcome(only_block("12sl", folder, table)), expected)


LINES = ["patid;qt;STJ_v5;qonset;qoffset;samplerate_ECG;patient_id"]
LINES += ["x;396;-14;210;256;500;7", "good;400;0;212;260;500;8"]
LINES = "\n".join(LINES) + "\n"
TABLES = {
    "UTF-16": (LINES.encode("utf-16"), KEPT),
    "CRLF and CR": (LINES.replace("\n", "\r\r\n"), KEPT),
    "spaces": (LINES.replace(";", " ; "), KEPT),
    "sep=;": ("sep=;\n" + LINES, KEPT),
    "a row of units": (LINES.replace("\nx;", "\n;ms;µV;;;Hz;\nx;"), KEPT),
    "decimal comma": (LINES.replace("396", "396,5"), KEPT),
    "a spreadsheet's missing": (LINES.replace("396", "#N/A"), KEPT),
    "a spreadsheet's formula": (LINES.replace("396", "=396"), "label not a number: qt"),
    "-999 for missing": (LINES.replace("396", "-999"), KEPT),
    "many columns": (LINES.replace("\n", ";1" * 1000 + "\n"), KEPT),
    "-32768 for missing": (LINES.replace("396", "-32768"), KEPT),
    "a quoted delimiter": (LINES.replace("\nx;", '\n"x;y";'), "no label row: "),
    "another minus": (LINES.replace("-14", "\u221214"), "label not a number: STJ_v5"),
    "words": (LINES.replace("396", "long"), "label not a number: qt"),
    "a formula": (LINES.replace("396", "=1+1"), "label not a number: qt"),
    "seconds": (LINES.replace("396", "0.396"), "label out of range: qt is 0.396; allowed 10"),
    "backwards": (LINES.replace("256", "200"), "fiducials: qoffset 200 is not after qonset"),
    "another rate": (LINES.replace("500;7", "1000;7"), "sampling rate: 1000 Hz"),
    "a cell short": (LINES.replace("500;7", "500"), "label row truncated: 6 of 7 cells"),
    "cells too many": (LINES.replace("500;7", "500;7;9"), "label row too long: more than 7 cells"),
    "twice": (LINES + LINES.splitlines()[1] + "\n", "duplicate id: twice in"),
    "another id": (LINES.replace("\nx;", "\ny;"), "no label row: "),
}


@pytest.mark.parametrize("kind", TABLES)
def test_label_table(tmp_path, kind):
    text, expected = TABLES[kind]
    folder = tmp_path / "csv"
    folder.mkdir()
    for name in ("good", "x"):
        (folder / f"{name}.csv").write_text(csv_text(BEAT))
    table = tmp_path / "labels.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    check(outcome(only_block("12sl", folder, table)), expected)


IDS = [("001", "1.0"), ("\u00c4", "A\u0308"), ("a;b", '"a;b"'), (" 7", "7"), ("1e3", "1e3")]


@pytest.mark.parametrize(("name", "cell"), IDS)
def test_an_id_and_its_file_find_each_other(tmp_path, name, cell):
    folder = tmp_path / "csv"
    folder.mkdir()
    for each in ("good", name):
        (folder / f"{each}.csv").write_text(csv_text(BEAT))
    (tmp_path / "labels.csv").write_text(f"patid;qt\n{cell};396\ngood;400\n")
    check(outcome(only_block("12sl", folder, tmp_path / "labels.csv"), name), KEPT)


# --- any bytes ------------------------------------------------------------------------------------


def altered(raw: bytes, changes, cut: int, more: bytes) -> bytes:
    """Bytes with some changed, then cut, then more of them."""
    content = bytearray(raw)
    for place, value in changes:
        content[place % len(content)] = value
    return bytes(content[: len(content) - cut % 40]) + more


BYTES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4)
NAMES = ["x.hea", "x.dat", "x.h5", "x.csv", "labels.csv"]
MORE = [b"", b"\n", b"\0", b"x" * 30]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), BYTES, st.integers(0, 39), st.sampled_from(MORE))
def test_odd_bytes_affect_no_other_record(tmp_path_factory, recording, name, changes, cut, more):
    folder = tmp_path_factory.mktemp("bytes")
    if name in ("x.hea", "x.dat"):
        kind = "wfdb"
        shutil.copytree(recording, folder / "r")
    elif name == "x.h5":
        kind = "hdf5"
        (folder / "r").mkdir()
        for each in ("good", "x"):
            write_hdf5(folder / "r" / f"{each}.h5", BEAT.T, VALUES)
    else:
        kind = "12sl"
        (folder / "r").mkdir()
        for each in ("good", "x"):
            (folder / "r" / f"{each}.csv").write_text(TEXT)
        (folder / "labels.csv").write_text(LINES)
    path = folder / name if name == "labels.csv" else folder / "r" / name
    path.write_bytes(altered(path.read_bytes(), changes, cut, more))
    table = (folder / "labels.csv",) if kind == "12sl" else ()
    try:
        block = only_block(kind, folder / "r", *table)
    except ValueError as refusal:  # of the table's heading
        assert name == "labels.csv" and "\n" not in str(refusal)
        return
    assert name == "labels.csv" or "good" in block.record_id
    assert len(block.record_id) + len(block.rejected) >= 2
    assert all(reason.isprintable() for _, reason in block.rejected)
