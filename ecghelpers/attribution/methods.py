"""The attribution methods: a function each, and the table METHODS.

To add a method, write a function (AttributionContext, beats) → map whose docstring begins with a
sentence for users, and give it a row in METHODS. Notebooks, page, explorer and review use that
table.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from ..perturbation.intervention import intervention_effects
from ..runtime import generator
from ..validation import check_number


@dataclass(frozen=True)
class AttributionConfig:
    """What decides a map besides network, method and record.

    multiply_by_inputs: for DeepLIFT, integrated gradients and gradient SHAP. attribution_noise: σ
    of SmoothGrad and gradient SHAP as a fraction of the beat's max - min. Raises ValueError for
    numbers out of range.
    """

    multiply_by_inputs: bool = True
    seed: int = 0
    smoothgrad_draws: int = 25
    gradientshap_draws: int = 50
    integrated_gradients_steps: int = 50
    attribution_noise: float = 0.02

    def __post_init__(self):
        for field in fields(self)[2:]:
            whole = isinstance(field.default, int)
            check_number(field.name, getattr(self, field.name), int(whole), whole=whole)


class _Captum:
    """captum.attr, imported on first use: most steps need the table METHODS alone."""

    def __getattr__(self, name: str):
        return getattr(importlib.import_module("captum.attr"), name)


attr = _Captum()


@dataclass(frozen=True)
class AttributionContext:
    """What a method needs besides the beats.

    baseline: (lead, time) µV, the reference input of contributions; voltage_sd: (lead, time) µV.
    """

    model: nn.Module
    record_id: Sequence[str]
    config: AttributionConfig
    batch_size: int
    baseline: Tensor | None = None
    voltage_sd: Tensor | None = None

    def against(self, beats: Tensor) -> Tensor:
        """(1, lead, time): the baseline, by default a flat line."""
        return torch.zeros_like(beats[:1]) if self.baseline is None else self.baseline[None]

    def normal(self, purpose: str, shape: tuple, beats: Tensor) -> Tensor:
        """(record, *shape) standard normal numbers that belong to the seed and the record."""
        draws = (generator(self.config.seed, purpose, i) for i in self.record_id)
        numbers = np.stack([draw.standard_normal(shape, np.float32) for draw in draws])
        return torch.from_numpy(numbers).to(beats)

    def noise(self, purpose: str, draws: int, beats: Tensor) -> Tensor:
        """(record, draw, lead, time) of N(0, σ²), σ set by each beat's own range."""
        span = beats.amax((1, 2)) - beats.amin((1, 2))
        sigma = (self.config.attribution_noise * span)[:, None, None, None]
        return self.normal(purpose, (draws, *beats.shape[1:]), beats) * sigma


