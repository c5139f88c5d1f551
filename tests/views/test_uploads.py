"""Files that a user brings, of any name and content: a record, or one line that says why not."""

import zipfile

import ecg_formats
import fake_results
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from source_files import beat, csv_text, ecg_mv, write_wfdb

from ecghelpers.data.recording import Recording
from ecghelpers.ecg import LEADS, twelve_leads
from ecghelpers.views.results_folder import Record
from ecghelpers.views.uploads import LONGEST_NAME, own_record, read_uploads

STILL = twelve_leads(np.random.default_rng(0).normal(0, 0.003, (8, 5000))).T
STILL_BEAT = np.random.default_rng(1).normal(0, 20, (12, 600)).astype(np.int16)


def wfdb_files(folder, signal=None, header=str, names=("2.hea", "2.dat")):
    """A WFDB record as a browser hands it over: its header changed, its files renamed."""
    path = write_wfdb(folder, "2", ecg_mv() if signal is None else signal)
    content = header(path.read_text()).encode(), path.with_suffix(".dat").read_bytes()
    return list(zip(names, content, strict=True))


def only(files):
    """The shown name of the only file, and its record or the reason why there is none."""
    [(name, found)] = read_uploads(files)
    assert name.isprintable() and 0 < len(name) <= LONGEST_NAME + 6 and "/tmp" not in name
    assert isinstance(found, Record) or (found and found.isprintable() and "/tmp" not in found)
    return name, found


def test_a_record_is_read_whatever_its_header_is_called(tmp_path):
    for name in ("2.hea", "C:\\ecgs\\2.HEA", "../2.hea", "Größe ü.hea", f"{'x' * 300}.hea"):
        _, record = only(wfdb_files(tmp_path, names=(name, "2.dat")))
        assert record.targets["VentRate"] == pytest.approx(72, abs=0.5)
        ii = np.rint(1000 * ecg_mv()[:, LEADS.index("II")])
        np.testing.assert_allclose(record.strip.by_lead["II"], ii[:5000], atol=1)


@pytest.mark.parametrize("name", ("..", "", "/", "\\", "\0", "a" * 300, "..csv", "\n.csv", "💔"))
def test_no_name_is_too_strange(name):
    assert isinstance(only([(name, b"nonsense")])[1], str)
    assert "/" not in only([(f"{name}.csv", csv_text(beat()).encode())])[0]


def with_header(old, new):
    return lambda folder: wfdb_files(folder, header=lambda text: text.replace(old, new))


@pytest.mark.parametrize(
    "files, reason",
    [
        (lambda folder: wfdb_files(folder, STILL), "no beat to show: "),
        (lambda _: [("1.csv", csv_text(STILL_BEAT).encode())], "no beat to show: no QRS complex"),
        (lambda folder: wfdb_files(folder, np.full((5000, 12), np.nan)), ""),
        (with_header("1000.0(0)", "0(0)"), ""),
        (with_header("2.dat", "other.dat"), ""),
    ],
)
def test_what_is_no_ecg_says_so(tmp_path, files, reason):
    assert only(files(tmp_path))[1].startswith(reason)


def test_the_machines_values_come_along_and_give_a_median_beat_its_rate():
    machine = {"VentRate": 72.0, "qt": 401.0}
    shape = fake_results.beat(np.random.default_rng(11))
    record = own_record(Recording("XML", None, median_uv=shape.astype(float), machine=machine))
    assert record.machine["qt"] == 401 and np.isnan(record.machine["pr"])
    assert record.targets["VentRate"] == 72 and record.strip is None
    assert 300 < record.targets["qt"] < 550


def test_each_file_has_its_own_answer(tmp_path):
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("x/a.xml", ecg_formats.muse())
        archive.writestr("y/a.xml", b"")
    with zipfile.ZipFile(tmp_path / "wfdb", "w") as archive:
        for name, content in wfdb_files(tmp_path):
            archive.writestr(f"z/{name}", content)
    zips = [(f"{name}.zip", (tmp_path / name).read_bytes()) for name in ("zip", "wfdb")]
    files = [("a.csv", b"nonsense"), ("notes.txt", b"none"), *zips]
    found = {name: isinstance(record, Record) for name, record in read_uploads(files)}
    expected = {"2.hea": True, "a.csv": False, "notes.txt": False}
    assert found == expected | {"x a.xml": True, "y a.xml": False}


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400), st.sampled_from(["", ".csv", ".hea"]), st.binary(max_size=300))
def test_any_name_and_content_has_an_answer(name, suffix, content):
    assert isinstance(only([(name + suffix, content)])[1], str)
