"""Row 4: one step of training, batch 32: forward, backward and update."""

import copy
import statistics

import torch
from torch import nn

from .setting import Setting, check_agreement, double, made_up_beats
from .timing import Row, ratios, take_turns

BATCH = 32


def rows(setting: Setting) -> list[Row]:
    """The training network against the same with torch's convolutions."""
    beats = made_up_beats(BATCH, setting.device)
    target = torch.randn(BATCH, 1, device=setting.device)
    exact = gradient(double(setting.plain), beats.double(), target.double())
    check_agreement(gradient(setting.network, beats, target), exact, 1e-3, "gradient of weights")
    seconds = take_turns(
        {
            "ours": stepper(setting.network, beats, target),
            "theirs": stepper(setting.plain, beats, target),
        },
        2 * setting.rounds,
        setting.device,
    )
    a_beat = {name: statistics.median(values) / BATCH for name, values in seconds.items()}
    found = ratios(seconds["theirs"], seconds["ours"])
    return [Row.of(f"training step, batch {BATCH}", "plain", (6, 8), found, **a_beat)]


def gradient(network: nn.Module, beats: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The gradient of all weights as one vector. In evaluation mode: the statistics stay."""
    loss = nn.functional.mse_loss(network(beats), target)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])


def stepper(network: nn.Module, beats: torch.Tensor, target: torch.Tensor):
    """A function that trains a copy of the network by one step."""
    network = copy.deepcopy(network).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(network(beats), target).backward()
        optimizer.step()

    return step
