"""Does a map depend on the learned weights? Maps of randomised networks.

All maps are drawn with the settings of the stored ones. None of these tests shows that a map is
right: one that marks the wrong place can depend on the weights, agree between trainings and be
stable.
"""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from ..attribution import factor
from ..network.model import StevenNet
from ..runtime import generator
from . import metrics

PARTS = ("fc1", *(f"block{number}" for number in range(8, 0, -1)), "init_block")
STAGES = {"last_layer": PARTS[:1], "upper_half": PARTS[:5], "all_layers": PARTS}


@torch.no_grad()
def shuffled(
    model: StevenNet, stage: str, beats_uv: np.ndarray, seed: int = 0, record: str = ""
) -> StevenNet:
    """A copy of a network with shuffled weights from the output down to a stage.

    Cascading randomisation of Adebayo et al., arXiv 1810.03292. Each weight tensor is permuted, so
    scales are kept. stage: a key of STAGES; beats_uv: (record, 12, 600) µV that the batch norms of
    shuffled parts are fitted to; record: its id, as every record has its own shuffle.
    """
    copied = copy.deepcopy(model).eval()
    for part in STAGES[stage]:
        draw, module = generator(seed, "shuffled weights", part, record), copied.get_submodule(part)
        for weights in module.parameters():
            order = torch.from_numpy(draw.permutation(weights.numel())).to(weights.device)
            weights.copy_(weights.flatten()[order].view_as(weights))
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm1d):
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all beats, not a running mean
                norm.train()
    copied(torch.as_tensor(np.asarray(beats_uv)).to(copied.fc1.weight))
    return copied.eval()


def likeness(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's correlation of |map| over all points: (record,). Chance: 0.

    Adebayo et al. (2018). The many irrelevant points weigh as much as the few relevant ones.
    """
    return metrics.spearman(np.abs(maps), np.abs(others))


def beyond_chance(
    method: str, maps: np.ndarray, others: np.ndarray, beats: np.ndarray, options: Mapping
) -> np.ndarray:
    """(r - r₀) / (1 - r₀) of each record: their likeness r, r₀ for random numbers times a factor.

    Any two maps that are multiplied by the same beat are alike, whatever the networks. The factor
    is the one of the method; options: the arguments of ``attribute`` that maps were drawn with.
    """
    multiplied = {n: options[n] for n in ("multiply_by_inputs", "baseline", "voltage_sd")}
    draw = generator(options["seed"], "randomisation chance", method)
    random = draw.standard_normal(maps.shape) * factor(method, beats, **multiplied)
    chance = likeness(maps, random)
    return (likeness(maps, others) - chance) / (1 - chance)
