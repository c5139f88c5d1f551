"""StevenNet: checkpoints, scaling, the fused network (the same function), and predictions."""

import copy
import os

import numpy as np
import pytest
import torch
from refusals import refused
from safetensors.torch import save_file
from small_networks import Linear, beats, steven_net
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
from ecghelpers.network.prediction import predict


@pytest.fixture(scope="module")
def network():
    return steven_net(dtype=torch.float32)


@pytest.fixture(scope="module")
def plain(network):
    """The same function with torch's own convolutions, in double precision."""
    reference = StevenNet(convolution=nn.Conv1d)
    reference.load_state_dict(network.state_dict())
    return reference.double().eval()


def relative(found, wanted):
    return float(((found - wanted).norm() / wanted.norm()).detach())


def made_up(count, seed=0):
    """Beats in µV and white noise of their size."""
    generator = torch.Generator().manual_seed(seed)
    noise = 200 * torch.randn(count, 12, 600, generator=generator)
    return {"beats": torch.from_numpy(beats(count, seed)).float(), "noise": noise}


def test_names_and_number_of_parameters_are_those_of_the_original(network):
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    names = {"fc1.weight", "fc1.bias"}
    for block in ["init_block", *(f"block{number}" for number in range(1, 9))]:
        names |= {f"{block}.conv{i}.{part}" for i in (1, 2) for part in ("weight", "bias")}
        names |= {f"{block}.bn{i}.{part}" for i in (1, 2) for part in norm}
    assert set(network.state_dict()) == names
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


@pytest.mark.parametrize("hook", ["forward", "forward_pre", "full_backward"])
def test_the_fused_pass_steps_aside_for_hooks_and_weights_that_take_a_gradient(hook):
    form, called = fuse(steven_net()), []
    x = made_up(2)["beats"][..., 180:300].double().requires_grad_()
    handle = getattr(form.block3.relu1, f"register_{hook}_hook")(lambda *_: called.append(1))
    form(x).sum().backward()
    assert called
    handle.remove()
    form.block1.conv1.requires_grad_(True)
    form(x).sum().backward()
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


def test_fold_scaling_keeps_the_predictions(network):
    x = made_up(4)["beats"].double()
    trained = copy.deepcopy(network).double()
    folded = fold_scaling(trained, 1e-3, 395.2, 20.5)
    with torch.inference_mode():
        torch.testing.assert_close(folded(x), trained(x * 1e-3) * 20.5 + 395.2, rtol=1e-12, atol=0)


def test_a_saved_network_and_an_original_state_dict_load(network, plain, tmp_path):
    path = tmp_path / "new" / "model.safetensors"
    save_model(path, network, {"target": "qt"})
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert read_metadata(path) == {"target": "qt"}
    torch.save(copy.deepcopy(plain).float().state_dict(), tmp_path / "original.pt")
    for loaded in map(load_model, (path, tmp_path / "original.pt")):
        assert not loaded.training
        for name, value in network.state_dict().items():
            assert torch.equal(value, loaded.state_dict()[name]), name


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickled_payload_is_refused_and_not_run(tmp_path, name):
    torch.save({"fc1.bias": Payload(tmp_path / "harm")}, tmp_path / name)
    with refused("cannot read a model from"):
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
        "shape.pt": (weights | {"fc1.weight": torch.zeros(2, 32)}, "fc1.weight…[2, 32]"),
        "double.safetensors": (
            weights | {"fc1.weight": weights["fc1.weight"].double()},
            "fc1.weight is …float32",
        ),
    }
    for value, said in ((np.nan, "NaN"), (np.inf, "infinity"), (-0.01, "below zero")):
        name = "block3.bn2.running_var"
        spoilt = weights | {name: torch.where(torch.arange(32) == 5, value, weights[name])}
        for suffix in ("safetensors", "pt"):
            bad[f"{value}.{suffix}"] = spoilt, f"{name} …{said}"
    for name, (content, said) in bad.items():
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
        elif content is not None:
            (save_file if path.suffix == ".safetensors" else torch.save)(content, path)
        with refused(path, "allowed:", said):
            load_model(path)


@pytest.mark.parametrize("shape", [(4, 600, 12), (12, 600), (4, 8, 600)])
def test_wrong_leads_are_refused(network, shape):
    for net in (network, fuse(network)):
        with refused("allowed: (record, 12, time)"):
            net(torch.zeros(shape))


WEIGHTS = np.random.default_rng(0).normal(size=(12, 40))
BEATS = np.random.default_rng(1).normal(size=(37, 12, 40))


class Small(Linear):
    """Runs out of memory beyond `room` beats, as a GPU does."""

    def __init__(self, room: int):
        super().__init__(WEIGHTS)
        self.room, self.seen = room, 0

    def forward(self, x):
        if len(x) > self.room:
            raise torch.cuda.OutOfMemoryError("no room")
        self.seen += len(x)
        return super().forward(x)


def test_out_of_memory_halves_the_batch_and_continues_while_there_is_room_for_one_beat():
    model = Small(room=10)
    with pytest.warns(UserWarning, match="continuing with batches of 8"):
        found = predict(model, BEATS, batch_size=16)
    np.testing.assert_allclose(found, (BEATS * WEIGHTS).sum((1, 2)))
    assert model.seen == len(BEATS)
    with pytest.raises(torch.cuda.OutOfMemoryError), pytest.warns(UserWarning):
        predict(Small(room=0), BEATS, batch_size=2)


NOT_FINITE = np.where(np.arange(37)[:, None, None] == 20, np.nan, BEATS)


@pytest.mark.parametrize(
    "beats, size, words",
    [
        (BEATS, 0, ["batch_size is 0"]),
        (BEATS, 2.5, ["batch_size is 2.5"]),
        (NOT_FINITE, 16, ["NaN or infinity in record 20 "]),  # of the second batch
        *(
            (BEATS.astype(kind), 16, ["beats_uv", "real numbers"])
            for kind in (object, bool, complex)
        ),
    ],
)
def test_bad_beats_and_batch_sizes_are_refused_in_one_line(beats, size, words):
    with refused(*words):
        predict(Linear(WEIGHTS), beats, batch_size=size)


@pytest.mark.gpu
def test_cuda_gives_what_the_cpu_gives(network, plain):
    x = made_up(6)["beats"]
    fast = fuse(copy.deepcopy(network).cuda())
    with torch.inference_mode():
        assert relative(fast(x.cuda()).cpu(), plain(x.double())) < 1e-4
