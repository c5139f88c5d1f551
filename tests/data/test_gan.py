"""The generator: reproducible from seed and record id, and like a measured population."""

import numpy as np
import pytest

from ecghelpers.data import build, gan
from ecghelpers.measurement import measure


def test_an_ecg_depends_on_its_id_alone():
    ids = gan.record_ids(0, 5, seed=3)
    together = gan.synthesize(ids, batch=5)
    alone = gan.synthesize(ids[3:4])
    assert together.shape == (5, 8, 5000)
    np.testing.assert_allclose(alone[0], together[3], atol=0.5)  # µV
    assert np.abs(together[0] - together[1]).max() > 100
    other = gan.synthesize(gan.record_ids(0, 1, seed=4))
    assert np.abs(other[0] - together[0]).max() > 100
    assert 500 < np.abs(together).max() < 20_000  # µV


def test_a_recording_is_that_of_its_median_beat():
    source = gan.GanSource(8, seed=11, device="cpu")
    assert source.block_count == 1
    found, _ = source.block(0)
    again = measure(source.recording(found.record_id[5])).median_uv
    np.testing.assert_allclose(again, found.medians[5], atol=1)  # whole µV


def test_no_records_and_unknown_sources_are_refused():
    with pytest.raises(ValueError, match="records is 0; allowed: at least 1"):
        gan.GanSource(0)
    with pytest.raises(ValueError, match="choose one of gan, files, 12sl, hdf5, wfdb"):
        build.open_source("csv")
