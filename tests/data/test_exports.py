"""A folder of exports in any format: records, or a reason for each rejected file."""

import zipfile

import ecg_formats
import numpy as np
import pytest
from simulated_ecg import R_UV
from source_files import ecg_mv, only_block, reason_of, write_wfdb

from ecghelpers.data import sources
from ecghelpers.data.build import collect
from ecghelpers.data.medians import events, read_medians
from ecghelpers.ecg import FIDUCIALS, INDEPENDENT_LEADS, LEADS, TARGETS

QONSET = FIDUCIALS.index("qonset")
TARGETS_AT = {name: place for place, name in enumerate(TARGETS)}


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
    (folder / "SHA256SUMS.txt").write_text("of the files")
    (folder / "letter.pdf").write_bytes(b"%PDF-1.4")
    (folder / "broken.zip").write_bytes(b"PK\3\4 and no more")
    return folder


def test_a_mixture_is_read_whatever_its_folders_and_endings(mixture):
    block = only_block("files", mixture)
    assert block.record_id == ["a", "b", "c", "many.zip/x/a", "w"]
    np.testing.assert_allclose(block.targets[:, 0], [60, 72, 72, 80, 66], atol=0.5)
    assert set(dict(block.rejected)) == {"broken", "letter"}
    assert block.program[0] == "GE 12SL" and block.machine[0, TARGETS_AT["VentRate"]] == 71
    assert block.program[4] == "" and np.isnan(block.machine[4]).all()
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
    assert table["qt"].tolist() == [396, 396] and table["tonset"].isna().all()


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


def test_what_is_wrong_with_a_wfdb_record_is_told(tmp_path):
    write_wfdb(tmp_path, "1", ecg_mv())
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 120000\n"
    write_wfdb(tmp_path, "2", ecg_mv()).with_suffix(".dat").write_bytes(pointer)
    write_wfdb(tmp_path, "3", ecg_mv(rate=100), rate=100)
    write_wfdb(tmp_path, "4", np.clip(ecg_mv(), -0.4, 0.4))
    write_wfdb(tmp_path, "5", ecg_mv()[:, :11], LEADS[:11])
    block = only_block("files", tmp_path)
    assert block.record_id == ["1"]
    said = {"2": "Git LFS pointer", "3": "records500", "4": "saturated: lead", "5": "missing: V6"}
    for record, reason in said.items():
        assert reason in reason_of(block, record)
