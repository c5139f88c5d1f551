"""Records that are shown: chosen from the table data/events.csv, with their rhythm strips."""

import numpy as np
import pytest
from refusals import refused
from small_networks import medians_of

from ecghelpers.data.medians import choose_records, events, read_events
from ecghelpers.data.rhythm_strips import keep_strips, read_strips, strip_of
from ecghelpers.ecg import BEAT_SHAPE, INDEPENDENT_LEADS, TARGETS
from ecghelpers.files import write_table


class Recorder:
    """A source whose recordings identify their record."""

    def __init__(self, ids, none=False):
        self.ids, self.none = list(ids), none

    def recording(self, record_id):
        level = self.ids.index(record_id)
        return None if self.none else np.full((8, 6000), 100.0 * level) + np.arange(8)[:, None]


@pytest.fixture
def recorded():
    return medians_of(np.zeros((30, *BEAT_SHAPE)), split=["train", "test"] * 15, targets=1)


def test_strips_are_of_the_records_that_heatmaps_are_drawn_of(recorded, tmp_path):
    path = tmp_path / "strips.h5"
    kept = keep_strips(Recorder(recorded.record_id), recorded, path, seed=3)
    chosen = choose_records(recorded, "qt", 5, 3, complete_first=True)
    assert list(kept)[:5] == list(chosen.record_id)
    stored = read_strips(path)
    assert list(stored) == list(kept)
    record = chosen.record_id[0]
    level = 100 * list(recorded.record_id).index(record)
    for lead, values in stored[record].by_lead.items():
        assert values.shape == (5000,) and stored[record].rate == 500
        assert set(values) == {level + INDEPENDENT_LEADS.index(lead)}


def test_where_there_are_no_recordings_the_file_holds_none(recorded, tmp_path):
    path = tmp_path / "strips.h5"
    path.write_text("of another source")
    assert keep_strips(Recorder(recorded.record_id, none=True), recorded, path, seed=3) == {}
    assert path.is_file() and read_strips(path) == {}


def test_odd_samples_become_whole_microvolts():
    ecg = np.zeros((12, 20))
    ecg[1] = [np.nan, 1e9, -1e9, 1.4] * 5
    assert list(strip_of(ecg, 100).leads_uv[0][:4]) == [0, 32767, -32768, 1]


IDS = ["007", "NA", "a b", "1e5", "2"]
SPLITS = ["test"] * 4 + ["train"]  # of the last nothing may be shown


@pytest.fixture
def data():
    targets = np.ones((5, len(TARGETS)))
    targets[2, list(TARGETS).index("pr")] = np.nan
    beats = np.arange(5, dtype=np.int16)[:, None, None] * np.ones(BEAT_SHAPE, np.int16)
    return medians_of(beats, IDS, SPLITS, targets=targets, fiducials=1)


def test_records_are_chosen_from_the_table_and_ids_stay_text(data, tmp_path):
    write_table(events(data), tmp_path / "events.csv")
    table = read_events(tmp_path / "events.csv")
    assert list(table.record_id) == IDS and list(table.complete) == [True, True, False, True, True]
    assert table.pr.isna().tolist() == [False, False, True, False, False]
    chosen = choose_records(data, "qt", 5, 1, complete_first=True, table=table)
    assert sorted(chosen.record_id) == sorted(IDS[:4])
    assert chosen.record_id[3] == "a b" and chosen.medians[3, 0, 0] == 2
    default = choose_records(data, "qt", 5, 1, complete_first=True)
    assert list(chosen.record_id) == list(default.record_id)
    fewer = choose_records(data, "qt", 5, 1, table=table[table.record_id != "NA"])
    assert sorted(fewer.record_id) == ["007", "1e5", "a b"]


def test_tables_of_other_records_and_values_are_refused(data, tmp_path):
    table = events(data).assign(record_id=["x", *IDS[1:]])
    with refused("'x'", "medians.h5"):
        choose_records(data, "qt", 4, 1, table=table)
    write_table(events(data).assign(complete="yes"), tmp_path / "events.csv")
    with refused("complete"):
        read_events(tmp_path / "events.csv")
