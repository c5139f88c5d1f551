"""Rhythm strips: the choice of records, and samples equal to the recording."""

from dataclasses import replace

import fake_results
import numpy as np
import pytest

from ecghelpers.data.medians import choose_records, read_medians
from ecghelpers.data.rhythm_strips import keep_strips, read_strips, strip_of
from ecghelpers.ecg import INDEPENDENT_LEADS


class Recorder:
    """A source whose recordings identify their record."""

    def __init__(self, ids, none=False):
        self.ids, self.none = list(ids), none

    def recording(self, record_id):
        level = self.ids.index(record_id)
        return None if self.none else np.full((8, 6000), 100.0 * level) + np.arange(8)[:, None]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    ids = [f"r{number}" for number in range(30)]
    results = fake_results.make(tmp_path_factory.mktemp("r"), targets=(), record_ids=ids)
    data = read_medians(results.medians)
    return replace(data, split=np.where(np.arange(len(data.split)) % 2, "test", "train"))


def test_strips_are_of_the_records_that_heatmaps_are_drawn_of(data, tmp_path):
    path = tmp_path / "strips.h5"
    kept = keep_strips(Recorder(data.record_id), data, path, seed=3)
    chosen = choose_records(data, "qt", 5, 3, complete_first=True)
    assert list(kept)[:5] == list(chosen.record_id)
    stored = read_strips(path)
    assert list(stored) == list(kept)
    record = chosen.record_id[0]
    level = 100 * list(data.record_id).index(record)
    for lead, values in stored[record].by_lead.items():
        assert values.shape == (5000,) and stored[record].rate == 500
        assert set(values) == {level + INDEPENDENT_LEADS.index(lead)}


def test_where_there_are_no_recordings_the_file_holds_none(data, tmp_path):
    path = tmp_path / "strips.h5"
    path.write_text("of another source")
    assert keep_strips(Recorder(data.record_id, none=True), data, path, seed=3) == {}
    assert path.is_file() and read_strips(path) == {}


def test_odd_samples_become_whole_microvolts():
    ecg = np.zeros((12, 20))
    ecg[1] = [np.nan, 1e9, -1e9, 1.4] * 5
    assert list(strip_of(ecg, 100).leads_uv[0][:4]) == [0, 32767, -32768, 1]
