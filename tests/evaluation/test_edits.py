"""Edits change the label by the dose and little else; a network that reads it has slope 1."""

import numpy as np
import pytest
from refusals import refused
from torch import nn

from ecghelpers.ecg import FIDUCIALS, INDEPENDENT_LEADS, LEADS, TARGETS, twelve_leads
from ecghelpers.evaluation.edits import EDITS, edit_beats
from ecghelpers.evaluation.effects import effects_table, follows_definition
from ecghelpers.evaluation.rr_interval import rr_samples
from ecghelpers.measurement import measure_median

CASES = [(target, dose) for target, edit in EDITS.items() for dose in edit.doses]
EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
SMALL = {"VentRate": 0, "pr": 3, "qrs": 2, "qt": 3, "STJ_v5": 6, "T_PeakAmpl_v5": 3}
SMALL["R_PeakAmpl_v5"] = 8  # µV; a stretched QRS is sampled anew


def _measured(beats, rate):
    pairs = zip(beats, rate, strict=True)
    return np.array([list(measure_median(beat, 60000 / r)[1].values()) for beat, r in pairs])


@pytest.fixture(scope="module")
def before(gan_beats):
    return _measured(gan_beats.medians, gan_beats.target("VentRate"))


@pytest.mark.parametrize(("target", "dose"), [c for c in CASES if c[0] != "VentRate"])
def test_the_measured_effect_is_the_dose_and_other_labels_stay(gan_beats, before, target, dose):
    given = gan_beats.medians, gan_beats.fiducials, target, dose
    edited = edit_beats(*given, rate=gan_beats.target("VentRate"))
    valid = np.isfinite(edited).all((1, 2))
    assert valid.mean() > 0.9 and np.isnan(edited[~valid]).all()
    change = _measured(edited[valid], gan_beats.target("VentRate")[valid]) - before[valid]
    for column, name in enumerate(TARGETS):
        error = np.abs(change[:, column] - (dose if name == target else 0))
        assert np.nanmedian(error) <= (3 if name == target else SMALL[name]), name
    assert np.mean(np.abs(change[:, list(TARGETS).index(target)] - dose) <= 5) > 0.8


@pytest.mark.parametrize("dose", EDITS["VentRate"].doses)
def test_the_neighbouring_beats_move_as_the_rate_says(gan_beats, dose):
    marks, rate = gan_beats.fiducials, gan_beats.target("VentRate")
    edited = edit_beats(gan_beats.medians, marks, "VentRate", dose, rate=rate)
    valid = np.isfinite(edited).all((1, 2))
    assert valid.sum() >= 4
    found = 30000 / rr_samples(edited[valid], marks[valid])
    first = 30000 / rr_samples(gan_beats.medians[valid], marks[valid])
    assert np.nanmedian(np.abs(found - first - dose)) < 0.5
    for record in np.flatnonzero(valid):
        own = slice(int(marks[record, 0]) - 10, int(marks[record, 5]) + 10)
        kept = gan_beats.medians[record, EIGHT, own]
        np.testing.assert_allclose(edited[record, EIGHT, own], kept, atol=0.01)


@pytest.mark.parametrize("target", TARGETS)
def test_limb_leads_follow_i_and_ii(gan_beats, target):
    edited = edit_beats(gan_beats.medians, gan_beats.fiducials, target, EDITS[target].doses[-1])
    valid = np.isfinite(edited).all((1, 2))
    assert valid.any() and edited.dtype == np.float32
    np.testing.assert_array_equal(edited[valid], twelve_leads(edited[valid][:, EIGHT]))
    if TARGETS[target].name.endswith("v5"):
        rest = [lead for lead in EIGHT if LEADS[lead] != "V5"]
        np.testing.assert_array_equal(edited[valid][:, rest], gan_beats.medians[valid][:, rest])


def test_rr_is_the_rates_where_it_is_known_and_told_from_the_beat_elsewhere(gan_beats):
    rate = gan_beats.target("VentRate").copy()
    found = rr_samples(gan_beats.medians, gan_beats.fiducials)
    rate[3:] = np.nan
    mixed = rr_samples(gan_beats.medians, gan_beats.fiducials, rate)
    np.testing.assert_allclose(mixed[:3], 30000 / gan_beats.target("VentRate")[:3])
    np.testing.assert_array_equal(mixed[3:], found[3:])
    slow = gan_beats.target("VentRate") < 60
    assert np.isnan(found[slow]).all()  # the next beat is out of sight
    assert np.nanmedian(np.abs(30000 / found - gan_beats.target("VentRate"))) < 1


