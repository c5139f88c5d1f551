"""StevenNet: checkpoints, scaling, and the fused network, which computes the same function."""

import copy
import os

import numpy as np
import pytest
import torch
from captum import attr
from safetensors.torch import save_file
from small_networks import beats, steven_net
from torch import nn

from ecghelpers.network.convolution import FFTConv1d
from ecghelpers.network.model import (
    StevenNet,
    fold_scaling,
    fuse,
    load_model,
    read_metadata,
    save_model,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Captum announces its hooks every time


@pytest.fixture(scope="module")
def network():
    return steven_net(dtype=torch.float32)


@pytest.fixture(scope="module")
def plain(network):
    """The same function with torch's own convolutions, in double precision."""
    reference = StevenNet(convolution=nn.Conv1d)
    reference.load_state_dict(network.state_dict())
    return reference.double().eval()


@pytest.fixture
def checkpoint(network, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, network, {"target": "qt"})
    return path


def relative(found, wanted):
    return float(((found - wanted).norm() / wanted.norm()).detach())


def made_up(count, seed=0):
    """Beats in µV and white noise of their size."""
    generator = torch.Generator().manual_seed(seed)
    noise = 200 * torch.randn(count, 12, 600, generator=generator)
    return {"beats": torch.from_numpy(beats(count, seed)).float(), "noise": noise}


def original_names():
    """The names in a state dict of ecg-heatmapping-review."""
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    names = {"fc1.weight", "fc1.bias"}
    for block in ["init_block", *(f"block{number}" for number in range(1, 9))]:
        names |= {f"{block}.conv{i}.{part}" for i in (1, 2) for part in ("weight", "bias")}
        names |= {f"{block}.bn{i}.{part}" for i in (1, 2) for part in norm}
    return names


def test_names_and_number_of_parameters(network):
    assert set(network.state_dict()) == original_names()
    assert sum(p.numel() for p in network.parameters()) == 1_653_313


@pytest.mark.parametrize("kind", ["beats", "noise"])
@pytest.mark.parametrize("count", [1, 9])
def test_the_fused_network_computes_the_same_function(network, plain, count, kind):
    x = made_up(count, seed=count)[kind]
    fast, exact = fuse(network), fuse(copy.deepcopy(network).double())
    with torch.inference_mode():
        wanted = plain(x.double())
        assert relative(fast(x), wanted) < 1e-6
        assert relative(exact(x.double()), wanted) < 1e-12
    with torch.enable_grad():
        assert relative(fast(x.requires_grad_()).detach(), wanted) < 1e-6


@pytest.mark.parametrize(
    "hook",
    ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"],
)
def test_the_fused_pass_steps_aside_for_hooks(hook):
    form, called = fuse(steven_net()), []
    getattr(form.block3.relu1, hook)(lambda *_: called.append(1))
    form(made_up(2)["beats"][..., 180:300].double().requires_grad_()).sum().backward()
    assert called


def test_the_fused_pass_steps_aside_for_weights_that_take_a_gradient():
    form = fuse(steven_net())
    form.block1.conv1.requires_grad_(True)
    form(made_up(2)["beats"][..., 180:300].double()).sum().backward()
    assert form.block1.conv1.weight.grad.abs().sum() > 0


def convolutions(taps):
    """Our convolution and torch's, with the same weights."""
    ours = FFTConv1d(5, 7, taps).double()
    plain = nn.Conv1d(5, 7, taps, padding="same").double()
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@pytest.mark.parametrize("time", [37, 300, 301])
@pytest.mark.parametrize("taps", [1, 8, 16, 49, 50])
def test_our_convolution_equals_torchs_forward_and_backward(taps, time):
    x, gradient = torch.randn(6, 5, time).double(), torch.randn(6, 7, time).double()
    results = []
    for convolve in convolutions(taps):
        given = x.clone().requires_grad_()
        y = convolve(given)
        y.backward(gradient)
        results.append((y, given.grad, convolve.weight.grad, convolve.bias.grad))
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_a_frozen_convolution_takes_no_gradient_and_follows_changed_weights():
    ours, _ = convolutions(50)
    ours.freeze()
    x = torch.randn(4, 5, 60).double().requires_grad_()
    before = ours(x)
    before.sum().backward()
    assert ours.weight.grad is None and ours.bias.grad is None
    ours.load_state_dict({name: 2 * value for name, value in ours.state_dict().items()})
    torch.testing.assert_close(ours(x), 2 * before)


def test_the_fused_network_is_a_copy_without_weight_gradients(network):
    x = made_up(4)["beats"]
    fast = fuse(network)
    assert fuse(fast) is fast
    assert not any(p.requires_grad for p in fast.parameters())
    with torch.inference_mode():
        before = fast(x)
        changed = steven_net(dtype=torch.float32)
        form = fuse(changed)
        changed.fc1.weight.data *= 2
        assert torch.equal(form(x), before)


CAPTUM = {
    "deeplift": lambda net, x: attr.DeepLift(net).attribute(x, baselines=0),
    "integrated_gradients": lambda net, x: attr.IntegratedGradients(net).attribute(x, n_steps=6),
    "deconvolution": lambda net, x: attr.Deconvolution(net).attribute(x),
    "guided_gradcam": lambda net, x: attr.GuidedGradCam(net, net.block8.conv2).attribute(
        x, interpolate_mode="linear"
    ),
    "guided_backprop": lambda net, x: attr.GuidedBackprop(net).attribute(x),
}


@pytest.mark.parametrize("method", CAPTUM)
def test_captum_draws_the_same_map_as_on_the_plain_network(network, plain, method):
    x = made_up(3)["beats"][..., 180:300].double().requires_grad_()
    fast = fuse(copy.deepcopy(network).double())
    found, wanted = (CAPTUM[method](net, x).detach() for net in (fast, plain))
    assert wanted.abs().max() > 0
    assert relative(found, wanted) < 1e-9


def test_fold_scaling_keeps_the_predictions(network):
    x = made_up(4)["beats"].double()
    trained = copy.deepcopy(network).double()
    folded = fold_scaling(trained, 1e-3, 395.2, 20.5)
    with torch.inference_mode():
        torch.testing.assert_close(folded(x), trained(x * 1e-3) * 20.5 + 395.2, rtol=1e-12, atol=0)


def test_save_and_load(network, checkpoint):
    loaded = load_model(checkpoint)
    assert not loaded.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name
    assert read_metadata(checkpoint) == {"target": "qt"}
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_loads_an_original_state_dict(plain, tmp_path):
    torch.save(plain.float().state_dict(), tmp_path / "original.pt")
    plain.double()
    x = made_up(2)["beats"]
    with torch.inference_mode():
        assert relative(load_model(tmp_path / "original.pt")(x), plain(x.double())) < 1e-6


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickled_payload_is_refused_and_not_run(tmp_path, name):
    torch.save({"fc1.bias": Payload(tmp_path / "harm")}, tmp_path / name)
    with pytest.raises(ValueError, match="cannot read a model from"):
        load_model(tmp_path / name)
    assert not (tmp_path / "harm").exists()


def test_bad_files_are_refused_in_one_line(network, tmp_path):
    weights = network.state_dict()
    bad = {
        "missing.safetensors": (None, "No such file"),
        "text.safetensors": ("not a model", "cannot read"),
        "empty.pt": ("", "cannot read"),
        "other.pt": ({"epoch": 3}, "something else than tensors"),
        "network.pt": (network, "something else than tensors"),
        "linear.pt": (nn.Linear(3, 4).state_dict(), "init_block.conv1.weight"),
        "shape.pt": (weights | {"fc1.weight": torch.zeros(2, 32)}, r"fc1.weight.*\[2, 32\]"),
        "double.safetensors": (
            weights | {"fc1.weight": weights["fc1.weight"].double()},
            "fc1.weight is .*float32",
        ),
    }
    for value, said in ((np.nan, "NaN"), (np.inf, "infinity"), (-0.01, "below zero")):
        name = "block3.bn2.running_var"
        spoilt = weights | {name: torch.where(torch.arange(32) == 5, value, weights[name])}
        for suffix in ("safetensors", "pt"):
            bad[f"{value}.{suffix}"] = spoilt, f"{name} .*{said}"
    for name, (content, said) in bad.items():
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
        elif content is not None:
            (save_file if path.suffix == ".safetensors" else torch.save)(content, path)
        with pytest.raises(ValueError, match=said) as caught:
            load_model(path)
        message = str(caught.value)
        assert str(path) in message and "allowed:" in message and "\n" not in message


@pytest.mark.parametrize("shape", [(4, 600, 12), (12, 600), (4, 8, 600)])
def test_wrong_leads_are_refused(network, shape):
    for net in (network, fuse(network)):
        with pytest.raises(ValueError, match=r"allowed: \(record, 12, time\)"):
            net(torch.zeros(shape))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives(network, plain):
    x = made_up(6)["beats"]
    fast = fuse(copy.deepcopy(network).cuda())
    with torch.inference_mode():
        assert relative(fast(x.cuda()).cpu(), plain(x.double())) < 1e-4
