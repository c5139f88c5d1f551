"""HDF5 folders are read exactly."""

import numpy as np
import pytest
from source_files import VALUES, beat, only_block, write_hdf5, write_hdf5_folder

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
