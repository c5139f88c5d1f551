"""StevenNet's residual blocks when nobody watches: no gradient, no hook.

The same numbers as module by module. Between two products of spectra everything (transform back,
ReLU, residual, transform) is done on a few records at a time, which never leave a core's cache.
"""

import torch
from torch import Tensor, nn

from .convolution import records_at_once, transform


def can_fuse(model: nn.Module) -> bool:
    """Whether nothing looks into the model: no gradient is recorded, no module has a hook."""
    return not torch.is_grad_enabled() and not any(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
        for module in model.modules()
    )


def run_blocks(blocks: list[nn.Module], x: Tensor) -> Tensor:
    """Run (record, channel, time) through residual blocks that all use the FFT."""
    time = x.shape[-1]
    length = blocks[0].conv1.spectrum(time).length
    trace = x.new_zeros(*x.shape[:-1], length)  # the zeros after the beat are the padding
    trace[..., :time] = x
    spectrum = transform(trace, length)
    parts = records_at_once(x)
    for block in blocks:
        product = block.conv1.spectrum(time).apply(spectrum)
        inner = torch.empty_like(product)
        for part, into in zip(product.split(parts), inner.split(parts), strict=True):
            y = _back(part, length)
            torch.relu_(block.bn1(y[..., :time]))
            y[..., time:] = 0
            into.copy_(torch.fft.rfft(y).transpose(1, 2))
        product = block.conv2.spectrum(time).apply(inner)
        lines = trace.split(parts), spectrum.split(parts)
        for part, line, into in zip(product.split(parts), *lines, strict=True):
            y = _back(part, length)[..., :time]
            line[..., :time] += torch.relu_(block.bn2(y))
            into.copy_(torch.fft.rfft(line).transpose(1, 2))
    return trace[..., :time]


def _back(spectrum: Tensor, length: int) -> Tensor:
    return torch.fft.irfft(spectrum.transpose(1, 2).contiguous(), length, norm="forward")
