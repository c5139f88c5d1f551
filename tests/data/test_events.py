"""The table of records from which notebook 04 chooses, as data/events.csv."""

import numpy as np
import pytest
from small_networks import medians_of

from ecghelpers.data.medians import choose_records, events, read_events
from ecghelpers.ecg import BEAT_SHAPE, TARGETS
from ecghelpers.files import write_table

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


def test_a_table_of_other_records_is_refused(data):
    table = events(data).assign(record_id=["x", *IDS[1:]])
    with pytest.raises(ValueError, match="record 'x' is not in medians.h5"):
        choose_records(data, "qt", 4, 1, table=table)


def test_a_column_that_is_not_true_or_false_is_refused(data, tmp_path):
    write_table(events(data).assign(complete="yes"), tmp_path / "events.csv")
    with pytest.raises(ValueError, match="complete must be True or False"):
        read_events(tmp_path / "events.csv")