def saliency(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient: how much the prediction would change with the voltage at each sample.

    Signed (Simonyan et al., arXiv 1312.6034).
    """
    return attr.Saliency(context.model).attribute(beats, abs=False)


def saliency_sd(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient times the SD of the voltage: the effect of a change of typical size.

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

    Occlusion of Zeiler and Fergus (arXiv 1311.2901) with the segments of the intervention maps,
    divided equally among their samples: the sum over a segment is minus the effect of replacing it.
    """
    given = {"donors_uv": context.against(beats), "batch_size": context.batch_size}
    effects = torch.from_numpy(intervention_effects(context.model, beats, **given)[:, 0]).to(beats)
    samples = beats.shape[-1] // effects.shape[-1]
    return -effects.repeat_interleave(samples, dim=-1) / samples


def deconvolution(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient, but each ReLU passes only positive values back.

    Zeiler and Fergus, arXiv 1311.2901.
    """
    return attr.Deconvolution(context.model).attribute(beats)


def guided_backprop(context: AttributionContext, beats: Tensor) -> Tensor:
    """The gradient, but each ReLU passes only positive values back, and only if it was active.

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
    """The difference from the baseline's prediction, divided among the samples layer by layer.

    Rescale rule (Shrikumar et al., arXiv 1704.02685).
    """
    method = attr.DeepLift(context.model, context.config.multiply_by_inputs)
    return method.attribute(beats, baselines=context.against(beats).expand_as(beats).contiguous())


def integrated_gradients(context: AttributionContext, beats: Tensor) -> Tensor:
    """The voltage's difference from the baseline times the mean gradient on the path between them.

    Sundararajan et al., arXiv 1703.01365.
    """
    config = context.config
    method = attr.IntegratedGradients(context.model, config.multiply_by_inputs)
    return method.attribute(
        beats,
        baselines=context.against(beats),
        n_steps=config.integrated_gradients_steps,
        internal_batch_size=max(context.batch_size, len(beats)),
    )


def smoothgrad(context: AttributionContext, beats: Tensor) -> Tensor:
    """The mean gradient of noisy copies of the beat.

    Smilkov et al., arXiv 1706.03825.
    """
    noise = context.noise("smoothgrad", context.config.smoothgrad_draws, beats)
    return _gradients(context, beats[:, None] + noise).mean(1)


def gradient_shap(context: AttributionContext, beats: Tensor) -> Tensor:
    """Gradients at random points between the baseline and noisy copies, times their difference.

    Captum's GradientShap (Lundberg and Lee, arXiv 1705.07874), each record with its own draws.
    """
    draws, seed = context.config.gradientshap_draws, context.config.seed
    baseline = context.against(beats)[:, None]
    away = beats[:, None] + context.noise("gradientshap", draws, beats) - baseline
    along = [generator(seed, "gradientshap path", i).random(draws) for i in context.record_id]
    along = torch.from_numpy(np.stack(along)).to(beats)[:, :, None, None]
    gradients = _gradients(context, baseline + along * away)
    return (gradients * away if context.config.multiply_by_inputs else gradients).mean(1)


def random(context: AttributionContext, beats: Tensor) -> Tensor:
    """Random numbers, independent of the network: a control for all other methods."""
    return context.normal("random", tuple(beats.shape[1:]), beats)


def _gradients(context: AttributionContext, points: Tensor) -> Tensor:
    """Gradients at (record, draw, lead, time), at most batch_size points at once."""
    flat = points.flatten(0, 1)
    method = attr.Saliency(context.model)
    parts = [method.attribute(part, abs=False) for part in flat.split(context.batch_size)]
    return torch.cat(parts).view_as(points)


@dataclass(frozen=True)
class Method:
    """A row of the table.

    label and colour: in every figure. kind: a key of MEANINGS. Contributions explain the difference
    from a baseline, in target unit; all others are in target unit per µV. switchable: a sensitivity
    unless multiply_by_inputs. squared: the gradient times a class activation map, which is in
    target unit as well. per_sd: a sensitivity for a change of one SD, in target unit. rows: the
    setting that says how many beats one record becomes. gradient: the method whose map it
    multiplies by something else, if any.
    """

    compute: Callable[[AttributionContext, Tensor], Tensor]
    label: str
    colour: str = "#666666"
    kind: str = "sensitivity"
    rows: str = ""
    switchable: bool = False
    squared: bool = False
    per_sd: bool = False
    gradient: str = ""

    @property
    def sentence(self) -> str:
        """What the method does, for people: the first line of its docstring."""
        return (self.compute.__doc__ or "").split("\n")[0]

    @property
    def baseline(self) -> bool:
        """Whether it explains the difference from a baseline."""
        return self.kind == CONTRIBUTION


CONTRIBUTION, GUIDED = "contribution", "guided"
MEANINGS = {
    CONTRIBUTION: "orange raised the prediction by this amount, blue lowered it",
    "sensitivity": "a higher voltage here would raise (orange) or lower (blue) the prediction",
    GUIDED: "strength only: orange and blue mean neither up nor down",
    "random": "chance: colours mean nothing",
}

# Colours are Okabe and Ito's, which colour-blind people can distinguish; random is black.
BLUE, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"

METHODS = {
    "saliency": Method(saliency, "Saliency", BLUE),
    "deeplift": Method(deeplift, "DeepLIFT", VERMILION, CONTRIBUTION, switchable=True),
    "smoothgrad": Method(smoothgrad, "SmoothGrad", BLUE, rows="smoothgrad_draws"),
    "inputxgradient": Method(
        input_x_gradient, "Input × gradient", ORANGE, CONTRIBUTION, gradient="saliency"
    ),
    "integrated_gradients": Method(
        integrated_gradients,
        "Integrated gradients",
        VERMILION,
        CONTRIBUTION,
        rows="integrated_gradients_steps",
        switchable=True,
    ),
    "deconvolution": Method(deconvolution, "Deconvolution", GREEN, GUIDED),
    "guided_gradcam": Method(guided_gradcam, "Guided Grad-CAM", PURPLE, GUIDED, squared=True),
    "guided_backprop": Method(guided_backprop, "Guided backprop", GREEN, GUIDED),
    "gradientshap": Method(
        gradient_shap,
        "Gradient SHAP",
        ORANGE,
        CONTRIBUTION,
        rows="gradientshap_draws",
        switchable=True,
    ),
    "random": Method(random, "Random", "#000000", "random"),
    "saliency_sd": Method(saliency_sd, "Saliency × SD", BLUE, per_sd=True, gradient="saliency"),
    "occlusion": Method(occlusion, "Occlusion", PURPLE, CONTRIBUTION),
}
