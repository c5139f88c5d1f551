"""Attribution: how much every sample of a beat contributed to the prediction.

To add a method, write a function (Run, beats) → map and give it a row in METHODS: name, function,
what people call it, one sentence, colour and dash. Notebooks, page, explorer and review read all of
it from there.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from captum import attr
from torch import Tensor, nn

from .config import check_choice, check_number, generator
from .ecg import INDEPENDENT_LEADS, LEADS, onto_independent_leads
from .prediction import batch_of, check_beats, check_record_ids, in_batches, like, ready

LEAD_CHOICES = ("twelve", "independent")


@dataclass(frozen=True)
class Settings:
    """What decides a map besides network, method and record; ``attribute`` takes each by name.

    multiply_by_inputs: for DeepLIFT, integrated gradients and gradient SHAP. attribution_noise: σ
    of SmoothGrad and gradient SHAP as a fraction of the beat's max - min.
    """

    multiply_by_inputs: bool = True
    seed: int = 0
    smoothgrad_draws: int = 25
    gradientshap_draws: int = 50
    integrated_gradients_steps: int = 50
    attribution_noise: float = 0.02


DEFAULTS = {
    field.name: field.default
    for field in fields(Settings)
    if field.name not in ("multiply_by_inputs", "seed")
}


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


def kind(method: str, multiply_by_inputs: bool = True) -> str:
    """What the values of a method's map are: a key of MEANINGS."""
    row = METHODS[check_choice("method", method, METHODS)]
    if row.unitless:
        return "random"
    if row.guided:
        return "guided"
    scaled = multiply_by_inputs if row.scaled is None else row.scaled
    return "contribution" if scaled else "sensitivity"


MEANINGS = {
    "contribution": "orange pushed the prediction up by so much, blue down",
    "sensitivity": "a higher voltage here would raise (orange) or lower (blue) the prediction",
    "guided": "strength only: orange and blue mean neither up nor down",
    "random": "chance: colours mean nothing",
}


def unit(method: str, target_unit: str, multiply_by_inputs: bool = True) -> str:
    """The unit of a method's map: target unit, target unit (squared) per µV, or none for random."""
    row = METHODS[check_choice("method", method, METHODS)]
    if row.unitless:
        return ""
    if multiply_by_inputs if row.scaled is None else row.scaled:
        return target_unit
    whole = f"({target_unit})" if "/" in target_unit else target_unit
    return f"{whole}{'²' if row.squared else ''}/µV"


def attribute(
    model: nn.Module,
    beats_uv: np.ndarray | Tensor,
    method: str,
    *,
    multiply_by_inputs: bool = True,
    leads: str = "twelve",
    seed: int = 0,
    record_id: Sequence[str] | None = None,
    batch_size: int | None = None,
    progress: bool = True,
    **parameters: float,
) -> np.ndarray | Tensor:
    """Attribute the model's output to every sample of the median beats.

    beats_uv: (record, lead, time) in µV. Returns the same shape on the CPU, an array for an array
    and a tensor for a tensor, in the unit that unit() names. A record's map depends on seed and
    record_id (by default on the beat itself), not on the other records. batch_size: beats in the
    network at once. parameters: any of DEFAULTS.

    leads: ``independent`` gives (record, 8, time) on I, II and V1 to V6. III, aVR, aVL and aVF are
    linear in I and II, so how relevance is shared among the six is not determined by the data; what
    it comes to on I and II is. Gradients (saliency, SmoothGrad) are folded exactly, by the chain
    rule; deconvolution, guided backprop and guided Grad-CAM by the same sums, for what they pass
    back. Methods in target unit fold the (mean) gradient or multiplier and multiply by the voltages
    afterwards, which keeps the sum over all points (gradient SHAP: without the noise in that
    factor). Random keeps its numbers in those leads.

    Raises ValueError for an unknown method, parameter or choice of leads and for beats that are not
    finite.
    """
    if check_choice("leads", leads, LEAD_CHOICES) == "independent":
        options = {"seed": seed, "record_id": record_id, "batch_size": batch_size}
        options |= {"multiply_by_inputs": multiply_by_inputs, "progress": progress}
        return _on_independent_leads(model, beats_uv, method, options | parameters)
    row = METHODS[check_choice("method", method, METHODS)]
    parameters = DEFAULTS | _check_parameters(parameters)
    beats = check_beats(beats_uv)
    ids = check_record_ids(record_id, beats)
    model, device, dtype = ready(model)
    batch_size = batch_of(batch_size, device)
    out = torch.empty_like(beats)

    def compute(start: int, stop: int) -> None:
        run = Run(model, ids[start:stop], seed, batch_size, multiply_by_inputs, parameters)
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")  # Captum announces its hooks and gradients every time
            part = beats[start:stop].to(device, dtype).requires_grad_()
            found = row.compute(run, part).detach()
        if found.shape != part.shape:
            raise RuntimeError(f"{method} gave shape {tuple(found.shape)} for {tuple(part.shape)}")
        out[start:stop] = found.cpu()

    records = max(1, batch_size // int(parameters[row.rows])) if row.rows else batch_size
    in_batches(compute, len(beats), records, method, quiet=not progress)
    return like(out, beats_uv)


def _on_independent_leads(
    model: nn.Module, beats_uv: np.ndarray | Tensor, method: str, options: dict
) -> np.ndarray | Tensor:
    """attribute with leads="independent": (record, 12, time) → (record, 8, time)."""
    row = METHODS[check_choice("method", method, METHODS)]
    beats = check_beats(beats_uv)
    rows = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    times_voltage = options["multiply_by_inputs"] if row.scaled is None else row.scaled
    gradient = row.gradient or method
    maps = attribute(model, beats, gradient, **options | {"multiply_by_inputs": False})
    if row.unitless:
        return like(maps[:, rows], beats_uv)
    folded = torch.from_numpy(onto_independent_leads(maps.numpy()))
    return like(folded * beats[:, rows] if times_voltage else folded, beats_uv)


def _check_parameters(parameters: dict) -> dict:
    for name, value in parameters.items():
        check_choice("attribution parameter", name, DEFAULTS)
        whole = isinstance(DEFAULTS[name], int)
        check_number(name, value, int(whole), whole=whole)
    return parameters


def completeness_error(
    maps: np.ndarray, prediction: np.ndarray, prediction_at_zero: float
) -> np.ndarray:
    """|Σ map - (f(x) - f(0))| of each record, in target unit.

    Zero for an exact integrated-gradients or DeepLIFT map with multiply_by_inputs (Sundararajan et
    al., proposition 1).
    """
    total = maps.reshape(len(maps), -1).sum(1, dtype=np.float64)
    return np.abs(total - (prediction.astype(np.float64) - prediction_at_zero))
