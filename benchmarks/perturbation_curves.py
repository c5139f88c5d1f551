"""Row 5: perturbation curves, attribution given."""

import statistics

import numpy as np
import torch
from torch import Tensor, nn

from ecghelpers.perturbation import noise_field, perturbation_curve

from .setting import Setting, check_agreement, made_up_beats
from .timing import Row, ratios, take_turns

RECORDS, STEPS, NOISE_FRACTION = 16, 100, 0.2


def rows(setting: Setting) -> list[Row]:
    """Batched curves against the original's loop over records and steps."""
    beats = made_up_beats(RECORDS)
    attribution = torch.randn_like(beats)
    ids = [str(number) for number in range(RECORDS)]
    noise = noise_field(beats, NOISE_FRACTION, 0, ids)

    def ours() -> Tensor:
        return perturbation_curve(
            setting.fast,
            beats,
            attribution,
            steps=STEPS,
            noise_fraction=NOISE_FRACTION,
            record_id=ids,
        )

    def theirs() -> Tensor:
        return literal_curves(setting.plain, beats, attribution, noise, STEPS, setting.device)

    check_agreement(ours(), theirs(), 1e-5, "perturbation curves")
    seconds = take_turns({"ours": ours, "theirs": theirs}, setting.rounds, setting.device)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    found = ratios(seconds["theirs"], seconds["ours"])
    work = f"perturbation curves, {RECORDS} ECGs x {STEPS} steps"
    return [Row.of(work, "one at a time", (8, 11), found, **medians)]


def literal_curves(
    model: nn.Module,
    beats: Tensor,
    attribution: Tensor,
    noise: Tensor,
    steps: int,
    device: torch.device,
) -> Tensor:
    """The procedure as the original runs it: record by record, point by point.

    The point with the largest remaining |attribution| is removed from the list and gets noise, and
    this one beat is predicted again.
    """
    curves = np.empty((len(beats), steps + 1), dtype=np.float32)
    with torch.no_grad():
        for record in range(len(beats)):
            beat = beats[record].numpy().copy()
            remaining = attribution[record].abs().numpy().copy()
            curves[record, 0] = model(torch.from_numpy(beat)[None].to(device)).item()
            for step in range(1, steps + 1):
                point = np.unravel_index(remaining.argmax(), remaining.shape)
                remaining[point] = -1
                beat[point] += noise[record][point].item()
                curves[record, step] = model(torch.from_numpy(beat)[None].to(device)).item()
    return torch.from_numpy(curves)
