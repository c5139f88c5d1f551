"""One-dimensional convolutions, long ones through the FFT.

``FFTConv1d`` has the parameters and the result of ``nn.Conv1d``. benchmarks/NOTES.md reports which
optimisations made it fast.
"""

import math
from dataclasses import dataclass
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Smallest kernel (taps) and batch (records) for which the FFT is used, by type of device. Constants
# rather than timings at run time, so that runs are reproducible. The CPU's were measured; those for
# CUDA are estimated from operations and bytes.
FFT_FROM = {"cpu": (16, 2), "cuda": (16, 1)}

# Records per thread that the CPU transforms at once: few enough for its cache, enough for threads
# to wait for each other rarely.
RECORDS_PER_THREAD = 32

# glibc returns freed memory to the system above a threshold that adapts to the largest block freed
# so far; without this allocation, every pass pays for its pages again.
torch.empty(31 << 20, dtype=torch.uint8)


def uses_fft(device: torch.device, dtype: torch.dtype, taps: int, records: int) -> bool:
    """Whether a convolution goes through the FFT."""
    if device.type not in FFT_FROM or dtype not in (torch.float32, torch.float64):
        return False
    least_taps, least_records = FFT_FROM[device.type]
    return taps >= least_taps and records >= least_records


def records_at_once(x: Tensor) -> int:
    """How many records of x to transform at once."""
    return (
        RECORDS_PER_THREAD * torch.get_num_threads() if x.device.type == "cpu" else max(len(x), 1)
    )


