"""Common to all sources: order, blocks, rejections, and the resulting file."""

import numpy as np
import pytest
from source_files import (
    VALUES,
    beat,
    csv_text,
    ecg_mv,
    only_block,
    with_lists,
    write_export,
    write_hdf5,
    write_table,
    write_wfdb,
)

from ecghelpers.data import parallel, sources
from ecghelpers.ecg import FIDUCIALS, TARGETS


@pytest.fixture
def export(tmp_path):
    return write_export(tmp_path)


@pytest.fixture
def hdf5_folder(tmp_path):
    """The original's folder of three whole records."""
    folder = tmp_path / "hdf5"
    folder.mkdir()
    for number in (1, 2, 10):
        write_hdf5(folder / f"{number}.h5", beat(number).T, VALUES)
    return folder


@pytest.mark.parametrize("name, kind", [("12sl", "*.csv"), ("hdf5", "*.h5"), ("files", "ECG")])
def test_a_missing_or_empty_folder_is_refused_in_one_line(tmp_path, name, kind):
    table = write_table(tmp_path / "labels.csv", [{"patid": 1, **VALUES}]) if name == "12sl" else ""
    (tmp_path / "empty").mkdir()
    for place, problem in (("nowhere", "does not exist"), ("empty", "contains"), ("file", "is a")):
        (tmp_path / "file").touch()
        with pytest.raises((ValueError, FileNotFoundError), match=problem) as error:
            sources.FileSource(name, tmp_path / place, table)
        text = str(error.value)
        assert str(tmp_path / place) in text and kind in text and "\n" not in text


def test_wrong_use_is_refused_in_one_line(export):
    folder, table = export
    for given, said in (
        (("csv", folder), "choose one of files, 12sl, hdf5"),
        (("12sl", folder), "needs labels_path"),
        (("12sl", folder, folder / "nowhere.csv"), "nowhere.csv"),
        (("wfdb", folder, table), "leave labels_path empty"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=said):
            sources.FileSource(*given)


def test_settings_change_with_the_files_and_the_labels(export):
    folder, table = export
    seen = []
    for change in (
        lambda: None,
        lambda: table.write_text(table.read_text().replace("396", "397")),
        lambda: (folder / "2.csv").write_text(csv_text(beat(2)) + "\n"),
        lambda: (folder / "3.csv").write_text(csv_text(beat(3))),
    ):
        change()
        seen.append(sources.FileSource("12sl", folder, table).settings["files"])
        assert sources.FileSource("12sl", folder, table).settings["files"] == seen[-1]
    assert len(set(seen)) == 4


def test_an_hdf5_folder_comes_back_exactly_with_missing_labels(hdf5_folder):
    labels = {k: v for k, v in VALUES.items() if k not in ("qt", "tonset")}
    labels |= {"pr": "158.5", "qrs": "", "VentRate": np.int16(71), "isNormal": True}
    write_hdf5(hdf5_folder / "2.h5", beat(2).T, labels)
    block = only_block("hdf5", hdf5_folder)
    assert block.record_id == ["1", "10", "2"] and not block.rejected
    for record_id, median in zip(block.record_id, block.medians, strict=True):
        np.testing.assert_array_equal(median, beat(int(record_id)))
    expected = VALUES | {"qt": np.nan, "tonset": np.nan, "qrs": np.nan, "pr": 158.5}
    for found, names in ((block.targets, TARGETS), (block.fiducials, FIDUCIALS)):
        np.testing.assert_array_equal(found[0], [VALUES[name] for name in names])
        np.testing.assert_array_equal(found[2], [expected[name] for name in names])


def test_processes_read_what_one_would(hdf5_folder, monkeypatch):
    for number in range(20, 50):
        write_hdf5(hdf5_folder / f"{number}.h5", beat(number).T, VALUES)
    (hdf5_folder / "33.h5").write_text("not HDF5")
    whole = only_block("hdf5", hdf5_folder)
    monkeypatch.setattr(sources.FileSource, "block_size", 16)
    monkeypatch.setattr(parallel, "processors", lambda: 2)
    for name in ("WORTH_A_POOL", "PART"):
        monkeypatch.setattr(parallel, name, 8)
    source = sources.FileSource("hdf5", hdf5_folder)
    assert source.block_count == 3
    again = source.block(2)  # an import that goes on starts in the middle
    blocks = list(map(with_lists, [source.block(0), source.block(1), again]))
    assert [i for b in blocks for i in b.record_id] == whole.record_id
    np.testing.assert_array_equal(np.concatenate([b.medians for b in blocks]), whole.medians)
    np.testing.assert_array_equal(np.concatenate([b.targets for b in blocks]), whole.targets)
    assert [pair for b in blocks for pair in b.rejected] == whole.rejected != []


def test_missing_labels_are_measured_only_where_asked_and_given_ones_win(tmp_path):
    (tmp_path / "ecg").mkdir()
    measured = only_block("wfdb", write_wfdb(tmp_path / "ecg", "a", ecg_mv()).parent)
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "1.csv").write_text(csv_text(measured.medians[0]))
    table = write_table(
        tmp_path / "labels.csv", [{"patid": 1, "VentRate": 72, "pr": 111, "qt": ""}]
    )
    plain, filled = (only_block("12sl", folder, table, measure_missing=m) for m in (False, True))
    np.testing.assert_array_equal(plain.targets[0], [72, 111] + 5 * [np.nan])
    assert np.isnan(plain.fiducials).all()
    np.testing.assert_array_equal(filled.targets[0, :2], [72, 111])
    np.testing.assert_allclose(filled.targets[0, 2:], measured.targets[0, 2:], atol=4)
    np.testing.assert_allclose(filled.fiducials, measured.fiducials, atol=2)
    np.testing.assert_array_equal(filled.medians, plain.medians)
