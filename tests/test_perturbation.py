"""The perturbation procedure: closed forms, ties, noise, and what a curve may depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from refusals import refused
from scipy.ndimage import uniform_filter1d
from small_networks import Linear, beats, steven_net

from ecghelpers.perturbation import (
    OPERATORS,
    interpolated,
    noise_field,
    perturbation_curve,
    relevance_order,
)
from ecghelpers.runtime import generator

RNG = np.random.default_rng(5)
BEATS = beats(6, seed=3)[..., 180:300].copy()
TIME = BEATS.shape[-1]
WEIGHTS = RNG.normal(size=(12, TIME))
POINTS = WEIGHTS.size


def literal_curve(model, beat, attribution, noise, steps):
    """The original's procedure: one record, one step and one prediction at a time."""
    order = np.argsort(-np.abs(attribution).ravel(), kind="stable")
    x = beat.copy()
    predictions = [model(torch.from_numpy(x[None])).item()]
    for point in order[:steps]:
        x.ravel()[point] += noise.ravel()[point]
        predictions.append(model(torch.from_numpy(x[None])).item())
    return predictions


def test_equals_the_literal_procedure():
    network = steven_net()
    relevance = RNG.normal(size=BEATS.shape)
    ids = [str(i) for i in range(len(BEATS))]
    curve = perturbation_curve(network, BEATS, relevance, steps=7, seed=2, record_id=ids)
    noise = noise_field(torch.from_numpy(BEATS), 0.2, 2, ids).numpy()
    for record in (0, 5):
        with torch.no_grad():
            wanted = literal_curve(network, BEATS[record], relevance[record], noise[record], 7)
        np.testing.assert_allclose(curve[record], wanted, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3),
    st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5]), min_size=4, max_size=40),
)
def test_no_point_is_dropped_and_ties_do_not_break_the_order(seed, values):
    relevance = np.array(values).reshape(1, 1, -1)
    order = relevance_order(relevance, seed=seed, record_id=["r"])[0].numpy()
    assert sorted(order) == list(range(len(values)))
    assert (np.diff(np.abs(relevance.ravel()[order])) <= 0).all()
    least_first = relevance_order(relevance, "lerf", seed=seed, record_id=["r"])[0].numpy()
    assert (np.diff(np.abs(relevance.ravel()[least_first])) >= 0).all()


