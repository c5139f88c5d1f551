"""Attribution: identities that hold for any network, and what a record's map may depend on."""

import numpy as np
import pytest
import torch
from captum import attr
from refusals import refused
from small_networks import Linear, beats, steven_net
from torch import nn

from ecghelpers.attribution import METHODS, attribute, kind, unit
from ecghelpers.attribution.methods import AttributionConfig, AttributionContext
from ecghelpers.ecg import INDEPENDENT_LEADS, LEADS, twelve_leads
from ecghelpers.evaluation.metrics import segment_sums
from ecghelpers.network.model import StevenNet
from ecghelpers.network.prediction import predict
from ecghelpers.perturbation.intervention import segment_windows
from ecghelpers.runtime import generator

DRAWS = {"smoothgrad_draws": 4, "gradientshap_draws": 4, "integrated_gradients_steps": 6}
BEATS = beats(8)[..., 180:300].copy()  # the network takes any length; short beats take less time
SHAPE = BEATS.shape[1:]
FEW = DRAWS | {"voltage_sd": BEATS.std(0)}


@pytest.fixture(scope="module")
def network():
    return steven_net()


def maps_of(network, method, beats_uv=BEATS[:2], **options):
    return attribute(network, beats_uv, method, progress=False, **(FEW | options))


def assert_same(found, wanted, tolerance=1e-9):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


CAPTUM = {
    "saliency": lambda net, x: attr.Saliency(net).attribute(x, abs=False),
    "deeplift": lambda net, x: attr.DeepLift(net).attribute(x, baselines=0),
    "integrated_gradients": lambda net, x: attr.IntegratedGradients(net).attribute(x, n_steps=6),
    "deconvolution": lambda net, x: attr.Deconvolution(net).attribute(x),
    "guided_backprop": lambda net, x: attr.GuidedBackprop(net).attribute(x),
    "guided_gradcam": lambda net, x: attr.GuidedGradCam(net, net.block8.conv2).attribute(
        x, interpolate_mode="linear"
    ),
}


@pytest.mark.parametrize("method", CAPTUM)
def test_our_map_is_captums_on_a_plain_network(network, method):
    """Ours comes through the fused network, Captum's through torch's own convolutions."""
    plain = StevenNet(convolution=nn.Conv1d).double().eval()
    plain.load_state_dict(network.state_dict())
    wanted = CAPTUM[method](plain, torch.from_numpy(BEATS[:2]).requires_grad_())
    assert_same(maps_of(network, method), wanted.detach().numpy())


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_model_is_explained_exactly(method):
    if method in ("random", "guided_gradcam", "deconvolution", "guided_backprop"):
        pytest.skip("says nothing about a linear model, or needs a layer that it lacks")
    rng = np.random.default_rng(1)
    weight, baseline, sd = rng.normal(size=(3, *SHAPE))
    for against in (None, baseline):
        options = {"attribution_noise": 0.0, "baseline": against, "voltage_sd": sd}
        found = maps_of(Linear(weight), method, **options)
        away = BEATS[:2] - (0 if against is None else against)
        factor = sd if METHODS[method].per_sd else away if kind(method) == "contribution" else 1
        wanted = np.broadcast_to(weight, found.shape) * factor
        if method == "occlusion":  # the same for all samples of a segment
            windows = segment_windows(SHAPE[1])
            found, wanted = segment_sums(found), np.einsum("rlt,st->rls", wanted, windows)
        assert_same(found, wanted)


@pytest.mark.parametrize("baseline", [np.zeros(SHAPE), BEATS.mean(0)], ids=["flat", "mean"])
@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
def test_completeness(network, method, baseline):
    options = {"integrated_gradients_steps": 200, "baseline": baseline}
    found = maps_of(network, method, BEATS[:3], **options)
    at_zero = float(predict(network, baseline[None])[0])
    prediction = predict(network, BEATS[:3])
    rise = np.abs(prediction - at_zero)
    assert rise.min() > 0.05
    assert (np.abs(found.sum((1, 2)) - (prediction - at_zero)) < 0.01 * rise).all()


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
def test_multiply_by_inputs_multiplies_by_the_input(network, method):
    bare = maps_of(network, method, multiply_by_inputs=False)
    assert_same(maps_of(network, method), bare * BEATS[:2], 1e-6)


