"""A fused pass through StevenNet's residual blocks, for inference and gradients of the input.

Its results, and its gradient with respect to the input, are the same as those of the modules.
Between two products of spectra, a few records at a time are transformed back, rectified, added to
the residual and transformed again, so that they stay in a core's cache.
"""

from collections import deque

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .convolution import records_at_once, transform


def has_hooks(model: nn.Module) -> bool:
    """Whether a module of the model has a hook."""
    return any(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        for module in model.modules()
    )


def can_fuse(model: nn.Module) -> bool:
    """Whether the fused pass may replace the modules: no hooks, and no weight takes a gradient."""
    trains = torch.is_grad_enabled() and any(p.requires_grad for p in model.parameters())
    return not has_hooks(model) and not trains


def run_blocks(blocks: list[nn.Module], x: Tensor) -> Tensor:
    """Run (record, channel, time) through residual blocks that all use the FFT."""
    if torch.is_grad_enabled() and x.requires_grad:
        return _Blocks.apply(x, blocks)
    return _forward(_Pass(blocks, x), x, deque(maxlen=1))


class _Blocks(torch.autograd.Function):
    """The blocks with their backward pass."""

    @staticmethod
    def forward(ctx, x: Tensor, blocks: list[nn.Module]) -> Tensor:
        ctx.blocks, ctx.opened = blocks, deque()
        return _forward(_Pass(blocks, x), x, ctx.opened)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        return _backward(_Pass(ctx.blocks, gradient), gradient, ctx.opened), None


class _Pass:
    """The state of one pass: spectra of the weights, and the records in parts."""

    def __init__(self, blocks: list[nn.Module], x: Tensor):
        self.time = x.shape[-1]
        self.steps = [
            (block, block.conv1.spectrum(self.time), block.conv2.spectrum(self.time))
            for block in blocks
        ]
        self.length = self.steps[0][1].length
        at_once = records_at_once(x)
        self.parts = [slice(i, i + at_once) for i in range(0, len(x), at_once)]

    def padded(self, x: Tensor) -> Tensor:
        """Return a copy of x, padded with zeros to the length of the transform."""
        trace = x.new_zeros(*x.shape[:-1], self.length)
        trace[..., : self.time] = x
        return trace

    def irfft(self, spectrum: Tensor) -> Tensor:
        """Transform (record, frequency, channel) back to (record, channel, length)."""
        rows = spectrum.transpose(1, 2).contiguous()
        return torch.fft.irfft(rows, self.length, norm="forward")


def _forward(run: _Pass, x: Tensor, opened: deque) -> Tensor:
    """Return the blocks' output; append the output of every ReLU, part by part, to opened."""
    trace, time = run.padded(x), run.time
    spectrum = transform(trace, run.length)
    for block, first, second in run.steps:
        product = first.apply(spectrum)
        inner = torch.empty_like(product)
        for part in run.parts:
            y = run.irfft(product[part])
            opened.append(torch.relu_(block.bn1(y[..., :time])))
            y[..., time:] = 0
            inner[part] = torch.fft.rfft(y).transpose(1, 2)
        product = second.apply(inner)
        for part in run.parts:
            y = torch.relu_(block.bn2(run.irfft(product[part])[..., :time]))
            opened.append(y)
            trace[part][..., :time] += y
            spectrum[part] = torch.fft.rfft(trace[part]).transpose(1, 2)
    return trace[..., :time]


def _backward(run: _Pass, gradient: Tensor, opened: deque) -> Tensor:
    """Return the gradient of the input, given that of the output: _forward in reverse."""
    trace, time = run.padded(gradient), run.time
    shape = (len(trace), run.length // 2 + 1, trace.shape[1])
    spectrum = torch.empty(shape, dtype=trace.dtype.to_complex(), device=trace.device)
    outputs = reversed(opened)
    for block, first, second in reversed(run.steps):
        for part in reversed(run.parts):
            y = _gate(trace[part][..., :time], next(outputs), block.bn2)
            spectrum[part] = torch.fft.rfft(y, run.length).transpose(1, 2)
        product = second.apply_adjoint(spectrum)
        inner = torch.empty_like(product)
        for part in reversed(run.parts):
            y = run.irfft(product[part])
            y[..., :time] = _gate(y[..., :time], next(outputs), block.bn1)
            y[..., time:] = 0
            inner[part] = torch.fft.rfft(y).transpose(1, 2)
        product = first.apply_adjoint(inner)
        for part in run.parts:
            trace[part][..., :time] += run.irfft(product[part])[..., :time]
    return trace[..., :time]


def _gate(gradient: Tensor, output: Tensor, norm: nn.Module) -> Tensor:
    """Return the gradient before a ReLU, whose output is given, and before its batch norm."""
    gated = output.sign().mul_(gradient)
    if isinstance(norm, nn.BatchNorm1d):
        gated *= (norm.weight * (norm.running_var + norm.eps).rsqrt())[:, None]
    return gated
