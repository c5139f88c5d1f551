"""Row 6: intervention effects of every segment."""

import statistics

import torch
from torch import Tensor, nn

from ecghelpers.perturbation.intervention import intervention_effects, segment_windows

from .setting import Setting, check_agreement, made_up_beats
from .timing import Row, ratios, take_turns


def rows(setting: Setting) -> list[Row]:
    """Effects of one donor on one ECG, batched, against a loop over leads and segments."""
    beats = made_up_beats(2)

    def ours() -> Tensor:
        effects = intervention_effects(setting.fast, beats[:1], beats[1:].numpy())
        return torch.from_numpy(effects)[0, 0]

    def theirs() -> Tensor:
        return one_at_a_time(setting.plain, beats[0], beats[1], setting.device)

    check_agreement(ours(), theirs(), 1e-4, "intervention effects")
    seconds = take_turns({"ours": ours, "theirs": theirs}, setting.rounds, setting.device)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    found = ratios(seconds["theirs"], seconds["ours"])
    return [Row.of("intervention map, 360 segments", "one at a time", (5, 8), found, **medians)]


def one_at_a_time(model: nn.Module, beat: Tensor, donor: Tensor, device: torch.device) -> Tensor:
    """Replace, predict, put back: (lead, segment) changes of the prediction."""
    windows = torch.from_numpy(segment_windows(beat.shape[1])).to(beat)
    effects = torch.empty(len(beat), len(windows))
    with torch.no_grad():
        before = model(beat[None].to(device)).item()
        for lead in range(len(beat)):
            for number, window in enumerate(windows):
                changed = beat.clone()
                changed[lead] += window * (donor[lead] - beat[lead])
                effects[lead, number] = model(changed[None].to(device)).item() - before
    return effects
