"""All sources of records: order, blocks, labels, rejections, and the resulting file."""

import zipfile

import ecg_formats
import numpy as np
import pytest
from refusals import refused
from simulated_ecg import R_UV
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

from ecghelpers.data import gan, parallel, sources
from ecghelpers.data.build import collect, open_source
from ecghelpers.data.medians import events, read_medians
from ecghelpers.ecg import FIDUCIALS, INDEPENDENT_LEADS, LEADS, TARGETS
from ecghelpers.measurement import measure

QONSET = FIDUCIALS.index("qonset")
TARGETS_AT = {name: place for place, name in enumerate(TARGETS)}


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
        with refused(tmp_path / place, kind, problem, error=(ValueError, FileNotFoundError)):
            sources.FileSource(name, tmp_path / place, table)


def test_wrong_use_is_refused_in_one_line(export):
    folder, table = export
    for given, said in (
        (("csv", folder), "choose one of files, 12sl, hdf5"),
        (("12sl", folder), "needs labels_path"),
        (("12sl", folder, folder / "nowhere.csv"), "nowhere.csv"),
        (("wfdb", folder, table), "leave labels_path empty"),
    ):
        with refused(said, error=(ValueError, FileNotFoundError)):
            sources.FileSource(*given)
    with refused("records is 0"):
        gan.GanSource(0)
    with refused("choose one of gan, files, 12sl, hdf5, wfdb"):
        open_source("csv")


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
    last = source.block(2)  # an import that goes on starts in the middle
    blocks, rejected = zip(source.block(0), source.block(1), last, strict=True)
    assert sum(rejected, []) == whole.rejected != []
    for name in ("record_id", "medians", "targets"):
        found = np.concatenate([getattr(block, name) for block in blocks])
        np.testing.assert_array_equal(found, getattr(whole, name))


def test_missing_labels_are_measured_only_where_asked_and_given_ones_win(tmp_path):
    (tmp_path / "ecg").mkdir()
    measured = only_block("wfdb", write_wfdb(tmp_path / "ecg", "a", ecg_mv()).parent)
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "1.csv").write_text(csv_text(measured.medians[0]))
    row = {"patid": 1, "VentRate": 72, "pr": 111, "qt": ""}
    table = write_table(tmp_path / "labels.csv", [row])
    plain, filled = (only_block("12sl", folder, table, measure_missing=m) for m in (False, True))
    np.testing.assert_array_equal(plain.targets[0], [72, 111] + 5 * [np.nan])
    assert np.isnan(plain.fiducials).all()
    np.testing.assert_array_equal(filled.targets[0, :2], [72, 111])
    np.testing.assert_allclose(filled.targets[0, 2:], measured.targets[0, 2:], atol=4)
    np.testing.assert_allclose(filled.fiducials, measured.fiducials, atol=2)
    np.testing.assert_array_equal(filled.medians, plain.medians)


def test_a_generated_ecg_depends_on_its_id_alone_and_belongs_to_its_median_beat():
    ids = gan.record_ids(0, 5, seed=3)
    together = gan.synthesize(ids, batch=5)
    alone = gan.synthesize(ids[3:4])
    assert together.shape == (5, 8, 5000)
    np.testing.assert_allclose(alone[0], together[3], atol=0.5)  # µV
    assert np.abs(together[0] - together[1]).max() > 100
    other = gan.synthesize(gan.record_ids(0, 1, seed=4))
    assert np.abs(other[0] - together[0]).max() > 100
    assert 500 < np.abs(together).max() < 20_000  # µV
    source = gan.GanSource(8, seed=11, device="cpu")
    assert source.block_count == 1
    found, _ = source.block(0)
    again = measure(source.recording(found.record_id[5])).median_uv
    np.testing.assert_allclose(again, found.medians[5], atol=1)  # whole µV


@pytest.fixture
def mixture(tmp_path):
    """One export of each format, with different heart rates, in subfolders and a ZIP file."""
    folder = tmp_path / "exports"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.XML").write_bytes(ecg_formats.muse(ecg_formats.ecg(heart_rate=60)))
    (folder / "deep" / "b.dcm").write_bytes(ecg_formats.dicom())
    (folder / "deep" / "er" / "c").write_bytes(ecg_formats.edf(leads=ecg_formats.ecg(12)))
    with zipfile.ZipFile(folder / "many.zip", "w") as archive:
        archive.writestr("x/a.xml", ecg_formats.muse(ecg_formats.ecg(heart_rate=80)))
    write_wfdb(folder / "deep", "w", ecg_mv(heart_rate=66))
    (folder / "deep" / "w.atr").write_bytes(b"marks")
    (folder / "deep" / "w.XML").write_bytes(b"of its own")
    (folder / "SHA256SUMS.txt").write_text("of the files")
    (folder / "letter.pdf").write_bytes(b"%PDF-1.4")
    (folder / "broken.zip").write_bytes(b"PK\3\4 and no more")
    return folder


