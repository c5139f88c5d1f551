"""The attribution methods: a function each, and the table METHODS.

To add a method, write a function (AttributionContext, beats) → map whose docstring begins with a
sentence for readers, and give it a row in METHODS. Notebooks, page, explorer and review use that
table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .ecg import MS_PER_SAMPLE
from .intervention import SEGMENT_MS
from .runtime import generator


class _Captum:
    """Captum's methods, imported on first use: drawing maps does not need them."""

    def __getattr__(self, name: str):
        from captum import attr

        return getattr(attr, name)


attr = _Captum()


@dataclass(frozen=True)
class AttributionContext:
    """What a method needs besides the beats.

    baseline: (lead, time) µV, what contributions are explained against; voltage_sd: (lead, time)
    or (lead, 1) µV.
    """

    model: nn.Module
    record_id: list[str]
    seed: int
    batch_size: int
    multiply_by_inputs: bool
    parameters: dict
    baseline: Tensor | None = None
    voltage_sd: Tensor | None = None

    def against(self, beats: Tensor) -> Tensor:
        """(1, lead, time): the baseline, by default a flat line."""
        return torch.zeros_like(beats[:1]) if self.baseline is None else self.baseline[None]

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


def saliency(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient: how much the prediction would change with the voltage at each sample.

    Signed (Simonyan et al., arXiv 1312.6034).
    """
    return attr.Saliency(context.model).attribute(beats, abs=False)


def saliency_sd(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient times the usual spread of the voltage: a change as large as it usually is.

    Our own: to first order the change of the prediction for a change of one SD over training ECGs.
    """
    return saliency(context, beats) * context.voltage_sd


def input_x_gradient(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient times the voltage, or its difference from the baseline.

    Shrikumar et al., arXiv 1605.01713.
    """
    return saliency(context, beats) * (beats - context.against(beats))


def occlusion(context: AttributionContext, beats: Tensor) -> Tensor:
    """How the prediction changes when 40 ms of one lead are set to the baseline.

    Occlusion of Zeiler and Fergus (arXiv 1311.2901) on segments of 40 ms that do not overlap, each
    sample with its share, so that the sum over a segment is the effect of replacing it.
    """
    _, leads, time = beats.shape
    samples = round(SEGMENT_MS / MS_PER_SAMPLE)
    segments = -(-time // samples)
    number = torch.arange(time, device=beats.device) // samples
    mask = torch.arange(leads, device=beats.device)[:, None] * segments + number
    effects = attr.FeatureAblation(context.model).attribute(
        beats.detach(),
        baselines=context.against(beats),
        feature_mask=mask[None],
        perturbations_per_eval=max(1, context.batch_size // len(beats)),
    )
    return effects / torch.bincount(number)[number]


def deconvolution(context: AttributionContext, beats: Tensor) -> Tensor:
    """A gradient of which only what is positive passes back through each layer.

    Zeiler and Fergus, arXiv 1311.2901.
    """
    return attr.Deconvolution(context.model).attribute(beats)


def guided_backprop(context: AttributionContext, beats: Tensor) -> Tensor:
    """A gradient of which only what is positive, through units that were active, passes back.

    Springenberg et al., arXiv 1412.6806.
    """
    return attr.GuidedBackprop(context.model).attribute(beats)


def guided_gradcam(context: AttributionContext, beats: Tensor) -> Tensor:
    """Guided backprop, weighted by when the network's last block was active.

    At block8.conv2, interpolated (Selvaraju et al., arXiv 1610.02391).
    """
    method = attr.GuidedGradCam(context.model, context.model.get_submodule("block8.conv2"))
    return method.attribute(beats, interpolate_mode="linear")


def deeplift(context: AttributionContext, beats: Tensor) -> Tensor:
    """Shares the difference from the baseline's prediction out over the samples, layer by layer.

    Rescale rule (Shrikumar et al., arXiv 1704.02685).
    """
    method = attr.DeepLift(context.model, multiply_by_inputs=context.multiply_by_inputs)
    return method.attribute(beats, baselines=context.against(beats).expand_as(beats).contiguous())


def integrated_gradients(context: AttributionContext, beats: Tensor) -> Tensor:
    """The voltage times the mean gradient on the way from the baseline to the beat.

    Sundararajan et al., arXiv 1703.01365.
    """
    method = attr.IntegratedGradients(context.model, multiply_by_inputs=context.multiply_by_inputs)
    steps = context.parameters["integrated_gradients_steps"]
    rows = max(context.batch_size, len(beats))
    baseline = context.against(beats)
    return method.attribute(beats, baselines=baseline, n_steps=steps, internal_batch_size=rows)


def smoothgrad(context: AttributionContext, beats: Tensor) -> Tensor:
    """The mean gradient of noisy copies of the beat.

    Smilkov et al., arXiv 1706.03825.
    """
    noisy = beats[:, None] + context.noise(
        "smoothgrad", context.parameters["smoothgrad_draws"], beats
    )
    return _gradients(context, noisy).mean(1)


def gradient_shap(context: AttributionContext, beats: Tensor) -> Tensor:
    """Gradients at random points between the baseline and noisy copies, times their difference.

    Captum's GradientShap (Lundberg and Lee, arXiv 1705.07874), each record with its own draws.
    """
    draws = context.parameters["gradientshap_draws"]
    baseline = context.against(beats)[:, None]
    away = beats[:, None] + context.noise("gradientshap", draws, beats) - baseline
    along = [
        generator(context.seed, "gradientshap path", i).random(draws) for i in context.record_id
    ]
    along = torch.from_numpy(np.stack(along)).to(beats)[:, :, None, None]
    gradients = _gradients(context, baseline + along * away)
    return (gradients * away if context.multiply_by_inputs else gradients).mean(1)


def random(context: AttributionContext, beats: Tensor) -> Tensor:
    """Random numbers that know nothing of the network: a control for all the others."""
    shape = tuple(beats.shape[1:])
    fields = [
        generator(context.seed, "random", i).standard_normal(shape) for i in context.record_id
    ]
    return torch.from_numpy(np.stack(fields)).to(beats)


def _gradients(context: AttributionContext, points: Tensor) -> Tensor:
    """Gradients at (record, draw, lead, time), at most batch_size points at once."""
    flat = points.flatten(0, 1)
    method = attr.Saliency(context.model)
    parts = [method.attribute(part, abs=False) for part in flat.split(context.batch_size)]
    return torch.cat(parts).view_as(points)


@dataclass(frozen=True)
class Method:
    """A row of the table.

    label and sentence (by default the first line of the function's docstring): for readers. colour
    and dash (solid, dash, dot, dashdot): in every figure. rows: name of the parameter that says how
    many beats one record becomes. scaled: True if the map is in target unit, False if in target
    unit per µV, None if multiply_by_inputs decides. squared: the gradient (target unit per µV)
    times a class activation map (target unit). guided: the gradient is changed on its way back, so
    that the sign of the map has no meaning. baseline: whether it explains the difference from a
    baseline. per_sd: a sensitivity for a change of one SD, in target unit. gradient: the method
    whose map it multiplies by something else, if any.
    """

    compute: Callable[[AttributionContext, Tensor], Tensor]
    label: str
    sentence: str = ""
    colour: str = "#666666"
    dash: str = "dashdot"
    scaled: bool | None = False
    rows: str | None = None
    unitless: bool = False
    squared: bool = False
    guided: bool = False
    baseline: bool = False
    per_sd: bool = False
    gradient: str = ""

    def __post_init__(self):
        if not self.sentence:
            object.__setattr__(self, "sentence", (self.compute.__doc__ or "").split("\n")[0])


# Colours are Okabe and Ito's, which colour-blind readers can tell apart; random is black.
BLUE, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"

METHODS = {
    "saliency": Method(saliency, "Saliency", colour=BLUE, dash="solid"),
    "deeplift": Method(
        deeplift, "DeepLIFT", colour=VERMILION, dash="solid", scaled=None, baseline=True
    ),
    "smoothgrad": Method(
        smoothgrad, "SmoothGrad", colour=BLUE, dash="dash", rows="smoothgrad_draws"
    ),
    "inputxgradient": Method(
        input_x_gradient,
        "Input × gradient",
        colour=ORANGE,
        dash="solid",
        scaled=True,
        baseline=True,
        gradient="saliency",
    ),
    "integrated_gradients": Method(
        integrated_gradients,
        "Integrated gradients",
        colour=VERMILION,
        dash="dash",
        scaled=None,
        baseline=True,
        rows="integrated_gradients_steps",
    ),
    "deconvolution": Method(
        deconvolution, "Deconvolution", colour=GREEN, dash="solid", guided=True
    ),
    "guided_gradcam": Method(
        guided_gradcam, "Guided Grad-CAM", colour=PURPLE, dash="solid", squared=True, guided=True
    ),
    "guided_backprop": Method(
        guided_backprop, "Guided backprop", colour=GREEN, dash="dash", guided=True
    ),
    "gradientshap": Method(
        gradient_shap,
        "Gradient SHAP",
        colour=ORANGE,
        dash="dash",
        scaled=None,
        baseline=True,
        rows="gradientshap_draws",
    ),
    "random": Method(random, "Random", colour="#000000", dash="dot", unitless=True),
    "saliency_sd": Method(
        saliency_sd, "Saliency × SD", colour=BLUE, dash="dashdot", per_sd=True, gradient="saliency"
    ),
    "occlusion": Method(
        occlusion, "Occlusion", colour=PURPLE, dash="dash", scaled=True, baseline=True
    ),
}
