"""Networks, beats and records that several test modules share."""

import numpy as np
import torch
from fake_results import beat
from torch import nn

from ecghelpers.data.medians import Medians
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.network.model import StevenNet


def steven_net(seed: int = 2, dtype: torch.dtype = torch.float64) -> StevenNet:
    """A StevenNet with random weights and batch statistics as after some training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = StevenNet()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.1)
        network.init_block.conv1.weight.data *= 1e-2  # µV in
        network.fc1.weight.data.abs_().mul_(10)  # Grad-CAM drops what is negative
    return network.to(dtype).eval()


def beats(count: int, seed: int = 0, dtype=np.float64) -> np.ndarray:
    """(record, 12, 600) µV, made up."""
    rng = np.random.default_rng(seed)
    return np.stack([beat(rng) for _ in range(count)]).astype(dtype)


def medians_of(beats_uv, ids=None, split="test", targets=np.nan, fiducials=np.nan) -> Medians:
    """Records of these beats; the tables and splits may be one value for all of them."""
    count = len(beats_uv)
    ids = [f"r{number}" for number in range(count)] if ids is None else ids
    tables = (
        np.broadcast_to(values, (count, len(names))).astype(np.float32)
        for values, names in ((targets, TARGETS), (fiducials, FIDUCIALS))
    )
    splits = np.broadcast_to(split, count).astype(object)
    return Medians(np.array(ids, object), splits, beats_uv, *tables, {})


class Linear(nn.Module):
    """f(x) = Σ weight · x: every attribution and every curve is known in closed form."""

    def __init__(self, weight: np.ndarray):
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight))

    def forward(self, x):
        return (x * self.weight).flatten(1).sum(1, keepdim=True)
