"""Does a map depend on the learned weights? Randomised networks, other trainings, and small noise.

All maps are drawn with the settings of the stored ones. None of these tests shows that a map is
right: one that marks the wrong place can depend on the weights, agree between trainings and be
stable.
"""

import copy
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from torch import nn

from ..attribution import METHODS, attribute, factor
from ..data.medians import Medians
from ..network.model import StevenNet, fuse
from ..runtime import generator, progress
from . import metrics
from .agreement import long_table
from .controls import control_maps

PARTS = ("fc1", *(f"block{number}" for number in range(8, 0, -1)), "init_block")
STAGES = {"last_layer": PARTS[:1], "upper_half": PARTS[:5], "all_layers": PARTS}
NOISE_UV = 20.0


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


def randomisation(
    model: StevenNet,
    records: Medians,
    maps: Mapping[str, np.ndarray],
    options: Mapping,
    calibration_uv: np.ndarray,
) -> pd.DataFrame:
    """Likeness of each method's maps to those of shuffled networks, beyond chance.

    Each record has a shuffle of its own. maps: the stored ones of the records, drawn with options,
    the arguments of ``attribute``; calibration_uv: beats for the batch norms of the shuffled
    networks. Rows of agreement.COLUMNS, part ``weights``; scores ``last_layer``, ``upper_half`` and
    ``all_layers``. Controls do not depend on the network: 1.
    """
    methods, seed = [method for method in maps if method in METHODS], options["seed"]
    beats = np.asarray(records.medians, np.float32)
    others = {(m, stage): np.empty_like(maps[m]) for stage in STAGES for m in methods}
    with progress(len(beats), "shuffled networks") as bar:
        for row, record in enumerate(map(str, records.record_id)):
            given = {**options, "record_id": [record], "progress": False}
            for stage in STAGES:
                network = fuse(shuffled(model, stage, calibration_uv, seed, record))
                for method in methods:
                    one = attribute(network, beats[row : row + 1], method, **given)
                    others[method, stage][row] = one[0]
            bar.update()
    values = {
        (method, stage): beyond_chance(method, maps[method], drawn, beats, options)
        for (method, stage), drawn in others.items()
    }
    same = np.ones(len(beats))
    values |= {(c, stage): same for stage in STAGES for c in control_maps(beats)}
    return long_table("weights", values, records.record_id)


def stability(
    model: nn.Module, records: Medians, maps: Mapping[str, np.ndarray], options: Mapping
) -> pd.DataFrame:
    """Likeness of each map to that of the same beat with noise of 20 µV: part ``stability``.

    options: the arguments of ``attribute`` that maps were drawn with.
    """
    beats = np.asarray(records.medians, np.float32)
    noise = [generator(options["seed"], "stability", i) for i in records.record_id]
    noise = np.stack([draw.normal(0, NOISE_UV, beats.shape[1:]) for draw in noise])
    noisy = (beats + noise).astype(np.float32)
    given = {**options, "progress": False, "record_id": records.record_id}
    model, values = fuse(model), {}
    for method in (m for m in maps if m in METHODS):
        values[method, "stable"] = likeness(maps[method], attribute(model, noisy, method, **given))
    before, after = control_maps(beats), control_maps(noisy)
    values |= {(c, "stable"): likeness(before[c], after[c]) for c in before}
    return long_table("stability", values, records.record_id)


def consistency(
    trainings: Sequence[Mapping[str, np.ndarray]], records: Medians, options: Mapping
) -> pd.DataFrame:
    """Likeness of the maps of several trainings of one target, beyond chance: mean over pairs.

    trainings: the maps of each network, method → (record, lead, time), of the same records, drawn
    with options. Part ``trainings``, score ``consistent``; empty for a single training.
    """
    pairs, beats = list(combinations(trainings, 2)), np.asarray(records.medians, np.float32)
    values = {
        (method, "consistent"): np.mean(
            [beyond_chance(method, one[method], two[method], beats, options) for one, two in pairs],
            axis=0,
        )
        for method in (trainings[0] if pairs else ())
    }
    return long_table("trainings", values, records.record_id)
