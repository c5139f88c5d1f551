"""Attribution: how much every sample of a beat contributed to the prediction."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .attribution_methods import METHODS, AttributionContext, Method
from .ecg import INDEPENDENT_LEADS, LEADS, onto_independent_leads
from .prediction import (
    batch_of,
    check_beats,
    check_record_ids,
    in_batches,
    like,
    prepare_for_inference,
)
from .validation import check_choice, check_number

LEAD_CHOICES = ("twelve", "independent")
RANDOM = "random"  # a control, though it is among the methods


@dataclass(frozen=True)
class AttributionConfig:
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
    for field in fields(AttributionConfig)
    if field.name not in ("multiply_by_inputs", "seed")
}


def _scaled(row: Method, multiply_by_inputs: bool) -> bool:
    return multiply_by_inputs if row.scaled is None else row.scaled


def kind(method: str, multiply_by_inputs: bool = True) -> str:
    """What the values of a method's map are: a key of MEANINGS."""
    row = METHODS[check_choice("method", method, METHODS)]
    if row.unitless:
        return "random"
    if row.guided:
        return "guided"
    return "contribution" if _scaled(row, multiply_by_inputs) else "sensitivity"


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
    if row.per_sd or _scaled(row, multiply_by_inputs):
        return target_unit
    whole = f"({target_unit})" if "/" in target_unit else target_unit
    return f"{whole}{'²' if row.squared else ''}/µV"


