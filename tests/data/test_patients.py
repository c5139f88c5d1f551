"""Whose record it is: from every kind of source into medians.h5, its split and its groups."""

import csv

import numpy as np
import pytest
from source_files import VALUES, beat, csv_text, ecg_mv, write_hdf5, write_table, write_wfdb

from ecghelpers.data import sources
from ecghelpers.data.build import collect
from ecghelpers.data.medians import choose_records, is_complete, read_medians, split_of


def collected(tmp_path, *source):
    path = tmp_path / "data" / "medians.h5"
    collect(sources.open_folder(*source), path)
    return read_medians(path)


def check(data, patient_of):
    assert dict(zip(data.record_id, data.patient_id, strict=True)) == patient_of
    for record, patient, split in zip(data.record_id, data.patient_id, data.split, strict=True):
        assert split == split_of(record, patient)
    splits = {}
    for group, split in zip(data.groups, data.split, strict=True):
        splits.setdefault(group, set()).add(split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(splits) == len({("patient", p) if p else r for r, p in patient_of.items()})


def test_a_column_of_the_label_table_names_patients(tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    people = {str(n): ["7", "7", "8", ""][n % 4] for n in range(1, 13)}
    for number in people:
        (folder / f"{number}.csv").write_text(csv_text(beat(int(number))))
    rows = [{"patid": n, "Patient_ID": who and f"00{who}.0", **VALUES} for n, who in people.items()]
    check(collected(tmp_path, "12sl", folder, write_table(tmp_path / "l.csv", rows)), people)


def test_an_attribute_names_patients(tmp_path):
    for number, patient in (("1", "A"), ("2", "A"), ("3", "B")):
        write_hdf5(
            tmp_path / f"{number}.h5", beat(int(number)).T, {**VALUES, "patient_id": patient}
        )
    check(collected(tmp_path, "hdf5", tmp_path), {"1": "A", "2": "A", "3": "B"})


def test_ptb_xl_own_table_names_patients(tmp_path):
    folder = tmp_path / "records500" / "00000"
    for name in ("00001_hr", "00002_hr", "00003_hr"):
        write_wfdb(folder, name, ecg_mv())
    with open(tmp_path / "ptbxl_database.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ecg_id", "patient_id", "report", "filename_lr", "filename_hr"))
        for number, patient in ((1, "15709.0"), (2, "15709.0"), (3, "13243.0")):
            low, high = f"r100/00000/0000{number}_lr", f"records500/00000/0000{number}_hr"
            writer.writerow((number, patient, "sinus rhythm, normal", low, high))
    expected = {"00001_hr": "15709", "00002_hr": "15709", "00003_hr": "13243"}
    check(collected(tmp_path, "wfdb", tmp_path / "records500"), expected)


@pytest.mark.parametrize("comment", ["# patient_id: 7", "#Patient ID = 7", "# <patient id>: 007"])
def test_a_comment_of_a_wfdb_header_names_the_patient(tmp_path, comment):
    for name in ("a", "b"):
        header = write_wfdb(tmp_path / "wfdb", name, ecg_mv())
        header.write_text(header.read_text() + comment + "\n")
    write_wfdb(tmp_path / "wfdb", "c", ecg_mv())
    check(collected(tmp_path, "wfdb", tmp_path / "wfdb"), {"a": "7", "b": "7", "c": ""})


def test_without_patients_nothing_changes(tmp_path):
    for number in (1, 2):
        write_hdf5(tmp_path / f"{number}.h5", beat(number).T, VALUES)
    data = collected(tmp_path, "hdf5", tmp_path)
    assert data.patient_id is None and list(data.groups) == ["1", "2"]
    assert list(data.split) == [split_of("1"), split_of("2")]


def test_who_has_no_p_wave_is_judged_by_but_looked_at_last(tmp_path):
    for number in range(40):
        labels = VALUES if number % 2 else {k: v for k, v in VALUES.items() if k[0] != "p"}
        write_hdf5(tmp_path / f"{number}.h5", beat(number).T, labels)
    data = collected(tmp_path, "hdf5", tmp_path)
    tested = (data.split == "test").sum()
    looked_at = choose_records(data, "VentRate", tested, 1, complete_first=True)
    complete = is_complete(looked_at)
    assert complete.any() and not complete.all()
    assert (np.diff(complete.astype(int)) <= 0).all()
    judged = choose_records(data, "VentRate", tested, 1)
    assert (np.diff(is_complete(judged).astype(int)) > 0).any()
