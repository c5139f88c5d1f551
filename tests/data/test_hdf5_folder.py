"""HDF5 folders are read exactly or rejected with a reason, before anything large is read."""

import re

import h5py
import numpy as np
import pytest
from source_files import VALUES, beat, only_block, reason_of, write_hdf5, write_hdf5_folder

from ecghelpers.ecg import FIDUCIALS, TARGETS


@pytest.fixture
def hdf5_folder(tmp_path):
    return write_hdf5_folder(tmp_path)


def test_comes_back_exactly_with_missing_labels(hdf5_folder):
    labels = {k: v for k, v in VALUES.items() if k not in ("qt", "tonset")}
    labels |= {"pr": "158.5", "qrs": "", "VentRate": np.int16(71), "isNormal": True}
    write_hdf5(hdf5_folder / "2.h5", beat(2).T, labels)
    block = only_block("hdf5", hdf5_folder)
    assert block.record_id == ["1", "10", "2"] and not block.rejected
    for record_id, median in zip(block.record_id, block.medians, strict=True):
        np.testing.assert_array_equal(median, beat(int(record_id)))
    expected = VALUES | {"qt": np.nan, "tonset": np.nan, "qrs": np.nan, "pr": 158.5}
    np.testing.assert_array_equal(block.targets[0], [VALUES[name] for name in TARGETS])
    np.testing.assert_array_equal(block.targets[2], [expected[name] for name in TARGETS])
    np.testing.assert_array_equal(block.fiducials[2], [expected[name] for name in FIDUCIALS])


def huge(path):
    with h5py.File(path, "w") as file:  # 8 EiB when read
        file.create_dataset("median", (2**40, 2**20), "int64", chunks=(1, 1))


def huge_chunk(path):
    with h5py.File(path, "w") as file:
        how = {"chunks": (100_000, 1000), "maxshape": (None, None)}
        file.create_dataset("median", (600, 12), "int16", **how)


def damaged(path):
    path.write_bytes(path.read_bytes()[:-9000])


BAD_HDF5 = [
    (huge, r"wrong shape: 'median' has \(1099511627776, 1048576\)"),
    (huge_chunk, "too large: chunks"),
    (damaged, "unreadable"),
]


@pytest.mark.parametrize("spoil, reason", BAD_HDF5)
def test_file_that_cannot_be_used_is_rejected_and_the_others_are_read(hdf5_folder, spoil, reason):
    spoil(hdf5_folder / "2.h5")
    block = only_block("hdf5", hdf5_folder)
    assert block.record_id == ["1", "10"]
    assert re.match(reason, reason_of(block, "2"))