def attribute(
    model: nn.Module,
    beats_uv: np.ndarray | Tensor,
    method: str,
    *,
    multiply_by_inputs: bool = True,
    baseline: np.ndarray | Tensor | None = None,
    voltage_sd: np.ndarray | Tensor | None = None,
    leads: str = "twelve",
    seed: int = 0,
    record_id: Sequence[str] | None = None,
    batch_size: int | None = None,
    progress: bool = True,
    **parameters: float,
) -> np.ndarray | Tensor:
    """Attribute the model's output to every sample of the median beats.

    beats_uv: (record, lead, time) in µV. Returns the same shape on the CPU, array or tensor as it
    was given, in the unit that unit() names. A record's map depends on seed and record_id (by
    default on the beat itself), not on the other records. baseline: (lead, time) µV, what
    contributions are explained against, by default a flat line; voltage_sd: (lead, time) µV, for
    ``saliency_sd``, by default that of generated ECGs. batch_size: beats in the network at once.
    parameters: any of DEFAULTS. leads: ``independent`` folds III, aVR, aVL and aVF onto I and II,
    (record, 8, time), see docs/methods.md. Raises ValueError for what is unknown or not finite.
    """
    if check_choice("leads", leads, LEAD_CHOICES) == "independent":
        options = {"seed": seed, "record_id": record_id, "batch_size": batch_size}
        options |= {"multiply_by_inputs": multiply_by_inputs, "progress": progress}
        options |= {"baseline": baseline, "voltage_sd": voltage_sd}
        return _on_independent_leads(model, beats_uv, method, options | parameters)
    row = METHODS[check_choice("method", method, METHODS)]
    parameters = DEFAULTS | _check_parameters(parameters)
    beats = check_beats(beats_uv)
    ids = check_record_ids(record_id, beats)
    model, device, dtype = prepare_for_inference(model)
    size = batch_of(batch_size, device)
    run = AttributionContext(model, ids, seed, size, multiply_by_inputs, parameters)
    given = {"baseline": baseline, "voltage_sd": _typical_sd(beats) if row.per_sd else None}
    given |= {"voltage_sd": voltage_sd} if voltage_sd is not None else {}
    run = replace(run, **{n: _one_beat(n, v, beats, device, dtype) for n, v in given.items()})
    out = torch.empty_like(beats)

    def compute(start: int, stop: int) -> None:
        part = beats[start:stop].to(device, dtype)
        out[start:stop] = _computed(row, replace(run, record_id=ids[start:stop]), part).cpu()

    records = max(1, run.batch_size // int(parameters[row.rows])) if row.rows else run.batch_size
    in_batches(compute, len(beats), records, method, quiet=not progress)
    return like(out, beats_uv)


def _one_beat(name: str, values, beats: Tensor, device, dtype) -> Tensor | None:
    """A beat that is the same for all records, as (lead, time); (lead, 1) is spread over time."""
    if values is None:
        return None
    beat = check_beats(torch.as_tensor(values)[None], name)[0]
    if beat.shape not in (beats.shape[1:], (beats.shape[1], 1)):
        allowed = tuple(beats.shape[1:])
        raise ValueError(f"{name} has shape {tuple(beat.shape)}; allowed: {allowed}")
    return beat.to(device, dtype).expand(beats.shape[1:])


def _typical_sd(beats: Tensor) -> np.ndarray:
    """The voltage's SD over generated ECGs; of each lead where beats are not 1.2 s long."""
    sd = typical_beat()[1]
    return sd if sd.shape == beats.shape[1:] else sd[: beats.shape[1]].mean(1, keepdims=True)


@cache
def typical_beat() -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD (12, 600) in µV of the median beats of 1542 generated ECGs."""
    with np.load(Path(__file__).with_name("typical_beat.npz")) as file:
        return file["mean"].astype(np.float32), file["sd"].astype(np.float32)


def _computed(row: Method, run: AttributionContext, beats: Tensor) -> Tensor:
    """A method's map of some beats, without Captum's announcements of its hooks and gradients."""
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        maps = row.compute(run, beats.requires_grad_()).detach()
    if maps.shape != beats.shape:
        raise RuntimeError(f"{row.label}: shape {tuple(maps.shape)} for {tuple(beats.shape)}")
    return maps


def _on_independent_leads(
    model: nn.Module, beats_uv: np.ndarray | Tensor, method: str, options: dict
) -> np.ndarray | Tensor:
    """attribute with leads="independent": (record, 12, time) → (record, 8, time).

    III, aVR, aVL and aVF are linear in I and II, so how relevance is shared among the six is not
    determined by the data; what it comes to on I and II is. Gradients (saliency, SmoothGrad) are
    folded exactly, by the chain rule; deconvolution, guided backprop and guided Grad-CAM by the
    same sums, for what they pass back. Methods in target unit fold the (mean) gradient or
    multiplier and multiply by the voltages afterwards, which keeps the sum over all points
    (gradient SHAP: without the noise in that factor). Random keeps its numbers in those leads.
    """
    row = METHODS[check_choice("method", method, METHODS)]
    beats = check_beats(beats_uv)
    rows = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    if row.scaled and not row.gradient:
        raise ValueError(f"{method} has no gradient to fold onto eight leads; use leads='twelve'")
    gradient = row.gradient or method
    maps = attribute(model, beats, gradient, **options | {"multiply_by_inputs": False})
    if row.unitless:
        return like(maps[:, rows], beats_uv)
    factor = 1.0
    if row.per_sd or _scaled(row, options["multiply_by_inputs"]):
        given = options["voltage_sd" if row.per_sd else "baseline"]
        given = _typical_sd(beats) if row.per_sd and given is None else given
        one = _one_beat("factor", given, beats, "cpu", beats.dtype)
        factor = one[rows] if row.per_sd else (beats if one is None else beats - one)[:, rows]
    return like(torch.from_numpy(onto_independent_leads(maps.numpy())) * factor, beats_uv)


def _check_parameters(parameters: dict) -> dict:
    for name, value in parameters.items():
        check_choice("attribution parameter", name, DEFAULTS)
        whole = isinstance(DEFAULTS[name], int)
        check_number(name, value, int(whole), whole=whole)
    return parameters


def completeness_error(
    maps: np.ndarray, prediction: np.ndarray, prediction_at_baseline: float
) -> np.ndarray:
    """|Σ map - (f(x) - f(baseline))| of each record, in target unit.

    Zero for an exact integrated-gradients or DeepLIFT map with multiply_by_inputs (Sundararajan et
    al., proposition 1).
    """
    total = maps.reshape(len(maps), -1).sum(1, dtype=np.float64)
    return np.abs(total - (prediction.astype(np.float64) - prediction_at_baseline))