def test_smoothgrad_without_noise_is_saliency(network):
    found = maps_of(network, "smoothgrad", attribution_noise=0.0)
    assert_same(found, maps_of(network, "saliency"))
    noisy = maps_of(network, "smoothgrad")
    assert np.abs(noisy - found).max() > 1e-3 * np.abs(found).max()
    assert (noisy < 0).any(), "the sign is kept"


@pytest.mark.parametrize("method", ["smoothgrad", "gradientshap"])
def test_our_draws_give_what_captum_gives_with_them(network, method, monkeypatch):
    """Captum's own noise tunnel, handed the same random numbers, gives the same map."""
    run = AttributionContext(network, ["a"], AttributionConfig(seed=3, **DRAWS), 64)
    x = torch.from_numpy(BEATS[:1])
    noise = run.noise(method, 4, x)[0]
    along = generator(3, "gradientshap path", "a").random(4)
    monkeypatch.setattr(torch, "normal", lambda mean, std: noise)
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: along)
    if method == "smoothgrad":
        tunnel = attr.NoiseTunnel(attr.Saliency(network))
        wanted = tunnel.attribute(x, nt_samples=4, stdevs=1.0, abs=False)
    else:
        shap = attr.GradientShap(network)
        wanted = shap.attribute(x, baselines=torch.zeros_like(x), n_samples=4, stdevs=1.0)
    found = maps_of(network, method, BEATS[:1], seed=3, record_id=["a"])
    assert_same(found, wanted.detach().numpy())


@pytest.mark.parametrize("method", METHODS)
def test_a_map_does_not_depend_on_its_batch(network, method):
    together = maps_of(network, method, BEATS[:3])
    assert_same(maps_of(network, method, BEATS[2:3]), together[2:])
    assert_same(maps_of(network, method, BEATS[:3], batch_size=2), together)


@pytest.mark.parametrize("method", ["random", "smoothgrad", "gradientshap"])
def test_draws_follow_seed_and_record_id(network, method):
    found = maps_of(network, method, seed=1, record_id=["a", "b"])
    turned = maps_of(network, method, BEATS[[1, 0]], seed=1, record_id=["b", "a"])
    np.testing.assert_array_equal(turned[[1, 0]], found)
    for other in ({"seed": 2, "record_id": ["a", "b"]}, {"seed": 1, "record_id": ["x", "y"]}):
        assert np.abs(maps_of(network, method, **other) - found).max() > 0


def test_the_noise_scale_follows_each_beat():
    """The spread of the noisy copies is 2 % of that beat's own range, for every beat."""
    run = AttributionContext(None, ["a", "b"], AttributionConfig(), 64)
    x = torch.from_numpy(np.stack([BEATS[0], 10 * BEATS[0]]))
    spread = run.noise("smoothgrad", 20, x).std((1, 2, 3)) / np.ptp(BEATS[0])
    np.testing.assert_allclose(spread, [0.02, 0.2], rtol=0.02)


def test_random_is_a_standard_normal_field(network):
    found = maps_of(network, "random", BEATS[:4])
    assert abs(found.mean()) < 0.02 and abs(found.std() - 1) < 0.02
    assert np.abs(np.corrcoef(found.reshape(4, -1)) - np.eye(4)).max() < 0.1


def test_arrays_give_arrays_and_tensors_tensors(network):
    single = BEATS[:1].astype(np.float32)
    assert maps_of(network, "saliency", single).dtype == np.float32
    assert maps_of(network, "saliency", BEATS[:1].astype(np.int16)).dtype == np.float32
    found = maps_of(network, "saliency", torch.from_numpy(BEATS[:1]))
    assert isinstance(found, torch.Tensor) and found.dtype == torch.float64
    assert found.device.type == "cpu" and not found.requires_grad


