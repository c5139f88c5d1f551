"""Attribution: how much every sample of a beat contributed to the prediction."""

import warnings
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..ecg import INDEPENDENT_ROWS, onto_independent_leads
from ..network.prediction import (
    batch_of,
    check_beats,
    check_record_ids,
    in_batches,
    like,
    prepare_for_inference,
)
from ..validation import check_choice
from .methods import (
    CONTRIBUTION,
    MEANINGS,
    METHODS,
    AttributionConfig,
    AttributionContext,
    Method,
)

__all__ = ["MEANINGS", "METHODS", "AttributionConfig", "attribute", "factor", "kind"]
__all__ += ["typical_beat", "unit"]
LEAD_CHOICES = ("twelve", "independent")
RANDOM = "random"  # a control, though it is among the methods


def kind(method: str, multiply_by_inputs: bool = True) -> str:
    """The kind of a method's values: a key of MEANINGS."""
    row = METHODS[check_choice("method", method, METHODS)]
    return "sensitivity" if row.switchable and not multiply_by_inputs else row.kind


def unit(method: str, target_unit: str, multiply_by_inputs: bool = True) -> str:
    """The unit of a method's map: target unit, target unit (squared) per µV, or none for random."""
    found, row = kind(method, multiply_by_inputs), METHODS[method]
    if found == RANDOM:
        return ""
    if found == CONTRIBUTION or row.per_sd:
        return target_unit
    whole = f"({target_unit})" if "/" in target_unit else target_unit
    return f"{whole}{'²' if row.squared else ''}/µV"


def factor(
    method: str,
    beats: np.ndarray | Tensor,
    *,
    multiply_by_inputs: bool = True,
    baseline: np.ndarray | Tensor | None = None,
    voltage_sd: np.ndarray | Tensor | None = None,
) -> np.ndarray | Tensor | float:
    """What a method multiplies by: the difference from the baseline, the voltage's SD, or 1."""
    if METHODS[method].per_sd:
        return voltage_sd
    if kind(method, multiply_by_inputs) != CONTRIBUTION:
        return 1.0
    return beats if baseline is None else beats - baseline


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
    default on the beat itself), not on the other records. baseline: (lead, time) µV, the reference
    input of contributions, by default a flat line; voltage_sd: (lead, time) µV, for
    ``saliency_sd``, by default that of generated ECGs. batch_size: beats in the network at once.
    parameters: of AttributionConfig. leads: ``independent`` folds III, aVR, aVL and aVF onto I and
    II, (record, 8, time), see docs/methods.md. Raises ValueError for unknown names and values that
    are not finite.
    """
    row = METHODS[check_choice("method", method, METHODS)]
    allowed = [field.name for field in fields(AttributionConfig)]
    for name in parameters:
        check_choice("attribution parameter", name, allowed)
    config = AttributionConfig(multiply_by_inputs, seed, **parameters)
    beats = check_beats(beats_uv)
    if row.per_sd and voltage_sd is None:
        voltage_sd = typical_beat()[1]
    references = {
        "baseline": _one_beat("baseline", baseline, beats),
        "voltage_sd": _one_beat("voltage_sd", voltage_sd, beats),
    }
    if fold := check_choice("leads", leads, LEAD_CHOICES) == "independent":
        row, config = _foldable(method), replace(config, multiply_by_inputs=False)
    ids = check_record_ids(record_id, beats)
    model, device, dtype = prepare_for_inference(model)
    on_device = {n: None if v is None else v.to(device, dtype) for n, v in references.items()}
    size = batch_of(batch_size, device)
    out = torch.empty_like(beats)

    def compute(start: int, stop: int) -> None:
        context = AttributionContext(model, ids[start:stop], config, size, **on_device)
        out[start:stop] = _computed(row, context, beats[start:stop].to(device, dtype)).cpu()

    records = max(1, size // getattr(config, row.rows)) if row.rows else size
    in_batches(compute, len(beats), records, method, quiet=not progress)
    if fold:
        times = factor(method, beats, multiply_by_inputs=multiply_by_inputs, **references)
        out = _on_independent_leads(method, out, times)
    return like(out, beats_uv)


def _one_beat(name: str, values: np.ndarray | Tensor | None, beats: Tensor) -> Tensor | None:
    """A beat (lead, time) that is the same for all records, or ValueError."""
    if values is None:
        return None
    beat = check_beats(torch.as_tensor(values)[None], name)[0]
    if beat.shape != beats.shape[1:]:
        allowed = tuple(beats.shape[1:])
        raise ValueError(f"{name} has shape {tuple(beat.shape)}; allowed: {allowed}")
    return beat.to(beats.dtype)


@cache
def typical_beat() -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD (12, 600) in µV of the median beats of 1542 generated ECGs."""
    with np.load(Path(__file__).with_name("typical_beat.npz")) as file:
        return file["mean"].astype(np.float32), file["sd"].astype(np.float32)


def _computed(row: Method, context: AttributionContext, beats: Tensor) -> Tensor:
    """A method's map of some beats, without Captum's warnings about hooks and gradients."""
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        maps = row.compute(context, beats.requires_grad_()).detach()
    if maps.shape != beats.shape:
        raise RuntimeError(f"{row.label}: shape {tuple(maps.shape)} for {tuple(beats.shape)}")
    return maps


def _foldable(method: str) -> Method:
    """The method whose map is folded onto eight leads and multiplied afterwards, or ValueError."""
    row = METHODS[method]
    if row.baseline and not (row.gradient or row.switchable):
        raise ValueError(f"{method} has no gradient to fold onto eight leads; use leads='twelve'")
    return METHODS[row.gradient or method]


def _on_independent_leads(method: str, maps: Tensor, times: Tensor | float) -> Tensor:
    """Fold gradients on twelve leads onto the eight independent ones: (record, 8, time).

    III, aVR, aVL and aVF are linear in I and II, so the data do not determine how relevance is
    divided among the six, but they determine its total on I and II. Gradients (saliency,
    SmoothGrad) are folded exactly, by the chain rule; the backward signals of deconvolution, guided
    backprop and guided Grad-CAM by the same sums. Methods in target unit fold the (mean) gradient
    or multiplier and multiply by the voltages afterwards, which keeps the sum over all points
    (gradient SHAP: without the noise in that factor). Random keeps its numbers in those leads.
    """
    if METHODS[method].kind == RANDOM:
        return maps[:, INDEPENDENT_ROWS]
    folded = torch.from_numpy(onto_independent_leads(maps.numpy()))
    return folded * (times[..., INDEPENDENT_ROWS, :] if isinstance(times, Tensor) else times)
