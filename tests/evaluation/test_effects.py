"""A network that reads the definition has slope 1, one that reads half of it elsewhere one half."""

import numpy as np
import pytest
from torch import nn

from ecghelpers.ecg import LEADS
from ecghelpers.evaluation.edits import EDITS
from ecghelpers.evaluation.effects import effects_table, follows_definition

COLUMNS = ["edit", "dose", "n", "true", "measured", "predicted", "predicted_low", "predicted_high"]


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
    assert list(table) == COLUMNS
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
