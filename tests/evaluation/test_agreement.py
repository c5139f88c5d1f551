"""Interventions on networks whose effects are known, agreement with them, and shuffled networks."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from refusals import refused
from scipy.stats import spearmanr
from small_networks import Linear, beats, medians_of, steven_net
from torch import nn

from ecghelpers.attribution import AttributionConfig, attribute
from ecghelpers.attribution.maps import explain, options_of, stored_options
from ecghelpers.data.maps_and_curves import Intervention
from ecghelpers.evaluation import agreement, metrics, network_truth
from ecghelpers.evaluation.controls import control_maps
from ecghelpers.network.prediction import predict
from ecghelpers.perturbation.intervention import (
    coalition_effects,
    intervention_effects,
    segment_windows,
)

RNG = np.random.default_rng(3)
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
    with refused(message):
        intervention_effects(Linear(WEIGHT), BEATS[:1], **wrong)


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
    maps = explain(*of, **given)
    effect = intervention_effects(
        network, records.medians, pool, donors=4, record_id=records.record_id
    )
    sums = (maps.maps["occlusion"], maps.against_mean["occlusion"])
    flat, against_mean = (-metrics.segment_sums(values) for values in sums)
    for found, beat in ((flat, 0 * mean), (against_mean, mean)):
        wanted = intervention_effects(network, records.medians, beat[None])[:, 0]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-3)
    found = Intervention(records.record_id, maps.prediction, effect, flat, against_mean, {})
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


def test_every_score_of_an_ecg_by_hand(measured):
    _, found, truth = measured
    of_record, of_donor = RNG.normal(size=(8, 1, 12, 30)), RNG.normal(size=found.effect.shape)
    found = replace(found, effect=found.effect + of_record + of_donor)
    maps = {"right": truth + RNG.normal(0, 20, truth.shape)}
    table = agreement.agreement(maps, found).query("record_id == @found.record_id[0]")
    scores = table.set_index(["method", "score"]).value
    effect = np.abs(found.effect[0]).mean(0).ravel()
    signed, sums = (
        metrics.segment_sums(f(maps["right"])).reshape(8, -1) for f in (np.array, np.abs)
    )
    alike = [spearmanr(other, effect)[0] for other in sums]
    tops = (set(np.argsort(-values, kind="stable")[:36]) for values in (effect, sums[0]))
    wanted = {
        "donors": alike[0],
        "top": len(set.intersection(*tops)) / 36,
        "signed_flat": np.corrcoef(signed[0], -found.effect_flat[0].ravel())[0, 1],
        "signed_mean": np.corrcoef(signed[0], -found.effect_mean[0].ravel())[0, 1],
        "own": alike[0] - spearmanr(sums[1:].mean(0), effect)[0],
        "own_over_another": alike[0] - np.mean(alike[1:]),
    }
    assert scores["right"].to_dict() == pytest.approx(wanted)
    assert scores["ceiling", "donors"] == pytest.approx(scores["ceiling", "reliability"] ** 0.5)


def test_another_ecgs_map_is_not_this_ecgs_own(measured):
    _, found, truth = measured
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


ECGS = beats(3, dtype=np.float32)
ECG_IDS = np.array(["a", "b", "c"])
RECORDS = medians_of(ECGS, ECG_IDS)
OPTIONS = options_of(asdict(AttributionConfig()))
METHODS = ("saliency", "guided_backprop", "random")


def _maps(network):
    return {m: attribute(network, ECGS, m, record_id=ECG_IDS, progress=False) for m in METHODS}


def test_stored_options_draw_the_stored_maps_again():
    network, reference = steven_net(dtype=torch.float32), (ECGS.mean(0), ECGS.std(0))
    few = AttributionConfig(seed=3, smoothgrad_draws=2, integrated_gradients_steps=3)
    methods = ["smoothgrad", "integrated_gradients", "saliency_sd"]
    given = {"methods": methods, "baseline": "mean", "reference": reference}
    stored = explain(network, RECORDS, RECORDS.target("qt"), "ms", few, **given)
    again = stored_options(stored, reference) | {"record_id": ECG_IDS, "progress": False}
    for method in methods:
        np.testing.assert_array_equal(
            stored.maps[method], attribute(network, ECGS, method, **again)
        )
    other = attribute(network, ECGS, "integrated_gradients", **again | {"baseline": None})
    assert not np.allclose(stored.maps["integrated_gradients"], other)


def test_weights_are_shuffled_in_the_last_layer_or_in_all_and_keep_their_values():
    network = steven_net(dtype=torch.float32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    last, every, other = (
        network_truth.shuffled(network, stage, ECGS, record=record).state_dict()
        for stage, record in (("last_layer", "a"), ("all_layers", "a"), ("last_layer", "b"))
    )
    for stage, untouched in (("last_layer", "block8"), ("upper_half", "block4")):
        state = network_truth.shuffled(network, stage, ECGS, record="a").state_dict()
        names = [n for n in state if n.endswith("weight") and not torch.equal(state[n], before[n])]
        assert untouched not in " ".join(names) and "fc1" in " ".join(names)
        assert stage == "last_layer" or {"block5", "block8"} <= {n.split(".")[0] for n in names}
    assert not torch.equal(every["init_block.conv1.weight"], before["init_block.conv1.weight"])
    for name, copy in (("fc1.weight", last), ("block1.conv1.weight", every)):
        assert not torch.equal(copy[name], before[name])
        assert torch.equal(copy[name].flatten().sort()[0], before[name].flatten().sort()[0])
    assert all(torch.equal(v, before[n]) for n, v in network.state_dict().items())
    every_layer = network_truth.shuffled(network, "all_layers", ECGS)
    assert np.ptp(predict(every_layer, ECGS)) > 0  # its batch norms let something through
    assert not torch.equal(other["fc1.weight"], last["fc1.weight"])


def test_maps_times_the_same_beat_are_alike_by_chance_alone():
    """Two unrelated maps times one beat: far above zero as they are, zero beyond chance."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, *ECGS.shape)) * ECGS
    assert (network_truth.likeness(one, other) > 0.2).all()
    beyond = network_truth.beyond_chance("inputxgradient", one, other, ECGS, OPTIONS)
    assert np.abs(beyond).max() < 0.05
    same = network_truth.beyond_chance("inputxgradient", one, -one, ECGS, OPTIONS)
    np.testing.assert_allclose(same, 1)
