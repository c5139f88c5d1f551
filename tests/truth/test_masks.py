"""Masks of the definitions: the edges, the peak and its level, the neighbouring beats."""

import numpy as np
import pytest

from ecghelpers.ecg import LEADS, TARGETS
from ecghelpers.truth import definition_edges, definition_mask, edge_error_ms

MARKS = np.array([[140.0, 182, 214, 262, 330, 425]])
V5 = LEADS.index("V5")


def _times(mask, lead=0):
    return list(np.flatnonzero(mask[0, lead]))


@pytest.mark.parametrize(
    ("target", "edges"), [("pr", (140, 214)), ("qrs", (214, 262)), ("qt", (214, 425))]
)
def test_intervals_are_their_edges_in_all_leads(target, edges):
    mask = definition_mask(MARKS, target)
    around = [t for edge in edges for t in range(edge - 10, edge + 11)]
    assert _times(mask) == around and (mask == mask[:, :1]).all()
    np.testing.assert_array_equal(definition_edges(MARKS, target), [edges])
    assert edge_error_ms(mask.astype(float), definition_edges(MARKS, target))[0] < 2


def test_amplitudes_are_their_peak_and_level_in_v5():
    beats = np.zeros((1, 12, 600))
    beats[0, V5, 233], beats[0, V5, 390] = 1000, 300
    level = set(range(209, 220))
    for target, peak in (("R_PeakAmpl_v5", 233), ("T_PeakAmpl_v5", 390), ("STJ_v5", 262)):
        mask = definition_mask(MARKS, target, beats)
        assert set(_times(mask, V5)) == level | set(range(peak - 5, peak + 6))
        assert not mask[0, np.arange(12) != V5].any()
        assert definition_edges(MARKS, target) is None
    assert set(_times(definition_mask(MARKS, "R_PeakAmpl_v5"), V5)) == set(range(209, 263))
    assert set(range(262, 426)) <= set(_times(definition_mask(MARKS, "T_PeakAmpl_v5"), V5))


def test_the_rate_is_the_neighbouring_beats():
    mask = definition_mask(MARKS, "VentRate", rate=np.array([75.0]))  # RR 400 samples
    assert _times(mask) == [*range(25), *range(541, 600)]
    assert not definition_mask(MARKS, "VentRate").any()
    assert not definition_mask(MARKS, "VentRate", rate=np.array([np.nan])).any()


@pytest.mark.parametrize("target", TARGETS)
def test_masks_are_empty_where_a_fiducial_is_missing_and_only_there(target):
    marks = np.vstack([np.full((1, 6), np.nan), MARKS])
    beats = np.random.default_rng(0).normal(size=(2, 12, 600))
    mask = definition_mask(marks, target, beats, rate=np.array([75.0, 75.0]))
    assert mask.shape == (2, 12, 600) and mask.dtype == bool
    assert not mask[0].any() and mask[1].any()
    with pytest.raises(ValueError, match="unknown target"):
        definition_mask(marks, "qtc")
