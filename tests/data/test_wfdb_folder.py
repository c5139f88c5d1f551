"""WFDB records come back by lead name, or are rejected with a reason."""

import csv
import random
import re
from pathlib import Path

import numpy as np
import pytest
from source_files import (
    ecg_mv,
    only_block,
    reason_of,
    write_wfdb,
)

from ecghelpers.data import sources
from ecghelpers.data.wfdb_folder import read_wfdb
from ecghelpers.ecg import INDEPENDENT_LEADS, LEADS

LUDB = Path(__file__).parents[3] / "shared" / "ludb" / "data"


def test_record_comes_back_by_lead_name(tmp_path):
    signal = np.round(ecg_mv(), 3)
    order = list(range(12))
    random.Random(2).shuffle(order)
    names = [LEADS[i].lower() if i % 2 else LEADS[i].upper() for i in order]
    path = write_wfdb(tmp_path, "a", signal[:, order], names)
    ecg_uv, rate = read_wfdb(path)
    assert rate == 500 and ecg_uv.shape == (12, 5000)
    np.testing.assert_allclose(ecg_uv, signal.T * 1000, atol=1e-6)
    np.testing.assert_array_equal(read_wfdb(tmp_path / "a")[0], ecg_uv)
    recording = sources.open_folder("wfdb", tmp_path).recording("a")
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    np.testing.assert_array_equal(recording, ecg_uv[eight])


def test_eight_leads_in_microvolt_among_others(tmp_path):
    signal = np.round(ecg_mv(), 3)
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    more = np.column_stack([signal[:, 0], signal[:, eight] * 1000])
    path = write_wfdb(tmp_path, "a", more, ("vx", *INDEPENDENT_LEADS), unit="uV", gain=1.0)
    np.testing.assert_allclose(read_wfdb(path)[0], signal.T * 1000, atol=1.1)


def test_folder_is_searched_and_measured(tmp_path):
    write_wfdb(tmp_path / "x" / "deep", "b", ecg_mv(rate=1000), rate=1000)
    write_wfdb(tmp_path / "y", "a", ecg_mv(heart_rate=60))
    (tmp_path / "y" / "circle").symlink_to(tmp_path)
    block = only_block("wfdb", tmp_path)
    assert block.record_id == ["a", "b"] and not block.rejected
    np.testing.assert_allclose(block.targets[:, 0], [60, 72], atol=0.5)
    v5 = block.medians[:, LEADS.index("V5")].astype(float)
    expected = 1100 * np.linspace(0.5, 1.4, 8)[INDEPENDENT_LEADS.index("V5")]
    np.testing.assert_allclose(np.ptp(v5, axis=1), expected, rtol=0.05)


def with_header(old: str, new: str):
    def spoil(folder):
        path = write_wfdb(folder, "2", ecg_mv())
        path.write_text(path.read_text().replace(old, new))

    return spoil


def clipped(signal):
    return np.clip(signal, -0.4, 0.4)


def with_gap(signal):
    signal[100:110, 3] = np.nan
    return signal


def with_flat_v1(signal):
    signal[:, LEADS.index("V1")] = 0.25
    return signal


def cut_samples(folder):
    path = write_wfdb(folder, "2", ecg_mv()).with_suffix(".dat")
    path.write_bytes(path.read_bytes()[:50_000])


def no_samples(folder):
    write_wfdb(folder, "2", ecg_mv()).with_suffix(".dat").unlink()


