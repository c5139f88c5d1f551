"""What a perturbed point becomes: a function each, and the table OPERATORS.

To add a way of perturbing, write a function (beats, noise, other) → what each perturbed point
becomes, and give it a row in OPERATORS. All are tensors (record, lead, time); noise: N(0, σ²), σ a
fraction of the beat's range; other: a beat of another record, for ``other_record`` alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..ecg import MS_PER_SAMPLE

BLUR_MS = 100


def blurred(beats: Tensor, noise: Tensor, other: Tensor | None) -> Tensor:
    """A moving average of about 100 ms; ends are repeated."""
    reach = round(BLUR_MS / MS_PER_SAMPLE / 2)
    padded = nn.functional.pad(beats, (reach, reach), mode="replicate")
    return nn.functional.avg_pool1d(padded, 2 * reach + 1, stride=1)


def interpolated(beats: Tensor, perturbed: Tensor) -> Tensor:
    """Beats with straight lines where they are perturbed, from neighbour to neighbour in the lead.

    perturbed: boolean, of the same shape. Before the first sample that is left, and after the last,
    its value is held; a lead without any becomes zero.
    """
    time = torch.arange(beats.shape[-1], device=beats.device)
    none, end = -1, beats.shape[-1]
    before = torch.where(perturbed, none, time).cummax(-1).values
    after = torch.where(perturbed, end, time).flip(-1).cummin(-1).values.flip(-1)
    left = beats.gather(-1, torch.where(before == none, after, before).clamp(max=end - 1))
    right = beats.gather(-1, torch.where(after == end, before, after).clamp(min=0))
    share = (time - before).to(beats) / (after - before).clamp(min=1)
    line = torch.lerp(left, right, share.clamp(0, 1))
    return torch.where(perturbed.all(-1, keepdim=True), torch.zeros_like(beats), line)


@dataclass(frozen=True)
class Operator:
    """A row of OPERATORS.

    replacement: what each perturbed point becomes, (record, lead, time), whichever others are
    perturbed; None: a line between the points that are left.
    """

    label: str
    replacement: Callable[[Tensor, Tensor, Tensor | None], Tensor] | None


OPERATORS = {
    # The published procedure: it mostly shows where the network reacts to roughness.
    "add_noise": Operator("noise added", lambda beats, noise, other: beats + noise),
    # The isoelectric line.
    "zero": Operator("set to zero", lambda beats, noise, other: torch.zeros_like(beats)),
    # A moving average removes the detail and leaves the slow course.
    "blur": Operator("blurred", blurred),
    # The same samples of a training record: values that occur in the training data.
    "other_record": Operator("of another record", lambda beats, noise, other: other),
    # A straight line between the samples that are left: the smoothest way to remove one.
    "interpolate": Operator("interpolated", None),
}
