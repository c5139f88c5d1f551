"""The perturbation procedure: perturb the most important points, predict again, repeat."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..ecg import BEAT_SHAPE
from ..network.prediction import (
    batch_of,
    check_beats,
    check_record_ids,
    in_batches,
    like,
    prepare_for_inference,
)
from ..runtime import generator
from ..validation import check_choice, check_number
from .intervention import intervention_effects
from .operators import OPERATORS, interpolated

__all__ = [
    "OPERATORS",
    "intervention_effects",
    "noise_field",
    "perturbation_curve",
    "relevance_order",
]

ORDERS = ("morf", "lerf")
POINTS = BEAT_SHAPE[0] * BEAT_SHAPE[1]


def relevance_order(
    attribution: np.ndarray | Tensor,
    order: str = "morf",
    *,
    seed: int = 0,
    record_id: Sequence[str] | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Order the points of every record by |attribution|: (record, lead, time) → (record, point).

    ``morf``: most relevant first; ``lerf``: least relevant first. Equal values, zeros among them,
    come in an order drawn from (seed, record id): always the same, and no lead or time favoured.
    Points are numbered lead by lead. Every point of every record is in the result, which is on the
    device.
    """
    check_choice("order", order, ORDERS)
    attribution = check_beats(attribution, "attribution")
    ids = check_record_ids(record_id, attribution)
    key = attribution.abs().flatten(1)
    shuffled = [generator(seed, "ties", i).permutation(key.shape[1]) for i in ids]
    shuffled = torch.from_numpy(np.stack(shuffled)) if ids else torch.empty(key.shape).long()
    key, shuffled = key.to(device), shuffled.to(device)
    ranked = key.gather(1, shuffled).argsort(dim=1, descending=order == "morf", stable=True)
    return shuffled.gather(1, ranked)


def noise_field(beats: Tensor, noise_fraction: float, seed: int, ids: Sequence[str]) -> Tensor:
    """(record, lead, time) of N(0, (noise_fraction · (max - min))²), from (seed, record id)."""
    shape = tuple(beats.shape[1:])
    fields = [generator(seed, "perturbation", i).standard_normal(shape, np.float32) for i in ids]
    span = beats.amax((1, 2)) - beats.amin((1, 2))
    return torch.from_numpy(np.stack(fields)).to(beats) * (noise_fraction * span)[:, None, None]


def perturbation_curve(
    model: nn.Module,
    beats_uv: np.ndarray | Tensor,
    attribution: np.ndarray | Tensor,
    *,
    steps: int | Sequence[int],
    noise_fraction: float = 0.2,
    order: str = "morf",
    operator: str = "add_noise",
    seed: int = 0,
    record_id: Sequence[str] | None = None,
    donors: np.ndarray | None = None,
    batch_size: int | None = None,
    progress: bool = False,
) -> np.ndarray | Tensor:
    """Predict again and again while the points are perturbed in the order of their relevance.

    beats_uv and attribution: (record, lead, time). steps: a number gives predictions
    (record, steps + 1) in target unit, where column k has k perturbed points and column 0 none; a
    sequence of counts gives a column for each, and nothing else is computed. donors: (donor, lead,
    time) in µV, from which ``other_record`` takes a beat for each record; without them it takes
    another record of beats_uv. A record's curve depends on seed and record_id (by default on the
    beat itself), not on the other records. Raises ValueError for unknown names, shapes that differ,
    NaN, noise below zero, or more steps than points.
    """
    beats, relevance = check_beats(beats_uv), check_beats(attribution, "attribution")
    if relevance.shape != beats.shape:
        raise ValueError(
            f"attribution has shape {tuple(relevance.shape)}; allowed: that of beats_uv, "
            f"{tuple(beats.shape)}"
        )
    row = OPERATORS[check_choice("operator", operator, OPERATORS)]
    check_number("noise_fraction", noise_fraction, 0)
    check_choice("order", order, ORDERS)
    counts, ids = _counts(steps, beats), check_record_ids(record_id, beats)
    other = _others(beats, donors, seed, ids) if operator == "other_record" else lambda part: None
    model, device, dtype = prepare_for_inference(model)
    out = torch.empty(len(beats), len(counts), dtype=dtype)
    rows = batch_of(batch_size, device)

    def compute(start: int, stop: int) -> None:
        part = slice(start, stop)
        given = {"seed": seed, "record_id": ids[part], "device": device}
        ranked, replaced = relevance_order(relevance[part], order, **given), None
        if row.replacement:
            noise = noise_field(beats[part], noise_fraction, seed, ids[part])
            replaced = row.replacement(beats[part], noise, other(part)).to(device, dtype)
        on_device = beats[part].to(device, dtype)
        out[part] = _predict_steps(model, on_device, replaced, ranked, counts.to(device), rows)

    with torch.inference_mode():
        records = max(1, 4 * rows // len(counts))
        in_batches(compute, len(beats), records, "perturbation", quiet=not progress)
    return like(out, beats_uv)


def _counts(steps: int | Sequence[int], beats: Tensor) -> Tensor:
    """The numbers of perturbed points, a column each."""
    points = beats.shape[1] * beats.shape[2]
    if np.ndim(steps) == 0:
        return torch.arange(check_number("steps", steps, 0, points, whole=True) + 1)
    counts = [check_number("steps", count, 0, points, whole=True) for count in steps]
    if not counts:
        raise ValueError("steps is empty; give a number of steps, or the counts of points")
    return torch.tensor(counts, dtype=torch.long)


def _others(
    beats: Tensor, donors: np.ndarray | None, seed: int, ids: Sequence[str]
) -> Callable[[slice], Tensor]:
    """A function from a slice of the records to a beat of another record for each."""
    count, draws = len(beats), [generator(seed, "donor", i) for i in ids]
    if donors is None:
        if count == 1:
            raise ValueError("operator 'other_record' needs another record: give donors")
        rows = [(row + int(draw.integers(1, count))) % count for row, draw in enumerate(draws)]
        return lambda part: beats[rows[part]]
    if donors.ndim != 3 or donors.shape[1:] != beats.shape[1:] or not len(donors):
        raise ValueError(
            f"donors have shape {donors.shape}; allowed: (donor, {beats.shape[1]}, "
            f"{beats.shape[2]}) with at least one"
        )
    rows = [int(draw.integers(len(donors))) for draw in draws]
    return lambda part: torch.from_numpy(np.array(donors[rows[part]])).to(beats)


def _predict_steps(
    model: nn.Module,
    beats: Tensor,
    replaced: Tensor | None,
    ranked: Tensor,
    counts: Tensor,
    batch_size: int,
) -> Tensor:
    """Predictions (record, count) of beats whose first ``count`` ranked points are perturbed."""
    rank = torch.empty_like(ranked)
    rank.scatter_(1, ranked, torch.arange(ranked.shape[1], device=ranked.device).expand_as(ranked))
    rank = rank.view_as(beats)
    rows = torch.arange(len(beats) * len(counts), device=beats.device)
    out = torch.empty(len(rows), dtype=beats.dtype)
    for part in rows.split(batch_size):
        record, count = part // len(counts), counts[part % len(counts)]
        chosen = rank[record] < count[:, None, None]
        if replaced is None:
            perturbed = interpolated(beats[record], chosen)
        else:
            perturbed = torch.where(chosen, replaced[record], beats[record])
        out[int(part[0]) : int(part[-1]) + 1] = model(perturbed).flatten().cpu()
    return out.view(len(beats), len(counts))