def transform_length(time: int, taps: int) -> int:
    """The shortest efficient transform whose wrap-around does not reach the ``time`` outputs.

    With "same" padding an output reaches at most taps // 2 samples past either end, where there
    must be zeros. Multiples of 8 with no other prime factor than 3, 5 or 7 are efficient.
    """
    eighths = math.ceil((time + taps // 2) / 8)
    while math.gcd(eighths, 210**16) != eighths:  # 210 = 2 · 3 · 5 · 7
        eighths += 1
    return 8 * eighths


def transform(x: Tensor, length: int) -> Tensor:
    """Return the spectrum (record, frequency, channel) of (record, channel, time)."""
    shape = (len(x), length // 2 + 1, x.shape[1])
    out = torch.empty(shape, dtype=x.dtype.to_complex(), device=x.device)
    parts = records_at_once(x)
    for part, into in zip(x.split(parts), out.split(parts), strict=True):
        into.copy_(torch.fft.rfft(part, length).transpose(1, 2))
    return out


def transform_back(spectrum: Tensor, length: int, time: int) -> Tensor:
    """Return the first ``time`` samples, (record, channel, time), of a spectrum.

    The division by the length is left to the weights of Spectrum.
    """
    shape = (len(spectrum), spectrum.shape[2], time)
    out = torch.empty(shape, dtype=spectrum.real.dtype, device=spectrum.device)
    parts = records_at_once(spectrum)
    for part, into in zip(spectrum.split(parts), out.split(parts), strict=True):
        rows = part.transpose(1, 2).contiguous()
        into.copy_(torch.fft.irfft(rows, length, norm="forward")[..., :time])
    return out


@dataclass(frozen=True)
class Spectrum:
    """A convolution's weights and bias at every frequency of a transform of ``length`` samples.

    products: complex (frequency, in, out), to be multiplied as matrices; or, for oneDNN, the real
    weights (frequency * in * 2, out * 2, 1, 1) of a 1 x 1 convolution with one group per frequency:
    [[re, im], [-im, re]] for each complex number.
    """

    products: Tensor
    bias: Tensor
    length: int

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, length: int, lasting: bool) -> "Spectrum":
        """Return the spectrum of weights (out, in, taps).

        lasting: it serves many passes, so that arranging it for oneDNN pays off.
        """
        outputs, inputs, taps = weight.shape
        exact = torch.float64 if lasting else weight.dtype
        rows = weight.to(exact).permute(2, 1, 0).flatten(1)  # (tap, in * out)
        planes = _waves(taps, length, exact, weight.device) @ rows
        spectrum = torch.complex(*planes.to(weight.dtype).view(2, -1, inputs, outputs))
        if lasting and _has_onednn(weight):
            rows = torch.stack((spectrum, 1j * spectrum), dim=2)  # (frequency, in, 2, out)
            spectrum = torch.view_as_real(rows).reshape(-1, 2 * outputs, 1, 1)
        return cls(spectrum, bias, length)

    @cached_property
    def adjoint(self) -> Tensor:
        """The products that lead from the output's gradient to the input's, arranged alike."""
        if self.products.is_complex():
            return self.products.mH
        matrices = self.products.view(self.length // 2 + 1, -1, self.products.shape[1])
        return matrices.mT.reshape(-1, matrices.shape[1], 1, 1)

    def apply(self, x: Tensor) -> Tensor:
        """The convolution of (record, frequency, channel)."""
        product = _multiply(x, self.products)
        product[:, 0] += self.bias  # a constant is frequency 0
        return product

    def apply_adjoint(self, gradient: Tensor) -> Tensor:
        """From the spectrum of the output's gradient to that of the input's."""
        return _multiply(gradient, self.adjoint)


def _multiply(x: Tensor, products: Tensor) -> Tensor:
    """(record, frequency, channel) times a matrix at every frequency, as Spectrum arranges them."""
    if products.is_complex():
        return torch.bmm(x.transpose(0, 1), products).transpose(0, 1)
    records, frequencies, _ = x.shape
    # (1, frequency * channel * 2, 1, record), channels last: no number moves in memory.
    flat = torch.view_as_real(x).reshape(1, 1, records, -1).permute(0, 3, 1, 2)
    # The transposed convolution rearranges the weights less. A dilation has no effect on one tap,
    # but without it torch does not use oneDNN with a single thread.
    flat = F.conv_transpose2d(flat, products, groups=frequencies, dilation=2)
    return torch.view_as_complex(flat.permute(0, 2, 3, 1).reshape(records, frequencies, -1, 2))


def _has_onednn(x: Tensor) -> bool:
    available = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    return available and x.device.type == "cpu" and x.dtype == torch.float32


class _Convolve(torch.autograd.Function):
    """Convolution through the spectrum of its weights."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, spectrum: Spectrum) -> Tensor:
        ctx.spectrum, ctx.taps = spectrum, weight.shape[-1]
        transformed = transform(x, spectrum.length)
        ctx.save_for_backward(transformed if ctx.needs_input_grad[1] else None)
        return transform_back(spectrum.apply(transformed), spectrum.length, x.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        length, time = ctx.spectrum.length, gradient.shape[-1]
        transformed = transform(gradient, length)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = transform_back(ctx.spectrum.apply_adjoint(transformed), length, time)
        if ctx.needs_input_grad[1]:
            spectra = (s.transpose(0, 1) for s in (*ctx.saved_tensors, transformed))
            of_weight = weight_gradient(*spectra, ctx.taps, length)
        if ctx.needs_input_grad[2]:
            of_bias = transformed[:, 0].real.sum(0)
        return of_x, of_weight, of_bias, None


def weight_gradient(x: Tensor, gradient: Tensor, taps: int, length: int) -> Tensor:
    """The gradient of weights (out, in, taps) from two spectra (frequency, record, channel)."""
    products = torch.bmm(x.mH, gradient)
    planes = torch.stack((products.real, products.imag)).flatten(2)
    waves = _waves(taps, length, planes.dtype, x.device, both_signs=True)
    rows = (waves.mT @ planes).sum(0)
    return rows.view(taps, *products.shape[1:]).permute(2, 1, 0)


@cache
def _waves(
    taps: int, length: int, dtype: torch.dtype, device: torch.device, both_signs: bool = False
) -> Tensor:
    """Cosine and sine at every tap, divided by the length: (2, frequency, tap).

    Tap k meets the input k - (taps - 1) // 2 samples away, as torch pads for "same". The sign of
    the angle is that of a correlation, which is what networks compute. both_signs: weighted for a
    sum over positive and negative frequencies.
    """
    lags = torch.arange(taps, dtype=torch.float64) - (taps - 1) // 2
    frequencies = torch.arange(length // 2 + 1, dtype=torch.float64)
    angles = frequencies[:, None] * lags * (2 * math.pi / length)
    waves = torch.stack((angles.cos(), angles.sin())) / length
    if both_signs:
        waves[:, 1:-1] *= 2
    return waves.to(device, dtype)


class FFTConv1d(nn.Conv1d):
    """``nn.Conv1d`` with "same" padding, faster: the same parameters, the same result.

    Kernels that FFT_FROM names go through the FFT; the others are convolved directly with channels
    last in memory, which oneDNN does several times faster. After ``freeze`` the spectrum of the
    weights is kept between calls.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, padding="same"):
        super().__init__(in_channels, out_channels, kernel_size, padding=padding)
        if padding != "same":
            raise ValueError(f"got padding {padding!r}; allowed: 'same'")
        self._frozen = False
        self._kept: tuple[tuple, Spectrum] | None = None

    def freeze(self) -> None:
        """Weights take no gradient from here on, and their spectrum is computed once."""
        self.requires_grad_(False)
        self._frozen = True

    def forward(self, x: Tensor) -> Tensor:
        taps = self.kernel_size[0]
        if uses_fft(x.device, x.dtype, taps, len(x)):
            return _Convolve.apply(x, self.weight, self.bias, self.spectrum(x.shape[-1]))
        before = (taps - 1) // 2
        padded = F.pad(x[:, :, None], (before, taps - 1 - before))
        padded = padded.contiguous(memory_format=torch.channels_last)
        return F.conv2d(padded, self.weight[:, :, None], self.bias).squeeze(2)

    def spectrum(self, time: int) -> Spectrum:
        """The weights at the frequencies of a transform that serves ``time`` samples."""
        length = transform_length(time, self.kernel_size[0])
        weight, bias = self.weight.detach(), self.bias.detach()
        if not self._frozen:
            return Spectrum.of(weight, bias, length, lasting=False)
        # Kept for one length, dtype and device, and for weights that nobody changed since.
        key = (length, weight.dtype, weight.device, weight.data_ptr(), weight._version)
        if self._kept is None or self._kept[0] != key:
            self._kept = key, Spectrum.of(weight, bias, length, lasting=True)
        return self._kept[1]
