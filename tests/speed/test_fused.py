"""The fused pass gives the modules' numbers, and steps aside for hooks and weight gradients."""

import pytest
import torch
from small_networks import beats, steven_net

from ecghelpers.network import convolution
from ecghelpers.network.fused import can_fuse, run_blocks
from ecghelpers.network.model import fuse


@pytest.fixture
def form():
    return fuse(steven_net())


def traces(count=5, time=60):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 32, time, generator=generator).double().requires_grad_()


def by_modules(blocks, x):
    for block in blocks:
        x = block(x)
    return x


@pytest.mark.parametrize("records_a_thread", [1, 2, 100])
def test_output_and_gradient_equal_those_of_the_modules(form, records_a_thread, monkeypatch):
    monkeypatch.setattr(convolution, "RECORDS_PER_THREAD", records_a_thread)
    x = traces()
    gradient = torch.randn(x.shape, dtype=x.dtype)
    wanted = by_modules(form.blocks, x)
    (wanted_gradient,) = torch.autograd.grad(wanted, x, gradient)
    found = run_blocks(form.blocks, x)
    for _ in range(2):  # a second pass back gives the same
        (found_gradient,) = torch.autograd.grad(found, x, gradient, retain_graph=True)
        torch.testing.assert_close(found_gradient, wanted_gradient, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    with torch.inference_mode():
        torch.testing.assert_close(run_blocks(form.blocks, x), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "hook",
    ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"],
)
def test_hooks_are_called(form, hook):
    called = []
    getattr(form.block3.relu1, hook)(lambda *_: called.append(1))
    assert not can_fuse(form)
    x = torch.from_numpy(beats(2))[..., 180:300].clone().requires_grad_()
    form(x).sum().backward()
    assert called


def test_weights_that_take_a_gradient_get_one(form):
    assert can_fuse(form)
    x = torch.from_numpy(beats(2))[..., 180:300]
    form.block1.conv1.requires_grad_(True)
    assert not can_fuse(form)
    form(x).sum().backward()
    assert form.block1.conv1.weight.grad.abs().sum() > 0
