"""Similarity of maps by hand, and maps of networks whose weights or labels were shuffled."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from small_networks import beats, steven_net

from ecghelpers.judging.randomisation import (
    STAGES,
    cascade,
    randomisation_table,
    smooth_maps,
    train_on_permuted_labels,
)
from ecghelpers.prediction import predict
from ecghelpers.training import TrainingConfig
from ecghelpers.truth import (
    between_methods,
    between_trainings,
    rank_correlation,
    similarity_table,
    ssim,
)

RNG = np.random.default_rng(8)
IDS = [f"r{i}" for i in range(12)]
SMOOTH = np.apply_along_axis(
    lambda line: np.convolve(line, np.hanning(31), "same"), 2, RNG.normal(size=(12, 12, 600))
)


def test_rank_correlation_is_spearmans_of_the_absolute_maps():
    a, b = RNG.normal(size=(2, 4, 3, 50)).round(1)  # with ties
    wanted = [
        spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(rank_correlation(a, b), wanted, rtol=1e-12)
    np.testing.assert_allclose(rank_correlation(a, -3 * a), 1)


def test_ssim_by_its_formula_at_every_sample():
    a, b = np.abs(RNG.normal(size=(2, 1, 2, 40)))
    a, b = a / a.max(), b / b.max()
    places = np.arange(40)
    expected = []
    for at in places:
        around = np.arange(-40, 41)
        weight = np.exp(-0.5 * (around / 10) ** 2)
        weight /= weight.sum()
        for x, y in zip(a[0], b[0], strict=True):
            x, y = (v[np.clip(at + around, 0, 39)] for v in (x, y))
            mx, my = weight @ x, weight @ y
            vx, vy, c = weight @ x**2 - mx**2, weight @ y**2 - my**2, weight @ (x * y) - mx * my
            alike = (2 * mx * my + 1e-4) * (2 * c + 9e-4)
            expected.append(alike / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    assert ssim(a, b)[0] == pytest.approx(np.mean(expected), rel=1e-6)
    assert ssim(a, 5 * a)[0] == pytest.approx(1)


@pytest.mark.parametrize("measure", [rank_correlation, ssim])
def test_maps_that_cannot_be_compared_are_nan(measure):
    maps, others = SMOOTH[:4].copy(), SMOOTH[4:8].copy()
    whole = measure(maps, others)
    maps[0], others[1, 0, 0], maps[2] = 3, np.nan, 0
    found = measure(maps, others)
    np.testing.assert_array_equal(np.isnan(found), [True, True, True, False])
    assert found[3] == whole[3]
    with pytest.raises(ValueError, match="the same for both"):
        measure(maps, others[:2])


def test_trainings_that_agree_stand_out_from_the_floors_and_others_do_not():
    noisy = {"same": SMOOTH + 0.3 * RNG.normal(size=SMOOTH.shape), "none": SMOOTH[::-1]}
    maps = {"same": SMOOTH, "none": SMOOTH}
    table = similarity_table(maps, noisy, IDS).set_index(["method", "score"])
    for score in ("rank correlation", "ssim"):
        assert table.loc[("same", score), "over_shifted_low"] > 0
        assert table.loc[("same", score), "over_other_low"] > 0
        assert not table.loc[("none", score), "over_other_low"] > 0
    mean = between_trainings([maps, noisy, maps], IDS).set_index(["method", "score"])
    first = table.loc[("same", "rank correlation"), "value"]
    assert mean.loc[("same", "rank correlation"), "value"] == pytest.approx((2 * first + 1) / 3)
    assert between_trainings([maps], IDS).empty
    pairs = between_methods({"a": SMOOTH, "b": -SMOOTH, "c": SMOOTH[::-1]}, IDS)
    assert list(pairs["value"] > 0.99) == [True, False, False]
    assert (pairs[["shifted", "other_record"]].abs() < 0.1).all(axis=None)


def test_the_cascade_shuffles_from_the_output_down_and_leaves_the_network_as_it_was():
    network, given = steven_net(dtype=torch.float32), beats(4, dtype=np.float32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    done = []
    for stage, shuffled in cascade(network, given):
        done.append(stage)
        for name, value in shuffled.named_parameters():
            touched = name.split(".")[0] in done
            same = torch.equal(value, before[name])
            assert same != touched or value.numel() == 1, name
            torch.testing.assert_close(value.flatten().sort()[0], before[name].flatten().sort()[0])
        assert not any(module.training for module in shuffled.modules())
    assert tuple(done) == STAGES
    predicted = predict(shuffled, given)
    assert np.isfinite(predicted).all() and np.ptp(predicted) > 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    (_, once), (_, again) = list(cascade(network, given, 3, ["fc1", "block8"]))
    assert not torch.equal(once.block8.conv1.weight, again.block8.conv1.weight)


def test_gradients_depend_on_the_weights_and_random_maps_do_not():
    network, given = steven_net(dtype=torch.float32), beats(2, dtype=np.float32)
    table = randomisation_table(
        network, given, IDS[:2], methods=["saliency", "random"], stages=["fc1", "init_block"]
    )
    value = table.set_index(["method", "stage", "score"])["value"]
    assert value["saliency", "init_block", "rank correlation"] < 0.5
    for stage in ("fc1", "init_block"):
        assert value["random", stage, "rank correlation"] == pytest.approx(1)


def test_two_maps_times_the_same_beat_are_as_alike_as_chance():
    """Random numbers times the beat: alike by more than a half, and knowing nothing."""
    beat = 1000 * SMOOTH
    maps, others = ({"times": RNG.normal(size=SMOOTH.shape) * beat} for _ in range(2))
    table = similarity_table(maps, others, IDS, beats_uv=beat, multiplied=["times"])
    row = table.set_index("score").loc["rank correlation"]
    assert row.value > 0.4 and row.chance == pytest.approx(row.value, abs=0.02)
    plain = similarity_table(maps, others, IDS).set_index("score").loc["rank correlation"]
    assert abs(plain.chance) < 0.02


def test_every_record_has_a_shuffle_of_its_own_and_keeps_it():
    network, given = steven_net(dtype=torch.float32), beats(2, dtype=np.float32)
    options = {"methods": ["deconvolution"], "stages": ["init_block"], "calibration": given}
    both = randomisation_table(network, given, IDS[:2], **options)
    alone = [randomisation_table(network, given[k : k + 1], [IDS[k]], **options) for k in (0, 1)]
    one, two = (table.value[0] for table in alone)
    assert both.value[0] == pytest.approx((one + two) / 2, abs=1e-3) and abs(one - two) > 1e-3


def test_a_smooth_map_without_noise_is_the_map_and_belongs_to_the_record():
    network, given = steven_net(dtype=torch.float32), beats(3, dtype=np.float32)
    whole = smooth_maps(network, given, "saliency", IDS[:3], draws=2)
    alone = smooth_maps(network, given[1:2], "saliency", IDS[1:2], draws=2)
    assert rank_correlation(whole[1:2], alone)[0] > 0.999
    still = smooth_maps(network, given, "saliency", IDS[:3], draws=2, noise=0)
    assert rank_correlation(still, whole).max() < 0.99999


def test_a_network_trained_on_permuted_labels_has_learnt_nothing():
    given = beats(24, dtype=np.int16)
    labels = given[:, 9].max(1).astype(float)
    settings = TrainingConfig("R_PeakAmpl_v5", epochs=1, batch_size=8)
    parts = (given[:16], labels[:16]), (given[16:], labels[16:])
    network = train_on_permuted_labels(settings, *parts, torch.device("cpu"))
    predicted = predict(network, given)
    assert np.isfinite(predicted).all()
    assert np.corrcoef(predicted, labels)[0, 1] ** 2 < 0.5
