"""The attribution methods: a function each, and the table METHODS.

To add a method, write a function (Run, beats) → map and give it a row in METHODS: name, function,
what people call it, one sentence, colour and dash. Notebooks, page, explorer and review read all of
it from there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum import attr
from torch import Tensor, nn

from .config import generator


@dataclass(frozen=True)
class Run:
    """What a method needs besides the beats."""

    model: nn.Module
    record_id: list[str]
    seed: int
    batch_size: int
    multiply_by_inputs: bool
    parameters: dict

    def noise(self, purpose: str, draws: int, beats: Tensor) -> Tensor:
        """(record, draw, lead, time) of N(0, σ²), σ set by each beat's own range."""
        shape = (draws, *beats.shape[1:])
        fields = [
            generator(self.seed, purpose, i).standard_normal(shape, np.float32)
            for i in self.record_id
        ]
        span = beats.amax((1, 2)) - beats.amin((1, 2))
        sigma = self.parameters["attribution_noise"] * span
        return torch.from_numpy(np.stack(fields)).to(beats) * sigma[:, None, None, None]


def saliency(run: Run, beats: Tensor) -> Tensor:
    """Signed gradient (Simonyan et al., arXiv 1312.6034)."""
    return attr.Saliency(run.model).attribute(beats, abs=False)


def input_x_gradient(run: Run, beats: Tensor) -> Tensor:
    """Input times gradient (Shrikumar et al., arXiv 1605.01713)."""
    return attr.InputXGradient(run.model).attribute(beats)


def deconvolution(run: Run, beats: Tensor) -> Tensor:
    """Deconvolution (Zeiler and Fergus, arXiv 1311.2901)."""
    return attr.Deconvolution(run.model).attribute(beats)


def guided_backprop(run: Run, beats: Tensor) -> Tensor:
    """Guided backpropagation (Springenberg et al., arXiv 1412.6806)."""
    return attr.GuidedBackprop(run.model).attribute(beats)


def guided_gradcam(run: Run, beats: Tensor) -> Tensor:
    """Guided Grad-CAM at block8.conv2, interpolated (Selvaraju et al., arXiv 1610.02391)."""
    method = attr.GuidedGradCam(run.model, run.model.get_submodule("block8.conv2"))
    return method.attribute(beats, interpolate_mode="linear")


def deeplift(run: Run, beats: Tensor) -> Tensor:
    """DeepLIFT, rescale rule, against the zero beat (Shrikumar et al., arXiv 1704.02685)."""
    method = attr.DeepLift(run.model, multiply_by_inputs=run.multiply_by_inputs)
    return method.attribute(beats, baselines=0)


def integrated_gradients(run: Run, beats: Tensor) -> Tensor:
    """Integrated gradients from the zero beat (Sundararajan et al., arXiv 1703.01365)."""
    method = attr.IntegratedGradients(run.model, multiply_by_inputs=run.multiply_by_inputs)
    steps = run.parameters["integrated_gradients_steps"]
    rows = max(run.batch_size, len(beats))
    return method.attribute(beats, baselines=0, n_steps=steps, internal_batch_size=rows)


def smoothgrad(run: Run, beats: Tensor) -> Tensor:
    """Mean signed gradient over noisy copies (Smilkov et al., arXiv 1706.03825)."""
    noisy = beats[:, None] + run.noise("smoothgrad", run.parameters["smoothgrad_draws"], beats)
    return _gradients(run, noisy).mean(1)


def gradient_shap(run: Run, beats: Tensor) -> Tensor:
    """Gradient SHAP against the zero beat (Lundberg and Lee, arXiv 1705.07874).

    Mean over draws of the gradient at a random point between zero and a noisy copy, times that
    copy: what Captum's GradientShap computes, with draws that belong to the record.
    """
    draws = run.parameters["gradientshap_draws"]
    noisy = beats[:, None] + run.noise("gradientshap", draws, beats)
    along = [generator(run.seed, "gradientshap path", i).random(draws) for i in run.record_id]
    along = torch.from_numpy(np.stack(along)).to(beats)[:, :, None, None]
    gradients = _gradients(run, along * noisy)
    return (gradients * noisy if run.multiply_by_inputs else gradients).mean(1)


