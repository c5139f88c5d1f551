"""Interventions on networks whose effects are known, and what agreement with them may say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import Linear, beats, medians_of, steven_net
from torch import nn

from ecghelpers.attribution.maps import explain
from ecghelpers.data.maps_and_curves import Intervention
from ecghelpers.evaluation import agreement, metrics
from ecghelpers.evaluation.controls import control_maps
from ecghelpers.perturbation.intervention import (
    coalition_effects,
    intervention_effects,
    segment_windows,
)

RNG = np.random.default_rng(3)
IDS = [f"r{n}" for n in range(8)]
BEATS, POOL = beats(8), beats(20, seed=5)
WEIGHT = RNG.normal(size=(12, 600))


def test_a_linear_networks_effects_equal_their_closed_form():
    donors = beats(3, seed=9)
    effect = intervention_effects(Linear(WEIGHT), BEATS, donors)
    away = donors[None] - BEATS[:, None]
    wanted = np.einsum("lt,rdlt,st->rdls", WEIGHT, away, segment_windows(600))
    np.testing.assert_allclose(effect, wanted, rtol=1e-4, atol=1e-3)
    assert (segment_windows(600)[3, 62:78] == 1).all()  # samples 60 to 79, cross-faded
    # Windows sum to one, so the effects of all segments sum to that of replacing the whole beat.
    whole = (WEIGHT * away).sum((2, 3))
    np.testing.assert_allclose(effect.sum((2, 3)), whole, rtol=1e-4)


def test_coalitions_of_a_linear_network_are_sums_of_single_effects():
    single = intervention_effects(Linear(WEIGHT), BEATS[:1], BEATS[1:2])[0, 0]
    chosen = RNG.random((5, 12, 30)) < 0.3
    found = coalition_effects(Linear(WEIGHT), BEATS[0], BEATS[1], chosen)
    np.testing.assert_allclose(found, (chosen * single).sum((1, 2)), rtol=1e-4, atol=1e-2)


def test_donors_belong_to_the_record_and_not_to_the_call():
    network, given = steven_net(dtype=torch.float32), {"donors": 1, "seed": 4}

    def effects(rows, ids):
        return intervention_effects(network, BEATS[rows], POOL, record_id=ids, **given)

    two = effects([0, 1], ["a", "b"])
    np.testing.assert_allclose(two[1], effects([1], ["b"])[0], atol=1e-4 * np.abs(two).max())
    assert np.abs(effects([1], ["c"])[0] - two[1]).max() > 0.01 * np.abs(two).max()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"donors_uv": BEATS[:1], "donors": 2}, "at least 2 beats"),
        ({"donors_uv": BEATS[:, :8]}, "(12, 600)"),
        ({"donors_uv": BEATS, "segment_ms": 50.5}, "segment_ms is 50.5"),
        ({"donors_uv": np.full((1, 12, 600), np.nan)}, "NaN or infinity"),
    ],
)
def test_wrong_donors_and_segments_are_named(wrong, message):
    with pytest.raises(ValueError) as caught:
        intervention_effects(Linear(WEIGHT), BEATS[:1], **wrong)
    assert message in str(caught.value) and "\n" not in str(caught.value)


class ReadsWhereItsOwnPeakIs(nn.Module):
    """The maximum of one lead, wherever it is: what matters differs from ECG to ECG."""

    def forward(self, x):
        return (x[:, 3] * torch.softmax(x[:, 3] / 20, 1)).sum(1, keepdim=True)


@pytest.fixture(scope="module")
def measured():
    """Interventions on ECGs whose one peak lies elsewhere in each, and the exact map."""
    time, at = np.arange(600), RNG.permutation(8) * 60 + 60
    peaks = 900 * np.exp(-(((time - at[:, None]) / 12) ** 2))
    shaped = RNG.normal(0, 5, BEATS.shape)
    shaped[:, 3] += peaks
    records, pool = medians_of(shaped.astype(np.float32)), RNG.normal(0, 30, (40, 12, 600))
    network, mean = ReadsWhereItsOwnPeakIs(), BEATS.mean(0).astype(np.float32)
    given = {"methods": ["occlusion"], "reference": (mean, mean)}
    of = network, records, records.target("qt"), "ms"
    maps = [explain(*of, baseline=b, **given) for b in ("flat", "mean")]
    found, again = (
        agreement.measure(network, records, part, pool, donors=4, progress=False) for part in maps
    )
    for effect, other, beat in (
        (found.effect_flat, again.effect_flat, 0 * mean),
        (found.effect_mean, again.effect_mean, mean),
    ):
        wanted = intervention_effects(network, records.medians, beat[None])[:, 0]
        np.testing.assert_allclose(effect, wanted, rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(other, wanted, rtol=1e-5, atol=1e-3)
    truth = np.zeros(BEATS.shape)
    truth[:, 3] = peaks
    return records, found, truth


def test_the_right_map_agrees_and_maps_that_know_nothing_do_not(measured):
    records, found, truth = measured
    maps = {"right": truth, "random": RNG.normal(size=truth.shape)}
    table = agreement.agreement(maps | control_maps(records.medians, truth), found)
    mean = table.groupby(["method", "score"]).value.mean()
    assert mean["right", "signed_flat"] > 0.9 and mean["right", "top"] > 0.15
    assert abs(mean["random", "donors"]) < 0.1 and abs(mean["random", "signed_flat"]) < 0.1
    assert 0 < mean["ceiling", "donors"] <= 1


def test_another_ecgs_map_is_not_this_ecgs_own(measured):
    records, found, truth = measured
    wrong = np.roll(truth, 1, axis=0)
    table = agreement.agreement({"right": truth, "another": wrong}, found)
    own = table[table.score == "own"].groupby("method").value.mean()
    assert own["right"] > 0.02 and own["another"] < own["right"] - 0.02
    over_another = table[table.score == "own_over_another"].groupby("method").value.mean()
    assert over_another["right"] > 0.02 and over_another["another"] < over_another["right"] - 0.02


def test_one_record_has_no_other_and_one_donor_no_reliability(measured):
    records, found, truth = measured
    arrays = (found.effect, found.effect_flat, found.effect_mean)
    alone = Intervention(found.record_id[:1], found.prediction[:1], *(a[:1] for a in arrays), {})
    single = agreement.agreement({"right": truth[:1]}, alone)
    single = single[single.method == "right"].set_index("score").value
    assert np.isnan(single["own"]) and np.isfinite(single["donors"])
    once = agreement.agreement({"right": truth}, replace(found, effect=found.effect[:, :1]))
    assert once[once.method == "ceiling"].value.isna().all()
    assert np.isfinite(once[once.score == "signed_flat"].value).all()


def test_sums_over_coalitions_tell_what_single_segments_cannot():
    """For a linear network contributions against the mean beat add up; |map| does not."""
    mean = np.zeros((12, 600), np.float32)
    exact = WEIGHT * BEATS
    maps = {"exact": exact, "unsigned": np.abs(exact)}
    table = agreement.coalitions(Linear(WEIGHT), medians_of(BEATS), maps, mean, count=12)
    found = table.groupby("method").value.mean()
    assert found["exact"] > 0.9 and found["unsigned"] < 0.5
    assert set(table.score) == {"coalition_5", "coalition_20", "coalition_50"}
    assert metrics.segment_sums(exact).shape == (8, 12, 30)
