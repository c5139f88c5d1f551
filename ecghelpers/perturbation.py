"""The perturbation procedure: perturb the most important point, predict again, repeat.

To add a perturbation, write a function (beats, noise) → what a perturbed point becomes, and give it
a row in OPERATORS.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .config import check_choice, check_number, generator
from .prediction import batch_of, check_beats, check_record_ids, in_batches, like, ready

ORDERS = ("morf", "lerf")
OPERATORS = {
    "add_noise": lambda beats, noise: beats + noise,
    "replace_by_noise": lambda beats, noise: beats.mean(2, keepdim=True) + noise,
    "zero": lambda beats, noise: torch.zeros_like(beats),
    "lead_mean": lambda beats, noise: beats.mean(2, keepdim=True).expand_as(beats),
}


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
    steps: int,
    noise_fraction: float = 0.2,
    order: str = "morf",
    operator: str = "add_noise",
    seed: int = 0,
    record_id: Sequence[str] | None = None,
    batch_size: int | None = None,
    progress: bool = False,
) -> np.ndarray | Tensor:
    """Predict again and again while the points are perturbed in the order of their relevance.

    beats_uv and attribution: (record, lead, time). Returns predictions (record, steps + 1) in
    target unit; column k has k perturbed points, column 0 none. A record's curve depends on seed
    and record_id (by default on the beat itself), not on the other records. Raises ValueError for
    unknown names, shapes that differ, NaN, noise below zero, or more steps than points.
    """
    beats = check_beats(beats_uv)
    relevance = check_beats(attribution, "attribution")
    if relevance.shape != beats.shape:
        raise ValueError(
            f"attribution has shape {tuple(relevance.shape)}; allowed: that of beats_uv, "
            f"{tuple(beats.shape)}"
        )
    check_number("steps", steps, 0, beats.shape[1] * beats.shape[2], whole=True)
    check_number("noise_fraction", noise_fraction, 0)
    check_choice("order", order, ORDERS)
    check_choice("operator", operator, OPERATORS)
    ids = check_record_ids(record_id, beats)
    model, device, dtype = ready(model)
    out = torch.empty(len(beats), steps + 1, dtype=dtype)
    batch_size = batch_of(batch_size, device)

    def compute(start: int, stop: int) -> None:
        chosen = slice(start, stop)
        part, names = beats[chosen], ids[chosen]
        ranked = relevance_order(
            relevance[chosen], order, seed=seed, record_id=names, device=device
        )
        replaced = OPERATORS[operator](part, noise_field(part, noise_fraction, seed, names))
        pair = part.to(device, dtype), replaced.to(device, dtype)
        out[chosen] = _predict_steps(model, *pair, ranked, steps, batch_size)

    with torch.inference_mode():
        records = max(1, 4 * batch_size // (steps + 1))
        in_batches(compute, len(beats), records, "perturbation", quiet=not progress)
    return like(out, beats_uv)


def _predict_steps(
    model: nn.Module, beats: Tensor, replaced: Tensor, ranked: Tensor, steps: int, batch_size: int
) -> Tensor:
    """Predictions (record, steps + 1) of beats whose first 0 … steps ranked points are replaced."""
    rank = torch.empty_like(ranked)
    rank.scatter_(1, ranked, torch.arange(ranked.shape[1], device=ranked.device).expand_as(ranked))
    rank = rank.view_as(beats)
    rows = torch.arange(len(beats) * (steps + 1), device=beats.device)
    out = torch.empty(len(rows), dtype=beats.dtype)
    for part in rows.split(batch_size):
        record, step = part // (steps + 1), part % (steps + 1)
        perturbed = torch.where(rank[record] < step[:, None, None], replaced[record], beats[record])
        out[int(part[0]) : int(part[-1]) + 1] = model(perturbed).flatten().cpu()
    return out.view(len(beats), steps + 1)