def test_rows_without_fiducials_or_room_are_nan_and_others_stay_as_they_are(gan_beats):
    marks = gan_beats.fiducials[:4].copy()
    marks[1, FIDUCIALS.index("toffset")] = np.nan
    beats = gan_beats.medians[:4].astype(np.float64)
    beats[2, 3, 5] = np.nan  # aVR: not an independent lead
    beats[3, 0, 5] = np.nan
    edited = edit_beats(beats, marks, "qt", 20)
    np.testing.assert_array_equal(np.isnan(edited).all((1, 2)), [False, True, False, True])
    assert edited.dtype == np.float64
    alone = edit_beats(beats[:1], marks[:1], "qt", 20)
    np.testing.assert_array_equal(alone[0], edited[0])
    assert np.isnan(edit_beats(beats[:1], marks[:1], "qt", -300)).all()
    assert np.isnan(edit_beats(beats[:1], marks[:1], "R_PeakAmpl_v5", -9000)).all()
    both = edit_beats(beats[:1].repeat(2, 0), marks[:1].repeat(2, 0), "qt", [20, -20])
    np.testing.assert_array_equal(both[0], edited[0])
    assert edit_beats(beats[:0], marks[:0], "qt", 20).shape == (0, 12, 600)


def test_unknown_targets_and_shapes_are_refused(gan_beats):
    with refused("'qtc'"):
        edit_beats(gan_beats.medians, gan_beats.fiducials, "qtc", 5)
    with refused("(record, 12, 600)"):
        edit_beats(gan_beats.medians, gan_beats.fiducials[:3], "qt", 5)


class ReadsR(nn.Module):
    """The highest voltage of V5, and of V6: so much of each."""

    def __init__(self, v5: float, v6: float = 0.0):
        super().__init__()
        self.share = v5, v6

    def forward(self, x):
        peaks = x.amax(2)
        v5, v6 = LEADS.index("V5"), LEADS.index("V6")
        return (self.share[0] * peaks[:, v5] + self.share[1] * peaks[:, v6])[:, None]


def _table(beats, network, target="R_PeakAmpl_v5", rows=slice(None)):
    parts = beats.medians[rows], beats.fiducials[rows], target, beats.target("VentRate")[rows]
    return effects_table(network, *parts, measured_records=8)


def test_slopes_of_networks_that_read_all_and_half_of_the_definition(gan_beats):
    table = _table(gan_beats, ReadsR(1.0))
    assert " ".join(table) == "edit dose n true measured predicted predicted_low predicted_high"
    assert list(table["dose"])[:-1] == list(EDITS["R_PeakAmpl_v5"].doses)
    slope = table.iloc[-1]
    assert slope["edit"] == "slope" and slope["predicted"] == pytest.approx(1, abs=0.03)
    assert slope["predicted_low"] <= slope["predicted"] <= slope["predicted_high"]
    np.testing.assert_allclose(table["measured"][:-1], table["dose"][:-1], atol=3)
    assert follows_definition(table)[0]
    table = _table(gan_beats, ReadsR(0.5, 0.5))
    assert table.set_index("dose")["predicted"][150] == pytest.approx(75, abs=3)
    follows, sentence = follows_definition(table)
    assert not follows and "slope 0.5" in sentence
    assert not follows_definition(_table(gan_beats, ReadsR(-1.0)))[0]


def test_no_records_one_record_and_no_fiducials_give_empty_cells(gan_beats):
    none, one = (_table(gan_beats, ReadsR(1.0), rows=slice(0, count)) for count in (0, 1))
    for table, count, said in ((none, 0, "no record"), (one, 1, "too few")):
        assert (table["n"] == count).all() and table["predicted_low"].isna().all()
        follows, sentence = follows_definition(table)
        assert not follows and said in sentence
    missing = np.full_like(gan_beats.fiducials, np.nan)
    for target in EDITS:
        given = gan_beats.medians, missing, target, np.full(len(missing), np.nan)
        table = effects_table(ReadsR(1.0), *given, measured_records=2)
        assert (table["n"] == 0).all()
