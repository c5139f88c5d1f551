"""One-dimensional convolutions, long ones through the FFT.

``FFTConv1d`` has the parameters and the result of ``nn.Conv1d``. What made it fast, and what did
not, is told with figures in benchmarks/NOTES.md.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# The FFT serves kernels of at least so many taps and batches of at least so many records, by type
# of device; everything else is convolved directly. Written down, not timed at run time, so that a
# run repeats exactly. The row for the CPU was measured; cuda counts operations and bytes alone.
FFT_FROM = {"cpu": (16, 4), "cuda": (16, 1)}


def uses_fft(device: torch.device, dtype: torch.dtype, taps: int, records: int) -> bool:
    """Whether a convolution goes through the FFT."""
    if device.type not in FFT_FROM or dtype not in (torch.float32, torch.float64):
        return False
    least_taps, least_records = FFT_FROM[device.type]
    return taps >= least_taps and records >= least_records


def transform_length(time: int, taps: int) -> int:
    """The shortest quick transform whose wrapped-around samples miss all ``time`` outputs.

    With "same" padding an output reaches at most taps // 2 samples past either end, and those must
    find zeros. A multiple of 8 with no other prime factor than 3, 5 or 7 is quick.
    """
    eighths = math.ceil((time + taps // 2) / 8)
    while _largest_factor(eighths) > 7:
        eighths += 1
    return 8 * eighths


def _largest_factor(number: int) -> int:
    largest = 1
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number, largest = number // prime, prime
    return number if number > 1 else largest


@dataclass(frozen=True)
class Spectrum:
    """A convolution's weights at every frequency of a transform of ``length`` samples.

    products: complex (frequency, in, out), to be multiplied as matrices; or, for oneDNN, the same
    as real numbers (frequency * in * 2, out * 2, 1, 1), the weights of a grouped 1 x 1 convolution
    with a group a frequency: [[re, im], [-im, re]] for each complex number.
    """

    products: Tensor
    length: int

    @property
    def frequencies(self) -> int:
        return self.length // 2 + 1

    @classmethod
    def of(cls, weight: Tensor, length: int) -> "Spectrum":
        """The spectrum of weights (out, in, taps)."""
        outputs, inputs, taps = weight.shape
        # Output t reads inputs from t - (taps - 1) // 2 on, as torch pads for "same".
        centred = F.pad(weight, (0, length - taps)).roll(-((taps - 1) // 2), dims=-1)
        spectrum = torch.fft.rfft(centred).conj().permute(2, 1, 0)  # correlation: conjugate
        if not _has_onednn(weight):
            return cls(spectrum.resolve_conj().contiguous(), length)
        rows = torch.stack((spectrum, 1j * spectrum), dim=2)  # (frequency, in, 2, out)
        return cls(torch.view_as_real(rows).reshape(-1, 2 * outputs, 1, 1), length)


def _has_onednn(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.enabled \
        and torch.backends.mkldnn.is_available()


def _transform(x: Tensor, length: int) -> Tensor:
    """(record, channel, time) → its spectrum (record, frequency, channel), complex."""
    return torch.fft.rfft(x, length).transpose(1, 2).contiguous()


def _back(spectrum: Tensor, length: int, time: int) -> Tensor:
    """(record, frequency, channel) → the first ``time`` samples, (record, channel, time)."""
    return torch.fft.irfft(spectrum.transpose(1, 2).contiguous(), length)[..., :time]


def _multiply(x: Tensor, spectrum: Spectrum, adjoint: bool = False) -> Tensor:
    """Multiply (record, frequency, channel) by the weights at every frequency."""
    products = spectrum.products
    if products.is_complex():
        matrices = products.mH if adjoint else products
        return torch.bmm(x.transpose(0, 1), matrices).transpose(0, 1)
    # Channels last: (1, frequency * channel * 2, 1, record) over memory (record, all the rest).
    flat = torch.view_as_real(x).flatten(1)[None, None].permute(0, 3, 1, 2)
    convolve = F.conv2d if adjoint else F.conv_transpose2d
    # A dilation has no effect on one tap, but without it torch leaves oneDNN on a single thread.
    flat = convolve(flat, products, groups=spectrum.frequencies, dilation=2)
    flat = flat.permute(0, 2, 3, 1).reshape(len(x), spectrum.frequencies, -1, 2)
    return torch.view_as_complex(flat)


class _Convolve(torch.autograd.Function):
    """Convolution with given weights, in the frequency domain."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, spectrum: Spectrum) -> Tensor:
        ctx.spectrum, ctx.shape = spectrum, weight.shape
        transformed = _transform(x, spectrum.length)
        ctx.save_for_backward(transformed if weight.requires_grad else None)
        product = _multiply(transformed, spectrum)
        product[:, 0] += bias * spectrum.length  # a constant is frequency 0
        return _back(product, spectrum.length, x.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        spectrum, time = ctx.spectrum, gradient.shape[-1]
        transformed = _transform(gradient, spectrum.length)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = _back(_multiply(transformed, spectrum, adjoint=True), spectrum.length, time)
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(*ctx.saved_tensors, transformed, ctx.shape, spectrum.length)
        if ctx.needs_input_grad[2]:
            of_bias = transformed[:, 0].real.sum(0)
        return of_x, of_weight, of_bias, None


def _weight_gradient(x: Tensor, gradient: Tensor, shape: torch.Size, length: int) -> Tensor:
    """The gradient of weights (out, in, taps) from spectra (record, frequency, channel)."""
    outputs, inputs, taps = shape
    products = torch.bmm(gradient.permute(1, 2, 0), x.transpose(0, 1).conj())
    correlation = torch.fft.irfft(products.permute(1, 2, 0), length)  # at lag -tap
    lags = (taps - 1) // 2 - torch.arange(taps, device=x.device)
    return correlation[..., lags % length]


class FFTConv1d(nn.Conv1d):
    """``nn.Conv1d`` with "same" padding, faster: the same parameters, the same result.

    Kernels that FFT_FROM names go through the FFT; the others are convolved directly with channels
    last in memory, which oneDNN does several times faster. After ``freeze`` the spectrum of the
    weights is kept between calls.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, padding="same"):
        super().__init__(in_channels, out_channels, kernel_size, padding=padding)
        if padding != "same":
            raise ValueError(f"padding {padding!r} is not served; allowed: 'same'")
        self._frozen = False
        self._spectra: dict[tuple, Spectrum] = {}

    def freeze(self) -> None:
        """Weights take no gradient from here on, and their spectrum is computed once."""
        self.requires_grad_(False)
        self._frozen = True

    def forward(self, x: Tensor) -> Tensor:
        if uses_fft(x.device, x.dtype, self.kernel_size[0], len(x)):
            return _Convolve.apply(x, self.weight, self.bias, self._spectrum(x.shape[-1]))
        before = (self.kernel_size[0] - 1) // 2
        padded = F.pad(x[:, :, None], (before, self.kernel_size[0] - 1 - before))
        padded = padded.contiguous(memory_format=torch.channels_last)
        return F.conv2d(padded, self.weight[:, :, None], self.bias)[:, :, 0]

    def _spectrum(self, time: int) -> Spectrum:
        length = transform_length(time, self.kernel_size[0])
        weight = self.weight.detach()
        if not self._frozen:
            return Spectrum.of(weight, length)
        key = (length, weight.dtype, weight.device, weight.data_ptr(), weight._version)
        if key not in self._spectra:
            self._spectra = {key: Spectrum.of(weight, length)}
        return self._spectra[key]
