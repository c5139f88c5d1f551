"""Convolutions: the same as nn.Conv1d's, whichever way they are computed."""

import pytest
import torch
from torch import nn

from ecghelpers.network import convolution
from ecghelpers.network.convolution import FFTConv1d, transform_length, uses_fft


def pair(taps, inputs=5, outputs=7, dtype=torch.float64):
    """Our convolution and torch's, with the same weights."""
    torch.manual_seed(taps)
    ours = FFTConv1d(inputs, outputs, taps).to(dtype)
    plain = nn.Conv1d(inputs, outputs, taps, padding="same").to(torch.float64)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


def relative(found, wanted):
    return float(((found - wanted).norm() / wanted.norm()).detach())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@pytest.mark.parametrize("time", [37, 300, 301])
@pytest.mark.parametrize("taps", [1, 3, 8, 16, 17, 49, 50])
def test_forward_and_backward_equal_conv1d(taps, time):
    ours, plain = pair(taps)
    torch.manual_seed(time)
    x, gradient = torch.randn(6, 5, time).double(), torch.randn(6, 7, time).double()
    results = []
    for convolve in (ours, plain):
        given = x.clone().requires_grad_()
        y = convolve(given)
        y.backward(gradient)
        results.append((y, given.grad, convolve.weight.grad, convolve.bias.grad))
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_gradients_equal_finite_differences():
    ours, _ = pair(16, inputs=2, outputs=3)
    assert uses_fft(ours.weight.device, ours.weight.dtype, 16, 2)
    x = torch.randn(2, 2, 20).double().requires_grad_()
    assert torch.autograd.gradcheck(ours, (x,))


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_single_precision_is_as_good_as_torchs(frozen, onednn, monkeypatch):
    if onednn and not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(convolution, "_has_onednn", lambda x: onednn)
    ours, plain = pair(50, 32, 64, torch.float32)
    if frozen:
        ours.freeze()
    x, gradient = torch.randn(9, 32, 300), torch.randn(9, 64, 300)
    given, exact = x.clone().requires_grad_(), x.double().requires_grad_()
    y = ours(given)
    y.backward(gradient)
    wanted = plain(exact)
    wanted.backward(gradient.double())
    assert relative(y, wanted) < 1e-6
    assert relative(given.grad, exact.grad) < 1e-6


def test_frozen_weights_take_no_gradient_and_keep_one_spectrum():
    ours, _ = pair(50)
    ours.freeze()
    x = torch.randn(4, 5, 60).double().requires_grad_()
    ours(x).sum().backward()
    assert ours.weight.grad is None and ours.bias.grad is None
    assert ours.spectrum(60) is ours.spectrum(60)


def test_frozen_convolution_follows_changed_weights():
    ours, _ = pair(50)
    ours.freeze()
    x = torch.randn(4, 5, 60).double()
    before = ours(x)
    ours.load_state_dict({name: 2 * value for name, value in ours.state_dict().items()})
    torch.testing.assert_close(ours(x), 2 * before)
    torch.testing.assert_close(ours.float()(x.float()), 2 * before.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("time, taps", [(300, 50), (37, 17), (1, 50), (600, 8), (331, 49)])
def test_transform_length_is_the_shortest_quick_one(time, taps):
    def quick(length):
        for prime in (2, 3, 5, 7):
            while length % prime == 0:
                length //= prime
        return length == 1

    enough = range(time + taps // 2, 4 * (time + taps))
    assert transform_length(time, taps) == next(n for n in enough if n % 8 == 0 and quick(n))


def test_long_kernels_and_batches_use_the_fft():
    cpu = torch.device("cpu")
    assert uses_fft(cpu, torch.float32, 50, 64)
    assert not uses_fft(cpu, torch.float32, 8, 64)
    assert not uses_fft(cpu, torch.float32, 50, 1)
    assert not uses_fft(cpu, torch.bfloat16, 50, 64)
    assert not uses_fft(torch.device("meta"), torch.float32, 50, 64)


def test_other_padding_is_refused():
    with pytest.raises(ValueError, match="allowed: 'same'"):
        FFTConv1d(2, 3, 5, padding="valid")