def random(run: Run, beats: Tensor) -> Tensor:
    """Standard normal numbers: the floor that every method has to beat."""
    shape = tuple(beats.shape[1:])
    fields = [generator(run.seed, "random", i).standard_normal(shape) for i in run.record_id]
    return torch.from_numpy(np.stack(fields)).to(beats)


def _gradients(run: Run, points: Tensor) -> Tensor:
    """Gradients at (record, draw, lead, time), at most batch_size points at once."""
    flat = points.flatten(0, 1)
    method = attr.Saliency(run.model)
    parts = [method.attribute(part, abs=False) for part in flat.split(run.batch_size)]
    return torch.cat(parts).view_as(points)


@dataclass(frozen=True)
class Method:
    """A row of the table.

    label and sentence: for readers. colour and dash (solid, dash, dot, dashdot): in every figure.
    rows: name of the parameter that says how many beats one record becomes. scaled: True if the map
    is in target unit, False if in target unit per µV, None if multiply_by_inputs decides. squared:
    the gradient (target unit per µV) times a class activation map (target unit). guided: the
    gradient is changed on its way back, so that the sign of the map has no meaning. gradient: the
    method whose map it multiplies by the voltages, if that is another one.
    """

    compute: Callable[[Run, Tensor], Tensor]
    label: str
    sentence: str = ""
    colour: str = "#666666"
    dash: str = "dashdot"
    scaled: bool | None = False
    rows: str | None = None
    unitless: bool = False
    squared: bool = False
    guided: bool = False
    gradient: str = ""


# Colours are Okabe and Ito's, which colour-blind readers can tell apart; random is black.
BLUE, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"

METHODS = {
    "saliency": Method(
        saliency,
        "Saliency",
        "The gradient: how much the prediction would change with the voltage at each sample.",
        BLUE,
        "solid",
    ),
    "deeplift": Method(
        deeplift,
        "DeepLIFT",
        "Shares the difference from a flat line's prediction out over the samples, layer by layer.",
        VERMILION,
        "solid",
        scaled=None,
    ),
    "smoothgrad": Method(
        smoothgrad,
        "SmoothGrad",
        "The mean gradient of noisy copies of the beat.",
        BLUE,
        "dash",
        rows="smoothgrad_draws",
    ),
    "inputxgradient": Method(
        input_x_gradient,
        "Input × gradient",
        "The gradient times the voltage.",
        ORANGE,
        "solid",
        scaled=True,
        gradient="saliency",
    ),
    "integrated_gradients": Method(
        integrated_gradients,
        "Integrated gradients",
        "The voltage times the mean gradient on the way from a flat line to the beat.",
        VERMILION,
        "dash",
        scaled=None,
        rows="integrated_gradients_steps",
    ),
    "deconvolution": Method(
        deconvolution,
        "Deconvolution",
        "A gradient of which only what is positive passes back through each layer.",
        GREEN,
        "solid",
        guided=True,
    ),
    "guided_gradcam": Method(
        guided_gradcam,
        "Guided Grad-CAM",
        "Guided backprop, weighted by when the network's last block was active.",
        PURPLE,
        "solid",
        squared=True,
        guided=True,
    ),
    "guided_backprop": Method(
        guided_backprop,
        "Guided backprop",
        "A gradient of which only what is positive, through units that were active, passes back.",
        GREEN,
        "dash",
        guided=True,
    ),
    "gradientshap": Method(
        gradient_shap,
        "Gradient SHAP",
        "Gradients at random points between a flat line and noisy copies, times those copies.",
        ORANGE,
        "dash",
        scaled=None,
        rows="gradientshap_draws",
    ),
    "random": Method(
        random,
        "Random",
        "Random numbers that know nothing of the network: the floor for all the others.",
        "#000000",
        "dot",
        unitless=True,
    ),
}
