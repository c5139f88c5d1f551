"""Fused training: the same numbers as module by module, and only when nobody looks."""

import pytest
import torch
from small_networks import steven_net

from ecghelpers.model import StevenNet
from ecghelpers.speed.fused_training import can_train_fused, train_blocks


def training_blocks(dtype=torch.float64):
    """Residual blocks that have seen other batches before."""
    return steven_net(dtype=dtype).train().blocks[:3]


def traces(count=5, time=60, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 32, time, generator=generator).to(dtype).requires_grad_()


def by_modules(blocks, x):
    return torch.nn.Sequential(*blocks)(x)


def passed(run, blocks, x) -> dict[str, torch.Tensor]:
    """Output, gradients of input and parameters, and running statistics after two passes."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(2):
        y = run(blocks, x)
        y.backward(torch.randn(y.shape, generator=generator).to(y))
    modules = torch.nn.Sequential(*blocks)
    found = {f"gradient of {name}": p.grad for name, p in modules.named_parameters()}
    return found | dict(modules.named_buffers()) | {"output": y.detach(), "input": x.grad}


@pytest.mark.parametrize("time", [60, 61])
def test_everything_equals_that_of_the_modules(time):
    found = passed(train_blocks, training_blocks(), traces(time=time))
    wanted = passed(by_modules, training_blocks(), traces(time=time))
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        # A bias before a batch norm changes nothing: its gradient is 0 here, rounding there.
        difference = float((found[name] - value).abs().max())
        assert difference <= 1e-9 * float(value.abs().max()) + 1e-11, name


def test_single_precision_is_as_good_as_the_modules():
    exact = passed(by_modules, training_blocks(), traces())
    single = [
        passed(run, training_blocks(torch.float32), traces(dtype=torch.float32))
        for run in (train_blocks, by_modules)
    ]
    for name, value in exact.items():
        if value.is_floating_point() and not name.endswith(("conv1.bias", "conv2.bias")):
            ours, plain = (float((s[name].double() - value).norm()) for s in single)
            assert ours < 2 * plain + 1e-6 * float(value.norm()), name


def test_a_large_mean_costs_no_precision():
    """As with microvolts: a variance taken as mean square minus squared mean would be lost."""
    shifted = {}
    for dtype in (torch.float64, torch.float32):
        blocks = training_blocks(dtype)[:1]
        x = (traces().detach() + 1e4).to(dtype)
        shifted[dtype] = train_blocks(blocks, x).detach() - x
    torch.testing.assert_close(
        shifted[torch.float32].double(), shifted[torch.float64], rtol=0, atol=3e-2
    )


def test_input_is_left_alone():
    x = traces()
    before = x.detach().clone()
    train_blocks(training_blocks(), x).sum().backward()
    assert torch.equal(x.detach(), before)


HOOKS = ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]


def network_and_beats():
    generator = torch.Generator().manual_seed(3)
    return steven_net().train(), 100 * torch.randn(3, 12, 80, generator=generator).double()


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_are_called_with_the_same_result(hook):
    (watched, x), (fused, _) = network_and_beats(), network_and_beats()
    called = []
    getattr(watched.block3.relu1, hook)(lambda *_: called.append(1))
    for network in (watched, fused):
        network(x).square().sum().backward()
    assert called
    torch.testing.assert_close(
        watched.block1.conv2.weight.grad, fused.block1.conv2.weight.grad, rtol=1e-8, atol=1e-8
    )


PLAIN = torch.nn.Conv1d(32, 64, 50, padding="same")
CHANGES = {
    "evaluation mode": lambda blocks: blocks[1].bn1.eval(),
    "a frozen weight": lambda blocks: blocks[0].conv1.weight.requires_grad_(False),
    "no running statistics": lambda blocks: setattr(blocks[0].bn2, "track_running_stats", False),
    "a hook": lambda blocks: blocks[2].conv2.register_forward_hook(print),
    "a plain convolution": lambda blocks: setattr(blocks[0], "conv1", PLAIN),
    "a cumulative mean": lambda blocks: setattr(blocks[0].bn2, "momentum", None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_not_usual_training_is_left_to_the_modules(change):
    blocks = training_blocks()
    assert can_train_fused(blocks, traces())
    change(blocks)
    assert not can_train_fused(blocks, traces())


def test_a_network_trains_fused_unless_watched(monkeypatch):
    passes = []
    monkeypatch.setattr("ecghelpers.model.train_blocks", lambda blocks, x: passes.append(1) or x)
    network, x = network_and_beats()
    network(x)
    assert passes == [1]
    network.eval()(x)
    StevenNet(torch.nn.Conv1d).double().train()(x)
    assert passes == [1]
