"""StevenNet: checkpoints, scaling, and the fused network, which computes the same function."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from captum import attr
from safetensors.torch import save_file
from small_networks import beats, steven_net
from torch import nn

from ecghelpers.network import model as model_module
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
@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_fused_network_agrees_with_double_precision(network, plain, count, kind):
    x = made_up(count, seed=count)[kind]
    fast = fuse(network)
    with torch.inference_mode():
        wanted = plain(x.double())
        assert relative(fast(x), wanted) < 1e-6
    with torch.enable_grad():
        assert relative(fast(x.requires_grad_()).detach(), wanted) < 1e-6


def test_the_fused_network_in_double_precision(network, plain):
    x = made_up(5)["beats"].double()
    with torch.inference_mode():
        assert relative(fuse(copy.deepcopy(network).double())(x), plain(x)) < 1e-12


def test_a_hook_sees_what_it_would_see_in_the_model(network, plain):
    fast, seen = fuse(network), []
    x = made_up(4)["beats"]
    for net in (fast, plain := copy.deepcopy(plain)):
        net.block8.conv2.register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.inference_mode():
        fast(x)
        plain(x.double())
    assert seen[0].shape == (4, 32, 300)
    assert relative(*seen) < 1e-6


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


def test_large_batches_pass_in_parts(network, monkeypatch):
    x = made_up(20)["beats"]
    fast = fuse(network)
    with torch.inference_mode():
        whole = fast(x)
        monkeypatch.setitem(model_module.RECORDS_PER_PASS, "cpu", 8)
        torch.testing.assert_close(fast(x), whole, rtol=1e-6, atol=0)


CAPTUM = {
    "saliency": lambda net, x: attr.Saliency(net).attribute(x, abs=False),
    "deeplift": lambda net, x: attr.DeepLift(net).attribute(x, baselines=0),
    "smoothgrad": lambda net, x: attr.NoiseTunnel(attr.Saliency(net)).attribute(
        x, nt_samples=3, stdevs=10.0, abs=False
    ),
    "inputxgradient": lambda net, x: attr.InputXGradient(net).attribute(x),
    "integrated_gradients": lambda net, x: attr.IntegratedGradients(net).attribute(x, n_steps=6),
    "deconvolution": lambda net, x: attr.Deconvolution(net).attribute(x),
    "guided_gradcam": lambda net, x: attr.GuidedGradCam(net, net.block8.conv2).attribute(
        x, interpolate_mode="linear"
    ),
    "guided_backprop": lambda net, x: attr.GuidedBackprop(net).attribute(x),
    "gradientshap": lambda net, x: attr.GradientShap(net).attribute(
        x, baselines=torch.zeros_like(x[:1]), n_samples=3
    ),
}


@pytest.mark.parametrize("method", CAPTUM)
def test_captum_draws_the_same_map_as_on_the_plain_network(network, plain, method, monkeypatch):
    monkeypatch.setattr(torch, "normal", lambda mean, std: mean + std * torch.randn(std.shape))
    x = made_up(3)["beats"][..., 180:300]
    maps = []
    for net in (fuse(copy.deepcopy(network).double()), plain):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 (GradientShap draws from it)
        given = x.to(net.fc1.weight.dtype, copy=True).requires_grad_()
        maps.append(CAPTUM[method](net, given).detach())
    assert maps[1].abs().max() > 0
    assert relative(*maps) < 1e-9


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


def test_a_failed_save_leaves_the_old_file_whole(network, checkpoint):
    with pytest.raises(Exception, match="(?i)metadata|str|argument"):
        save_model(checkpoint, network, {"target": 3})
    assert read_metadata(checkpoint) == {"target": "qt"}
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


def bad_files(folder, network):
    """Files that are no StevenNet, each with what the message must say."""
    weights = network.state_dict()
    save_model(folder / "whole.safetensors", network)
    torch.save(weights, folder / "whole.pt")
    for name in ("whole.safetensors", "whole.pt"):
        half = (folder / name).read_bytes()[:200_000]
        (folder / name.replace("whole", "truncated")).write_bytes(half)
    torch.save(network, folder / "pickled.pt")
    torch.save({"epoch": 3}, folder / "other.pt")
    torch.save({**weights, "fc1.weight": torch.zeros(2, 32)}, folder / "shape.pt")
    for name in ("sparse", "meta"):
        fc1 = weights["fc1.weight"]
        other = fc1.to_sparse() if name == "sparse" else fc1.to("meta")
        torch.save({**weights, "fc1.weight": other}, folder / f"{name}.pt")
    torch.save(nn.Linear(3, 4).state_dict(), folder / "linear.pt")
    (folder / "text.safetensors").write_text("not a model")
    (folder / "empty.pt").touch()
    return {
        "truncated.safetensors": "cannot read",
        "truncated.pt": "cannot read",
        "missing.safetensors": "No such file",
        "missing.pt": "No such file",
        "pickled.pt": "something else than tensors",
        "other.pt": "something else than tensors",
        "sparse.pt": "something else than tensors",
        "meta.pt": "something else than tensors",
        "shape.pt": r"fc1.weight.*\[2, 32\].*\[1, 32\]",
        "linear.pt": "another architecture: Missing.*init_block.conv1.weight",
        "text.safetensors": "cannot read",
        "empty.pt": "cannot read",
    }


def test_bad_files_are_refused_in_one_line(network, tmp_path):
    for name, said in bad_files(tmp_path, network).items():
        with pytest.raises(ValueError, match=said) as caught:
            load_model(tmp_path / name)
        message = str(caught.value)
        assert str(tmp_path / name) in message and "allowed:" in message and "\n" not in message


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64, torch.int8])
def test_another_precision_is_refused(network, tmp_path, kind):
    path = tmp_path / "model.safetensors"
    other = copy.deepcopy(network)
    other.fc1.weight = nn.Parameter(other.fc1.weight.to(kind), requires_grad=False)
    save_file(other.state_dict(), path)
    with pytest.raises(ValueError, match="fc1.weight is .*; allowed: float32") as caught:
        load_model(path)
    said = str(caught.value)
    assert str(path) in said and str(kind).removeprefix("torch.") in said and "\n" not in said


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "holds NaN"), (np.inf, "or infinity"), (-0.01, "is below zero")]
)
def test_impossible_weights_are_refused(network, tmp_path, value, said, suffix):
    path = tmp_path / f"model.{suffix}"
    other = copy.deepcopy(network)
    other.block3.bn2.running_var[5] = value
    if suffix == "pt":
        torch.save(other.state_dict(), path)
    else:
        save_model(path, other)
    with pytest.raises(ValueError, match=f"block3.bn2.running_var .*{said}") as caught:
        load_model(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(4, 600, 12), (12, 600), (4, 8, 600)])
def test_wrong_leads_are_refused(network, shape):
    for net in (network, fuse(network)):
        with pytest.raises(ValueError, match=r"allowed: \(record, 12, time\)"):
            net(torch.zeros(shape))


def test_importing_the_package_is_quick():
    code = "import sys, time; t = time.perf_counter(); import ecghelpers; "
    code += "print(time.perf_counter() - t, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, torch_too = done.stdout.split()
    assert float(seconds) < 0.2 and torch_too == "False"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives(network, plain):
    x = made_up(6)["beats"]
    fast = fuse(copy.deepcopy(network).cuda())
    with torch.inference_mode():
        assert relative(fast(x.cuda()).cpu(), plain(x.double())) < 1e-4
