"""Patients by every rule: one split each, and nothing of an id in medians.h5."""

import json

import ecg_formats
import h5py
import pytest
from source_files import VALUES, beat, csv_text, ecg_mv, write_hdf5, write_table, write_wfdb

from ecghelpers.data import sources
from ecghelpers.data.build import collect
from ecghelpers.data.medians import read_medians, split_of


def collected(tmp_path, *source):
    path = tmp_path / "data" / "medians.h5"
    collect(sources.FileSource(*source), path)
    return read_medians(path)


def check(data, patient_of, rule=""):
    """Records of one patient share number and split; the split is that of the patient's id."""
    number_of = {}
    for record, number, split in zip(data.record_id, data.patient_id, data.split, strict=True):
        who = patient_of[record]
        assert split == split_of(record, who) and bool(number) == bool(who)
        assert number_of.setdefault(who, (number, split)) == (number, split) or not who
    assert len(set(number_of.values())) == len(set(patient_of.values()))
    assert len(set(data.groups)) == len({(bool(w), w or r) for r, w in patient_of.items()})
    told = json.loads(data.attributes["patients_from"])
    assert sum(told.values()) == len(patient_of) and (not rule or rule in told)


def write_different(folder, names):
    return [write_wfdb(folder, name, ecg_mv(heart_rate=60 + 5 * n)) for n, name in enumerate(names)]


def test_a_column_of_the_label_table_names_patients(tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    people = {str(n): ["7", "7", "8", ""][n % 4] for n in range(1, 13)}
    for number in people:
        (folder / f"{number}.csv").write_text(csv_text(beat(int(number))))
    rows = [{"patid": n, "Patient_ID": who and f"00{who}.0", **VALUES} for n, who in people.items()]
    table = write_table(tmp_path / "l.csv", rows)
    check(collected(tmp_path, "12sl", folder, table), people, "the label table")


def test_an_attribute_names_patients(tmp_path):
    for number, who in (("1", "A"), ("2", "A"), ("3", "B")):
        write_hdf5(tmp_path / f"{number}.h5", beat(int(number)).T, {**VALUES, "patient_id": who})
    check(collected(tmp_path, "hdf5", tmp_path), {"1": "A", "2": "A", "3": "B"})


def test_ptb_xl_own_table_names_patients(tmp_path):
    write_different(tmp_path / "records500" / "00000", ("00001_hr", "00002_hr", "00003_hr"))
    rows = ["ecg_id,patient_id,report,filename_lr,filename_hr"]
    for n, who in ((1, "15709.0"), (2, "15709.0"), (3, "13243.0")):
        rows.append(f'{n},{who},"sinus, normal",r100/0/0000{n}_lr,records500/00000/0000{n}_hr')
    (tmp_path / "ptbxl_database.csv").write_text("\n".join(rows))
    expected = {"00001_hr": "15709", "00002_hr": "15709", "00003_hr": "13243"}
    data = collected(tmp_path, "wfdb", tmp_path / "records500")
    check(data, expected, "ptbxl_database.csv")


def test_mimic_s_record_list_names_patients(tmp_path):
    write_different(tmp_path / "files" / "x", ("40689238", "40689239", "40689240"))
    rows = ["subject_id,study_id,file_name,ecg_time,path"]
    for who, study in ((10000032, 40689238), (10000032, 40689239), (10000117, 40689240)):
        rows.append(f"{who},{study},{study},2180-07-23 08:44:00,files/x/{study}")
    (tmp_path / "record_list.csv").write_text("\n".join(rows))
    expected = {"40689238": "10000032", "40689239": "10000032", "40689240": "10000117"}
    check(collected(tmp_path, "files", tmp_path / "files"), expected, "record_list.csv")


@pytest.mark.parametrize(
    ("comment", "who"),
    [("# patient_id: 7", "7"), ("#Patient ID = 7", "7"), ("# <subject_id>: 007", "7"),
     ("#subject 7", "7"), ("# patient: -", ""), ("# patient_id: unknown", ""),
     ("# patient 7 years old", "")],
)  # fmt: skip
def test_a_comment_of_a_wfdb_header_names_the_patient_and_a_placeholder_none(
    tmp_path, comment, who
):
    for header in write_different(tmp_path / "wfdb", "abc")[:2]:
        header.write_text(header.read_text() + comment + "\n")
    data = collected(tmp_path, "wfdb", tmp_path / "wfdb")
    if who:
        check(data, {"a": who, "b": who, "c": ""}, "the file itself")
    else:
        assert data.patient_id is None and list(data.groups) == ["a", "b", "c"]
        assert list(data.split) == [split_of(record) for record in "abc"]


@pytest.mark.parametrize(
    ("first", "second", "people"),
    [("Patient001", "Patient002", ("patient001", "patient002")),
     ("p1000/p10000032/s1", "p1000/p10000117/s3", ("10000032", "10000117"))],
)  # fmt: skip
def test_folders_of_ptb_db_and_mimic_name_patients(tmp_path, first, second, people):
    for n, (folder, name) in enumerate(((first, "a"), (first, "b"), (second, "c"))):
        write_wfdb(tmp_path / "wfdb" / folder, name, ecg_mv(heart_rate=60 + 5 * n))
    data = collected(tmp_path, "files", tmp_path / "wfdb")
    one, other = people
    check(data, {"a": one, "b": one, "c": other}, "the folder's name")


def test_one_recording_under_two_ids_counts_as_one(tmp_path):
    for name in ("a", "b"):
        write_wfdb(tmp_path / "wfdb", name, ecg_mv())
    path = tmp_path / "medians.h5"
    rejected = collect(sources.FileSource("files", tmp_path / "wfdb"), path)
    assert rejected == [("b", "duplicate recording: the same samples as a")]
    assert list(read_medians(path).record_id) == ["a"]


def test_nothing_personal_of_an_export_is_kept(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    for name in ("muse", "cardiosoft", "philips", "dicom", "scp", "aecg", "schiller"):
        (folder / name).write_bytes(getattr(ecg_formats, name)())
    (folder / "other").write_bytes(ecg_formats.muse(ecg_formats.ecg(heart_rate=60), patient="x"))
    data = collected(tmp_path, "files", folder)
    assert set(data.patient_id) == {"1", ""}  # one person, and a placeholder
    written = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    for text in ecg_formats.PERSONAL:
        assert text.encode() not in written and text.encode("utf-32-le") not in written
    with h5py.File(tmp_path / "data" / "medians.h5") as file:
        assert "patient_id" in file
