"""Randomised networks: what changes with the weights, and what cannot."""

from dataclasses import asdict

import numpy as np
import torch
from small_networks import beats, medians_of, steven_net

from ecghelpers.attribution import AttributionConfig, attribute
from ecghelpers.attribution.maps import explain, options_of, stored_options
from ecghelpers.evaluation import network_truth
from ecghelpers.network.prediction import predict

IDS = np.array(["a", "b", "c"])
BEATS = beats(3, dtype=np.float32)
RECORDS = medians_of(BEATS, IDS)
OPTIONS = options_of(asdict(AttributionConfig()))
METHODS = ("saliency", "guided_backprop", "random")


def _maps(network):
    return {m: attribute(network, BEATS, m, record_id=IDS, progress=False) for m in METHODS}


def test_stored_options_draw_the_stored_maps_again():
    network, reference = steven_net(dtype=torch.float32), (BEATS.mean(0), BEATS.std(0))
    few = AttributionConfig(seed=3, smoothgrad_draws=2, integrated_gradients_steps=3)
    methods = ["smoothgrad", "integrated_gradients", "saliency_sd"]
    given = {"methods": methods, "baseline": "mean", "reference": reference}
    stored = explain(network, RECORDS, RECORDS.target("qt"), "ms", few, **given)
    again = stored_options(stored, reference) | {"record_id": IDS, "progress": False}
    for method in methods:
        np.testing.assert_array_equal(
            stored.maps[method], attribute(network, BEATS, method, **again)
        )
    other = attribute(network, BEATS, "integrated_gradients", **again | {"baseline": None})
    assert not np.allclose(stored.maps["integrated_gradients"], other)


def test_weights_are_shuffled_in_the_last_layer_or_in_all_and_keep_their_values():
    network = steven_net(dtype=torch.float32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    last, every, other = (
        network_truth.shuffled(network, stage, BEATS, record=record).state_dict()
        for stage, record in (("last_layer", "a"), ("all_layers", "a"), ("last_layer", "b"))
    )
    assert torch.equal(last["block8.conv2.weight"], before["block8.conv2.weight"])
    for name, copy in (("fc1.weight", last), ("block1.conv1.weight", every)):
        assert not torch.equal(copy[name], before[name])
        assert torch.equal(copy[name].flatten().sort()[0], before[name].flatten().sort()[0])
    assert all(torch.equal(v, before[n]) for n, v in network.state_dict().items())
    every_layer = network_truth.shuffled(network, "all_layers", BEATS)
    assert np.ptp(predict(every_layer, BEATS)) > 0  # its batch norms let something through
    assert not torch.equal(other["fc1.weight"], last["fc1.weight"])


def test_controls_stay_alike_and_gradients_do_not_when_all_layers_are_shuffled():
    network = steven_net(dtype=torch.float32)
    table = network_truth.randomisation(network, RECORDS, _maps(network), OPTIONS, BEATS)
    mean = table.groupby(["method", "score"]).value.mean()
    for stage in network_truth.STAGES:
        assert mean["voltage", stage] == mean["slope", stage] == 1
        assert mean["random", stage] > 0.999  # the same numbers for every network
    assert mean["saliency", "all_layers"] < 0.5
    assert len(table[table.method == "saliency"]) == 9


def test_maps_times_the_same_beat_are_alike_by_chance_alone():
    """Two unrelated maps times one beat: far above zero as they are, zero beyond chance."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, *BEATS.shape)) * BEATS
    found = network_truth.likeness(one, other)
    assert (found > 0.2).all()
    beyond = network_truth.beyond_chance("inputxgradient", found, one, BEATS, 0)
    assert np.abs(beyond).max() < 0.05
    same = network_truth.beyond_chance("inputxgradient", np.ones(3), one, BEATS, 0)
    np.testing.assert_allclose(same, 1)


def test_a_steady_map_is_stable_and_trainings_are_compared_in_pairs():
    network = steven_net(dtype=torch.float32)
    maps = _maps(network)
    table = network_truth.stability(network, RECORDS, maps, OPTIONS)
    mean = table.groupby("method").value.mean()
    assert mean["random"] > 0.999 and mean["voltage"] > 0.3
    one = network_truth.consistency([maps], IDS)
    assert one.empty
    opposite = {m: -values for m, values in maps.items()}
    found = network_truth.consistency([maps, opposite], IDS)
    assert (found.value > 0.999).all() and set(found.score) == {"consistent"}
    reversed_maps = {m: values[:, ::-1, ::-1] for m, values in maps.items()}
    assert network_truth.consistency([maps, reversed_maps], IDS).value.abs().max() < 0.5
