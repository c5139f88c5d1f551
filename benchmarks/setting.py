"""Shared by all rows of the table: networks, beats, and a check that results agree."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ecghelpers.network.model import FusedStevenNet, StevenNet, fuse


@dataclass(frozen=True)
class Setting:
    """The network in training, the same with torch's convolutions, and the fused network."""

    network: StevenNet
    plain: StevenNet
    fast: FusedStevenNet
    device: torch.device
    rounds: int


def make_setting(device: torch.device, rounds: int) -> Setting:
    """Networks with random weights, and batch statistics and a scale as after some training."""
    torch.manual_seed(0)
    network = StevenNet()
    with torch.no_grad():
        network.init_block.conv1.weight.mul_(1e-2)  # µV in
    network.train()
    for _ in range(20):
        network(made_up_beats(32))
    network.eval().to(device)
    plain = StevenNet(convolution=nn.Conv1d).to(device).eval()
    plain.load_state_dict(network.state_dict())
    return Setting(network, plain, fuse(network), device, rounds)


def made_up_beats(count: int, device: torch.device | None = None) -> Tensor:
    """Random beats (record, 12, 600) µV: a smooth random wave in every lead."""
    waves = torch.randn(count, 12, 24)
    return 300 * nn.functional.interpolate(waves, 600, mode="linear").to(device or "cpu")


def check_agreement(found: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
    """Raise ValueError unless found is wanted, relative to its size. Nothing is timed before."""
    found, wanted = found.detach().double().cpu(), wanted.detach().double().cpu()
    difference = float((found - wanted).norm() / wanted.norm())
    if not difference <= tolerance:
        raise ValueError(
            f"{what}: results differ by {difference:.1e} of their size; allowed: {tolerance:.0e}"
        )


def double(network: nn.Module) -> nn.Module:
    """A copy in double precision, the yardstick of agreement."""
    return copy.deepcopy(network).double()