def test_the_model_and_the_beats_are_left_as_they_were(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = BEATS[:1].copy()
    for method in METHODS:
        maps_of(network, method, x)
    assert all((value == before[name]).all() for name, value in network.state_dict().items())
    assert (x == BEATS[:1]).all()
    assert not any(module._forward_hooks or module._backward_hooks for module in network.modules())


def test_the_ten_names_and_units():
    names = "saliency deeplift smoothgrad inputxgradient integrated_gradients deconvolution"
    names += " guided_gradcam guided_backprop gradientshap random"
    assert set(names.split()) <= set(METHODS)  # and whoever adds one has it beside these
    assert unit("saliency", "ms") == "ms/µV"
    assert unit("integrated_gradients", "ms") == "ms"
    assert unit("integrated_gradients", "ms", multiply_by_inputs=False) == "ms/µV"
    assert unit("random", "ms") == ""
    assert unit("guided_gradcam", "beats/min") == "(beats/min)²/µV"  # gradient times a map


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "gradcam"}, "choose one of saliency"),
        ({"beats_uv": np.full((1, 12, 600), np.nan)}, "NaN or infinity in record 0"),
        ({"beats_uv": np.zeros((12, 600))}, "(record, lead, time)"),
        ({"record_id": ["a", "b", "c"]}, "3 record ids for 2 records"),
        ({"attribution_noise": np.nan}, "attribution_noise is nan"),
        ({"smoothgrad_draws": np.inf}, "smoothgrad_draws is inf"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"leads": "eight"}, "choose one of twelve"),
        ({"stdev": 1}, "unknown attribution parameter 'stdev'"),
        ({"beats_uv": np.zeros((1, 8, 600))}, "12"),
        ({"baseline": np.zeros((8, 600))}, "baseline has shape (8, 600)"),
    ],
)
def test_wrong_input_is_named(network, wrong, message):
    given = {"beats_uv": BEATS[:2], "method": "saliency"} | wrong
    with refused(message):
        attribute(network, given.pop("beats_uv"), given.pop("method"), progress=False, **given)


@pytest.mark.gpu
@pytest.mark.parametrize("method", METHODS)
def test_the_gpu_gives_the_map_of_the_cpu(method):
    wanted = maps_of(steven_net(), method)
    found = maps_of(steven_net(dtype=torch.float32).cuda(), method, BEATS[:2].astype(np.float32))
    assert_same(found, wanted, 1e-4)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("random", "occlusion")])
def test_folding_onto_eight_leads_keeps_what_a_map_says_of_a_change(method):
    network, x = steven_net(), twelve_leads(BEATS[:2, [0, 1, 6, 7, 8, 9, 10, 11]])
    options = {"multiply_by_inputs": False, "record_id": ["a", "b"], "progress": False}
    options |= {"smoothgrad_draws": 3, "gradientshap_draws": 3, "integrated_gradients_steps": 4}
    gradient = METHODS[method].gradient or method
    twelve = attribute(network, x, gradient, **options)
    eight = attribute(network, x, gradient, leads="independent", **options)
    assert eight.shape == (2, 8, x.shape[-1])
    change = twelve_leads(np.random.default_rng(1).normal(size=(8, x.shape[-1])))
    rows = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    np.testing.assert_allclose(
        (twelve * change).sum((1, 2)), (eight * change[rows]).sum((1, 2)), rtol=1e-8
    )
    if method in ("deeplift", "inputxgradient", "integrated_gradients"):
        options["multiply_by_inputs"] = True
        total = attribute(network, x, method, **options).sum((1, 2))
        folded = attribute(network, x, method, leads="independent", **options).sum((1, 2))
        np.testing.assert_allclose(folded, total, rtol=1e-7)
