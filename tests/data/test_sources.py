"""Common to all sources: order, blocks, rejections, and the resulting file."""

import csv
import os

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
    write_hdf5_folder,
    write_table,
    write_wfdb,
)

from ecghelpers.data import parallel, sources
from ecghelpers.data.build import collect
from ecghelpers.data.medians import read_medians


@pytest.fixture
def export(tmp_path):
    return write_export(tmp_path)


@pytest.fixture
def hdf5_folder(tmp_path):
    return write_hdf5_folder(tmp_path)


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
    with pytest.raises(ValueError, match="unknown source 'csv'; choose one of files, 12sl, hdf5"):
        sources.FileSource("csv", folder)
    with pytest.raises(ValueError, match="needs labels_path"):
        sources.FileSource("12sl", folder)
    with pytest.raises(FileNotFoundError, match="labels_path .*nowhere.csv is no file"):
        sources.FileSource("12sl", folder, folder / "nowhere.csv")
    for name in ("hdf5", "wfdb"):
        with pytest.raises(ValueError, match="leave labels_path empty"):
            sources.FileSource(name, folder, table)


def test_blocks_do_not_depend_on_the_order_of_the_listing(export, monkeypatch):
    plain = sources.FileSource("12sl", *export)
    walk = os.walk
    monkeypatch.setattr(
        os, "walk", lambda *of, **how: [(*r[:2], r[2][::-1]) for r in walk(*of, **how)]
    )
    backwards = sources.FileSource("12sl", *export)
    assert backwards.settings == plain.settings
    assert [list(s.block(0)[0].record_id) for s in (backwards, plain)] == [["1", "10", "2"]] * 2


def test_settings_change_with_the_files_and_the_labels(export):
    folder, table = export

    def files():
        return sources.FileSource("12sl", folder, table).settings["files"]

    seen = [files(), files()]
    assert seen[0] == seen[1]
    write_table(table, [{"patid": n, **VALUES, "qt": 397} for n in (1, 2, 10)])
    seen.append(files())
    (folder / "2.csv").write_text(csv_text(beat(2)) + "\n")
    seen.append(files())
    (folder / "3.csv").write_text(csv_text(beat(3)))
    seen.append(files())
    assert len(set(seen)) == 4


def test_processes_read_what_one_would(hdf5_folder, monkeypatch):
    for number in range(20, 60):
        write_hdf5(hdf5_folder / f"{number}.h5", beat(number).T, VALUES)
    (hdf5_folder / "33.h5").write_text("not HDF5")
    whole = only_block("hdf5", hdf5_folder)
    monkeypatch.setattr(sources.FileSource, "block_size", 16)
    monkeypatch.setattr(parallel, "WORTH_A_POOL", 8)
    monkeypatch.setattr(parallel, "PART", 8)
    monkeypatch.setattr(parallel, "processors", lambda: 2)
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


def test_an_export_becomes_medians_h5_and_rejected_csv(export, tmp_path):
    (export[0] / "2.csv").write_text(csv_text(beat()[:, :599]))
    path = tmp_path / "results" / "data" / "medians.h5"
    collect(sources.FileSource("12sl", *export), path)
    written = read_medians(path)
    assert list(written.record_id) == ["1", "10"] and written.attributes["source"] == "12sl"
    np.testing.assert_array_equal(written.medians[1], beat(10))
    with open(path.with_name("rejected.csv"), newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["record_id", "reason"], ["2", "truncated: 599 rows of medians; 600 needed"]]