def test_zeros_are_ordered_without_favour_and_repeatably():
    nothing = np.zeros((200, 12, TIME))
    ids = [str(i) for i in range(200)]
    order = relevance_order(nothing, record_id=ids)
    leads = np.bincount(order[:, :50].numpy().ravel() // TIME, minlength=12)
    assert leads.min() > 0.7 * leads.mean() and leads.max() < 1.3 * leads.mean()
    again = relevance_order(nothing[::-1].copy(), record_id=ids[::-1])
    np.testing.assert_array_equal(again.numpy()[::-1], order)


def test_methods_that_pick_the_same_point_put_the_same_noise_there():
    one, other = np.zeros((1, 12, TIME)), np.zeros((1, 12, TIME))
    one[0, 4, 20], one[0, 5, 110] = 3, 2
    other[0, 5, 110], other[0, 4, 20] = 9, 8
    options = {"steps": 2, "record_id": ["r"], "seed": 4}
    first = perturbation_curve(Linear(WEIGHTS), BEATS[:1], one, **options)[0]
    second = perturbation_curve(Linear(WEIGHTS), BEATS[:1], other, **options)[0]
    np.testing.assert_allclose(first[2], second[2])
    np.testing.assert_allclose(first[1] - first[0], second[2] - second[1])
    assert abs(first[1] - second[1]) > 1e-6


def test_noise_has_the_stated_size_and_belongs_to_the_record():
    ids = list("abcdef")
    field = noise_field(torch.from_numpy(BEATS), 0.2, 1, ids)
    span = np.ptp(BEATS.reshape(6, -1), axis=1)
    np.testing.assert_allclose(field.std((1, 2)).numpy() / span, 0.2, rtol=0.1)
    assert np.abs(np.corrcoef(field.flatten(1)) - np.eye(6)).max() < 0.15
    alone = noise_field(torch.from_numpy(BEATS[2:3]), 0.2, 1, ["c"])
    np.testing.assert_array_equal(alone[0], field[2])
    assert (noise_field(torch.from_numpy(BEATS), 0.2, 2, ids) != field).all((1, 2)).all()


@pytest.mark.parametrize("record_id", [None, list("abcdef")])
def test_a_curve_is_the_same_alone_and_in_any_batch(record_id):
    network, relevance = steven_net(), RNG.normal(size=BEATS.shape)
    relevance[:, 6:] = 0  # ties
    options = {"steps": 5, "seed": 7}
    together = perturbation_curve(network, BEATS, relevance, record_id=record_id, **options)
    for batch in (1, 4):
        found = perturbation_curve(
            network, BEATS, relevance, record_id=record_id, batch_size=batch, **options
        )
        np.testing.assert_allclose(found, together, rtol=1e-9)
    ids = record_id and record_id[4:3:-1]
    alone = perturbation_curve(network, BEATS[4:5], relevance[4:5], record_id=ids, **options)
    np.testing.assert_allclose(alone[0], together[4], rtol=1e-9)


DONORS = beats(3, seed=8)[..., 180:300].copy()


def replaced_by(operator, x):
    """What two records' beats become when every point is perturbed, by NumPy alone."""
    noise = noise_field(torch.from_numpy(x), 0.2, 0, ["a", "b"]).numpy()
    donor = [int(generator(0, "donor", i).integers(len(DONORS))) for i in "ab"]
    return {
        "add_noise": x + noise,
        "zero": np.zeros_like(x),
        "blur": uniform_filter1d(x, 51, mode="nearest"),
        "other_record": DONORS[donor],
        "interpolate": np.zeros_like(x),
    }[operator]


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_perturbs_each_point_once(operator):
    x, relevance = BEATS[:2], RNG.normal(size=(2, 12, TIME))
    options = {"operator": operator, "record_id": ["a", "b"], "donors": DONORS}
    curve = perturbation_curve(Linear(WEIGHTS), x, relevance, steps=[0, 3, POINTS], **options)
    replaced = replaced_by(operator, x)
    np.testing.assert_allclose(curve[:, -1], (WEIGHTS * replaced).sum((1, 2)), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(curve[:, 0], (WEIGHTS * x).sum((1, 2)), rtol=1e-9)
    if operator != "interpolate":
        first = relevance_order(relevance, record_id=["a", "b"])[:, :3].numpy()
        change = (WEIGHTS * (replaced - x)).reshape(2, -1)
        moved = np.take_along_axis(change, first, 1).sum(1)
        np.testing.assert_allclose(curve[:, 1] - curve[:, 0], moved, rtol=1e-6, atol=1e-6)


def test_straight_lines_are_those_of_numpy():
    x, gone = BEATS[:3], RNG.random((3, 12, TIME)) < 0.8
    gone[0, 0], gone[1, 1, :40], gone[1, 2, 70:], gone[2, 3] = True, True, True, False
    found = interpolated(torch.from_numpy(x), torch.from_numpy(gone)).numpy()
    time = np.arange(TIME)
    for record, lead in np.ndindex(3, 12):
        left = ~gone[record, lead]
        line = np.interp(time, time[left], x[record, lead, left]) if left.any() else 0 * time
        np.testing.assert_allclose(found[record, lead], line, atol=1e-9)


def test_another_record_is_never_the_record_itself():
    everything = np.ones(BEATS.shape)
    points = [BEATS[0].size]
    options = {"steps": points, "operator": "other_record"}
    own = perturbation_curve(Linear(WEIGHTS), BEATS, everything, steps=0)
    other = perturbation_curve(Linear(WEIGHTS), BEATS, everything, **options)
    assert (np.abs(other - own) > 1e-6).all()
    with refused("give donors"):
        perturbation_curve(Linear(WEIGHTS), BEATS[:1], everything[:1], **options)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attribution": np.zeros((6, 12, 119))}, "attribution has shape (6, 12, 119)"),
        ({"attribution": np.full(BEATS.shape, np.nan)}, "attribution holds NaN"),
        ({"steps": 1441}, "from 0 to 1440"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"noise_fraction": np.nan}, "noise_fraction is nan"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"order": "best"}, "choose one of morf, lerf"),
        ({"operator": "spoil"}, "choose one of add_noise"),
        ({"steps": [0, 1441]}, "from 0 to 1440"),
        ({"operator": "other_record", "donors": BEATS[:, :6]}, "donors have shape (6, 6, 120)"),
        ({"record_id": ["a"]}, "1 record ids for 6 records"),
    ],
)
def test_wrong_input_is_named(wrong, message):
    options = {"beats_uv": BEATS, "attribution": BEATS, "steps": 3} | wrong
    with refused(message):
        perturbation_curve(Linear(WEIGHTS), **options)


@pytest.mark.gpu
def test_the_gpu_gives_the_curve_of_the_cpu():
    relevance = RNG.normal(size=BEATS.shape)
    wanted = perturbation_curve(steven_net(), BEATS, relevance, steps=20)
    network = steven_net(dtype=torch.float32).cuda()
    found = perturbation_curve(network, BEATS.astype(np.float32), relevance, steps=20)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
