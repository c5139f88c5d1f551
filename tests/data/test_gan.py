"""The generator: reproducible from seed and record id, and like a measured population."""

import numpy as np
import pytest

from ecghelpers.data import build, gan
from ecghelpers.ecg import TARGETS
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


def test_medians_lie_in_the_published_population():
    source = gan.GanSource(64, seed=11, device="cpu")
    assert source.block_count == 1
    found, _ = source.block(0)
    assert len(found.record_id) >= 62
    again = measure(source.recording(found.record_id[5])).median_uv
    np.testing.assert_allclose(again, found.medians[5], atol=1)  # whole µV
    for column, target in enumerate(TARGETS.values()):
        values = found.targets[:, column]
        assert np.isfinite(values).mean() > 0.95, target.name
        if target.published:
            mean, sd, low, high = target.published
            assert abs(np.nanmean(values) - mean) < sd, target.name
            inside = (values > low - 2 * sd) & (values < high + 2 * sd)
            assert inside[np.isfinite(values)].mean() > 0.95, target.name


def test_no_records_and_unknown_sources_are_refused():
    with pytest.raises(ValueError, match="records is 0; allowed: at least 1"):
        gan.GanSource(0)
    with pytest.raises(ValueError, match="choose one of gan, files, 12sl, hdf5, wfdb"):
        build.open_source("csv")
