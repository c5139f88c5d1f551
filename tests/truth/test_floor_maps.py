"""Maps that are wrong on purpose, and belong to the record all the same."""

import numpy as np
import pytest

from ecghelpers.truth.floor_maps import other_record, partners, shifted, shifts

IDS = [f"r{number}" for number in range(40)]
RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(40, 12, 600)).astype(np.float32)


def test_a_shifted_map_is_the_map_at_another_time_in_all_leads_alike():
    offsets = shifts(600, 3, IDS)
    assert offsets.min() >= 50 and offsets.max() <= 550  # 100 ms either way around
    assert len(set(offsets)) > 20
    moved = shifted(MAPS, 3, IDS)
    for record, offset in enumerate(offsets):
        np.testing.assert_array_equal(moved[record], np.roll(MAPS[record], offset, axis=1))
    assert moved.dtype == MAPS.dtype


def test_the_least_shift_is_in_milliseconds():
    assert shifts(300, 3, IDS, rate_hz=250).min() >= 25
    with pytest.raises(ValueError, match="at least 100"):
        shifted(MAPS[..., :90], 3, IDS)


def test_a_shift_belongs_to_the_record_and_the_seed():
    rows = [7, 2]
    np.testing.assert_array_equal(
        shifted(MAPS[rows], 3, [IDS[i] for i in rows]), shifted(MAPS, 3, IDS)[rows]
    )
    assert (shifts(600, 4, IDS) != shifts(600, 3, IDS)).any()


def test_every_record_gets_another_ones_map_and_every_map_is_used_once():
    chosen = partners(IDS, 1)
    assert sorted(chosen) == list(range(40)) and (chosen != np.arange(40)).all()
    np.testing.assert_array_equal(other_record(MAPS, 1, IDS), MAPS[chosen])
    order = RNG.permutation(40)
    again = partners([IDS[i] for i in order], 1)
    assert {IDS[order[i]]: IDS[order[p]] for i, p in enumerate(again)} == {
        IDS[i]: IDS[p] for i, p in enumerate(chosen)
    }


def test_another_record_is_another_patients():
    patients = np.arange(40) // 2
    chosen = partners(IDS, 1, patients)
    assert (patients[chosen] != patients).all()
    assert (partners(IDS, 1, ["same"] * 40) == -1).all()


def test_a_record_alone_has_no_other():
    assert np.isnan(other_record(MAPS[:1], 0, IDS[:1])).all()
    assert other_record(MAPS[:0], 0, []).shape == (0, 12, 600)


def test_maps_and_ids_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="an id for each record"):
        shifted(MAPS, 0, IDS[:3])
    with pytest.raises(ValueError, match="an id for each record"):
        other_record(MAPS[0], 0, IDS)
