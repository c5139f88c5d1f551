"""StevenNet's residual blocks while they train, forward and backward, when nobody watches.

The same numbers as module by module, running statistics included, in fewer passes over memory.
Traces are (record, channel, length) with zeros after their samples, as the transform wants them;
spectra are (frequency, record, channel), as the products want them.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .convolution import FFTConv1d, Spectrum, transform_length, uses_fft, weight_gradient
from .fused import is_watched


def can_train_fused(blocks: list[nn.Module], x: Tensor) -> bool:
    """Whether every part of the blocks trains in the usual way, through the FFT, and unwatched."""
    norms = [norm for block in blocks for norm in (block.bn1, block.bn2)]
    convolutions = [conv for block in blocks for conv in (block.conv1, block.conv2)]
    taps = {conv.kernel_size[0] for conv in convolutions}
    return (
        all(module.training for block in blocks for module in block.modules())
        and all(isinstance(conv, FFTConv1d) for conv in convolutions)
        and all(uses_fft(x.device, x.dtype, t, len(x)) for t in taps)
        and len(taps) == 1
        and all(isinstance(norm, nn.BatchNorm1d) for norm in norms)
        and all(norm.track_running_stats and norm.momentum is not None for norm in norms)
        and all(p.requires_grad for block in blocks for p in block.parameters())
        and not any(is_watched(block) for block in blocks)
    )


def train_blocks(blocks: list[nn.Module], x: Tensor) -> Tensor:
    """Run (record, channel, time) through residual blocks that all use the FFT, in training mode.

    The running statistics of their batch norms are brought up to date.
    """
    layers = [pair for b in blocks for pair in ((b.conv1, b.bn1), (b.conv2, b.bn2))]
    parameters = [p for conv, norm in layers for p in (*conv.parameters(), *norm.parameters())]
    return _TrainBlocks.apply(x, layers, *parameters)


class _TrainBlocks(torch.autograd.Function):
    """The blocks, and how gradients pass back to their input and to all parameters."""

    @staticmethod
    def forward(ctx, x: Tensor, layers: list[tuple[nn.Module, nn.Module]], *parameters: Tensor):
        time = x.shape[-1]
        length = transform_length(time, layers[0][0].kernel_size[0])
        ctx.layers = [_Layer(conv, norm, time, length) for conv, norm in layers]
        trace = _padded(x, length)
        for first, second in zip(ctx.layers[::2], ctx.layers[1::2], strict=True):
            trace += second.forward(first.forward(trace))
        return trace[..., :time]

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        time, length = gradient.shape[-1], ctx.layers[0].length
        trace, of_parameters = _padded(gradient, length), []
        for second, first in zip(ctx.layers[::-2], ctx.layers[-2::-2], strict=True):
            inner, of_second = second.backward(trace)
            outer, of_first = first.backward(inner)
            trace += outer
            of_parameters = [*of_first, *of_second, *of_parameters]
        return trace[..., :time], None, *of_parameters


class _Layer:
    """A convolution, its batch norm and the ReLU after it."""

    def __init__(self, conv: nn.Module, norm: nn.BatchNorm1d, time: int, length: int):
        self.conv, self.norm, self.time, self.length = conv, norm, time, length
        weight, bias = conv.weight.detach(), conv.bias.detach()
        self.matrices = Spectrum.of(weight, bias, length, lasting=False).products

    def forward(self, trace: Tensor) -> Tensor:
        """The layer's output. What the way back needs is kept."""
        self.given = _there(trace)
        product = torch.bmm(self.given, self.matrices)
        # A constant changes nothing before a batch norm, but costs digits: the mean is taken out.
        shift = product[0].real.mean(0)
        product[0] -= shift
        self.trace = _back(product, self.length)
        self._measure(shift)
        return self._output()

    @torch.no_grad()
    def _measure(self, shift: Tensor) -> None:
        """Mean and variance of the records, and the running ones as nn.BatchNorm1d has them."""
        norm, samples = self.norm, self.trace[..., : self.time]
        self.count = len(samples) * self.time
        self.mean = samples.sum(-1).double().sum(0) / self.count
        squares = torch.linalg.vector_norm(samples, dim=-1).double().square().sum(0)
        variance = (squares / self.count - self.mean.square()).clamp(min=0)
        self.inverse_sd = (variance + norm.eps).rsqrt()
        mean = (self.mean + shift + self.conv.bias).to(norm.running_mean)
        unbiased = (variance * (self.count / (self.count - 1))).to(norm.running_var)
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(unbiased, norm.momentum)
        norm.num_batches_tracked += 1

    def _output(self) -> Tensor:
        gain = self.norm.weight.detach() * self.inverse_sd
        offset = self.norm.bias.detach() - gain * self.mean
        gain, offset = (_by_channel(value, self.trace) for value in (gain, offset))
        output = (self.trace * gain).add_(offset).relu_()
        output[..., self.time :] = 0
        return output

    def backward(self, gradient: Tensor) -> tuple[Tensor, list[Tensor]]:
        """From the output's gradient to the input's, beyond the samples too, and the parameters'.

        gradient: whatever it holds after the samples plays no part.
        """
        gated = self._output().sign_().mul_(gradient)
        of_offset = gated.sum(-1).double().sum(0)
        of_gain = (gated * self.trace).sum(-1).double().sum(0) - self.mean * of_offset
        of_gain *= self.inverse_sd
        spectrum = _there(self._through_norm(gated, of_gain, of_offset))
        taps, bias = self.conv.kernel_size[0], self.conv.bias
        of_weight = weight_gradient(self.given, spectrum, taps, self.length)
        of_bias = torch.zeros_like(bias)  # the batch norm takes out whatever it adds
        of_input = _back(torch.bmm(spectrum, self.matrices.mH), self.length)
        return of_input, [of_weight, of_bias, of_gain.to(bias), of_offset.to(bias)]

    def _through_norm(self, gated: Tensor, of_gain: Tensor, of_offset: Tensor) -> Tensor:
        """Back through the batch norm, whose mean and variance depend on the records too."""
        gain = self.norm.weight.detach() * self.inverse_sd
        by_trace = -gain * self.inverse_sd * of_gain / self.count
        constant = -gain * of_offset / self.count - by_trace * self.mean
        gain, by_trace, constant = (_by_channel(v, gated) for v in (gain, by_trace, constant))
        gated.mul_(gain).addcmul_(self.trace, by_trace).add_(constant)
        gated[..., self.time :] = 0
        return gated


def _padded(x: Tensor, length: int) -> Tensor:
    trace = x.new_zeros(*x.shape[:-1], length)
    trace[..., : x.shape[-1]] = x
    return trace


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like)[:, None]


def _there(trace: Tensor) -> Tensor:
    """(record, channel, length) → its spectrum (frequency, record, channel)."""
    records, channels, _ = trace.shape
    # torch turns a matrix round quickly, but not more dimensions at once
    rows = torch.fft.rfft(trace).flatten(0, 1)
    return rows.t().contiguous().view(-1, records, channels)


def _back(spectrum: Tensor, length: int) -> Tensor:
    """The way back from _there; Spectrum has the division by the length in its weights."""
    rows = spectrum.flatten(1).t().contiguous().view(*spectrum.shape[1:], -1)
    return torch.fft.irfft(rows, length, norm="forward")