def test_a_mixture_is_read_whatever_its_folders_and_endings(mixture):
    block = only_block("files", mixture)
    assert block.record_id == ["a", "b", "c", "deep/w.hea", "many.zip/x/a"]
    np.testing.assert_allclose(block.targets[:, 0], [60, 72, 72, 66, 80], atol=0.5)
    assert set(dict(block.rejected)) == {"broken", "deep/w.XML", "letter"}
    assert block.program[0] == "GE 12SL" and block.machine[0, TARGETS_AT["VentRate"]] == 71
    assert block.program[3] == "" and np.isnan(block.machine[3]).all()
    source = sources.FileSource("files", mixture)
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    np.testing.assert_allclose(source.recording("b"), ecg_formats.ecg()[eight], atol=5)


def test_labels_of_12sl_come_with_its_median_beat(mixture, tmp_path):
    path = tmp_path / "data" / "medians.h5"
    rejected = collect(sources.FileSource("files", mixture, labels="12sl"), path)
    data = read_medians(path)
    assert list(data.record_id) == ["a", "many.zip/x/a"]
    assert dict(rejected)["b"].startswith("no labels of 12SL: measured by Mortara")
    np.testing.assert_allclose(data.medians[0], ecg_formats.median(), atol=5)
    np.testing.assert_array_equal(data.targets, data.machine)
    np.testing.assert_array_equal(data.target("R_PeakAmpl_v5"), [1105, 1105])
    np.testing.assert_array_equal(data.fiducials[:, QONSET], [210, 210])
    np.testing.assert_allclose(data.measured[:, 0], [60, 80], atol=0.5)
    assert list(data.machine_program) == ["GE 12SL"] * 2 and data.attributes["labels"] == "12sl"
    table = events(data)
    assert list(table)[:2] == ["record_id", "split"] and table["complete"].all()
    assert table["qt"].tolist() == [396, 396] and table["tonset"].tolist() == [300, 300]


def test_medians_of_ptb_xl_plus_have_their_table_beside_them(tmp_path):
    """Records lie in folders of median_beats, the table in features."""
    beats = tmp_path / "median_beats" / "12sl" / "00000"
    path = write_wfdb(beats, "00001_medians", ecg_formats.median().T / 1000)
    path.write_text(path.read_text().replace("00001", "ge_median_beats_wfdb/00001"))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "12sl_features.csv").write_text(
        "P_Area_I,ecg_id,HR__Global,QT_Int_Global,R_Amp_V5,QRS_On_Global\n1,1,71,396,1.105,420\n"
    )
    block = only_block("files", tmp_path / "median_beats", labels="12sl")
    np.testing.assert_allclose(block.medians[0], ecg_formats.median(), atol=1)
    values = block.targets[0]
    assert (values[0], values[TARGETS_AT["qt"]]) == (71, 396)
    assert values[TARGETS_AT["R_PeakAmpl_v5"]] == 1105 and block.fiducials[0, QONSET] == 210
    ours = only_block("files", tmp_path / "median_beats").targets[0]
    assert ours[0] == 71 and abs(ours[TARGETS_AT["qrs"]] - 80) < 40
    (tmp_path / "features" / "12sl_features.csv").write_text("")
    with pytest.raises(ValueError, match="12sl_features.csv"):
        sources.FileSource("files", tmp_path / "median_beats")


def test_folder_is_searched_and_measured(tmp_path):
    write_wfdb(tmp_path / "x" / "deep", "b", ecg_mv(rate=1000)[:, ::-1], LEADS[::-1], rate=1000)
    write_wfdb(tmp_path / "y", "a", ecg_mv(heart_rate=60))
    write_wfdb(tmp_path / "z", "a", ecg_mv(heart_rate=66))
    (tmp_path / "y" / "circle").symlink_to(tmp_path)
    block = only_block("wfdb", tmp_path)
    assert block.record_id == ["b", "y/a", "z/a"] and not block.rejected
    np.testing.assert_allclose(block.targets[:, 0], [72, 60, 66], atol=0.5)
    v5 = block.medians[:, LEADS.index("V5")]
    np.testing.assert_allclose(v5.max(axis=1), R_UV[INDEPENDENT_LEADS.index("V5")], rtol=0.05)