BAD_WFDB = [
    (lambda f: write_wfdb(f, "2", ecg_mv()[:, :11], LEADS[:11]), "lead missing: V6"),
    (lambda f: write_wfdb(f, "2", ecg_mv(), (*LEADS[:11], "v5")), "lead twice: V5"),
    (lambda f: write_wfdb(f, "2", ecg_mv(rate=100), rate=100), "sampling rate: 100 Hz"),
    (lambda f: write_wfdb(f, "2", ecg_mv(4)), "length: 4 s; allowed 5 to 60"),
    (lambda f: write_wfdb(f, "2", ecg_mv(61)), "length: 61 s"),
    (lambda f: write_wfdb(f, "2", ecg_mv(), unit="mmHg"), "unit: lead I is in 'mmhg'"),
    (lambda f: write_wfdb(f, "2", with_gap(ecg_mv())), "invalid samples: 10 of 60000"),
    (lambda f: write_wfdb(f, "2", with_flat_v1(ecg_mv())), "flat: lead V1"),
    (lambda f: write_wfdb(f, "2", clipped(ecg_mv())), "saturated: lead"),
    (cut_samples, "unreadable: "),
    (no_samples, "unreadable: No such file"),
    (with_header("2.dat", "../1.dat"), "unreadable: .*invalid syntax"),
    (with_header("2.dat", "/etc/passwd"), "unreadable: .*invalid syntax"),
    (with_header("2.dat", ".dat"), "unreadable: signal file '.dat'"),
    (with_header("2.dat", "~"), "unreadable: signal file '~'"),
    (with_header("2 12 500 5000", "2 12 500 9999999999"), "length: "),
    (with_header("2 12 500 5000", "2 13 500 5000"), "unreadable: header of 13 signals has 12"),
    (with_header("2 12 500 5000", "2/3 12 500 5000"), "multi-segment"),
    (with_header("2 12 500 5000", "2 12 fast 5000"), "unreadable: .* rate or length is no number"),
    (with_header("2 12 500 5000", "2 12 500 long"), "unreadable: .* rate or length is no number"),
    (with_header("2 12 500 5000", "2 12 nan 5000"), "unreadable: .* rate or length is no number"),
    (with_header("2 12 500 5000", "2 12 500 6000000000000"), "length: 1.2e[+]10 s"),
    (with_header("2 12 500 5000", "2 12 500 " + 30 * "9"), "unreadable: "),
    (with_header("2.dat 16", "2.dat 16x1200000000"), "unreadable: header claims 1200000000"),
    (with_header("2.dat 16", "2.dat 16:999999999"), "unreadable: header claims 1 .* 999999999 of"),
    (with_header("2.dat 16", "2.dat 16+999999999999"), "unreadable: "),
    (with_header("2 12", 2000 * "2" + " 12"), "unreadable: .* line of 1000"),
    (with_header("2 12 500", "\n#x\n" * 2**16 + "2 12 500"), "unreadable: header of"),
    (with_header("1000.0(0)/mV", "0(0)/mV"), "not calibrated: no gain, or 0, for lead I, II"),
    (with_header("1000.0(0)/mV", "-0.0(0)/mV"), "not calibrated: "),
    (with_header("1000.0(0)/mV", "1000.0(0)/mmHg"), "unit: lead I"),
    (with_header("2.dat 16", "2.dat 9999"), "unreadable: "),
    (lambda f: (f / "2.hea").write_bytes(b"\xff\0garbage"), "unreadable: "),
    (lambda f: (f / "2.hea").write_bytes(b""), "unreadable: "),
]


@pytest.mark.parametrize("spoil, reason", BAD_WFDB)
def test_record_that_cannot_be_used_is_rejected_and_the_others_are_read(tmp_path, spoil, reason):
    write_wfdb(tmp_path, "1", ecg_mv())
    spoil(tmp_path)
    block = only_block("wfdb", tmp_path)
    assert block.record_id == ["1"]
    assert re.match(reason, reason_of(block, "2"))


def test_record_that_cannot_be_read_names_file_and_reason(tmp_path):
    cut_samples(tmp_path)
    with pytest.raises(ValueError, match=r"2: unreadable: "):
        read_wfdb(tmp_path / "2")
    with pytest.raises(ValueError, match=r"3\.hea: unreadable: No such file"):
        read_wfdb(tmp_path / "3.hea")


def test_one_name_in_two_folders_is_a_duplicate(tmp_path):
    for folder in ("x", "y"):
        write_wfdb(tmp_path / folder, "1", ecg_mv())
    assert reason_of(only_block("wfdb", tmp_path), "1").startswith("duplicate id: 2 files")


@pytest.mark.skipif(not LUDB.is_dir(), reason="needs LUDB in ../shared/ludb beside the repository")
def test_ludb_records_are_all_usable():
    source = sources.open_folder("wfdb", LUDB)
    assert len(source.entries) == 100 and source.record_ids == sorted(source.record_ids)
    source.entries = source.entries[::5]
    block = source.block(0)
    assert not block.rejected and len(block.record_id) == 20
    with open(LUDB.parent / "reference.csv", newline="") as file:
        truth = {row["record"]: float(row["VentRate"] or "nan") for row in csv.DictReader(file)}
    error = [abs(r - truth[i]) for i, r in zip(block.record_id, block.targets[:, 0], strict=True)]
    assert np.nanmedian(error) < 1
