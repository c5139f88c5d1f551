"""Fiducials of median beats: a small network marks the waves of each lead, and leads are pooled.

For every lead the network gives each edge as a distribution over time, with the probability that
the lead shows no such wave. A global edge is a quantile of the sum of the leads' distributions, as
the references are built: an early one for onsets, a late one for ends. The weights come from
``benchmarks/train_delineator.py``.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..ecg import BEAT_SAMPLES, FIDUCIALS, MS_PER_SAMPLE
from .median_beat import R_SAMPLE

WEIGHTS = Path(__file__).with_name("delineator.safetensors")
CHANNELS = (12, 16, 24, 24)  # at 250, 125, 62.5 and 31.25 Hz
STEP = 2  # samples of the beat to one of the network
PAD = 2  # network samples on both sides, so that the length can be halved three times
POINTS = BEAT_SAMPLES // STEP + 2 * PAD
LINEAR_UV = 25  # the network reads the voltage up to this size, and its logarithm beyond
QRS_UV = 1200  # the span of the QRS complex (median over leads) is scaled to this
BESIDE_R = 30  # samples: decay of the marks at the neighbouring beats' R
LEAST_LEADS = 4  # least number of leads that must show a wave
POOLED = np.array([0.2, 0.85, 0.25, 0.85, 0.25, 0.85])  # quantile of the summed distributions
SHIFT = np.array([8, -2, 6.9, -5.1, 0, -0.5])  # samples from the cardiologists' edges to 12SL's
LIMB, CHEST = slice(0, 6), slice(6, 12)
QRS = np.array([name.startswith("q") for name in FIDUCIALS])  # a QRS complex is always present


class Block(nn.Module):
    """Two convolutions over 5 samples, the second with a shortcut."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = nn.Conv1d(inputs, outputs, 5, padding=2)
        self.first_norm = nn.GroupNorm(4, outputs)
        self.second = nn.Conv1d(outputs, outputs, 5, padding=2)
        self.second_norm = nn.GroupNorm(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.first_norm(self.first(x)))
        return x + F.gelu(self.second_norm(self.second(x)))


class Delineator(nn.Module):
    """A U-Net: (lead, 2, POINTS) to logits (lead, edge, POINTS + 1); the last one: no such wave."""

    def __init__(self):
        super().__init__()
        pairs = list(zip((2, *CHANNELS[:-1]), CHANNELS, strict=True))
        self.down = nn.ModuleList(Block(*pair) for pair in pairs)
        self.up = nn.ModuleList(Block(low + high, high) for high, low in reversed(pairs[1:]))
        self.edges = nn.Conv1d(CHANNELS[0], len(FIDUCIALS), 1)
        self.absent = nn.Linear(CHANNELS[-1], len(FIDUCIALS))

    def forward(self, x: Tensor) -> Tensor:
        levels = []
        for block in self.down:
            x = block(F.avg_pool1d(x, 2) if levels else x)
            levels.append(x)
        absent = self.absent(x.mean(-1))
        for block, level in zip(self.up, levels[-2::-1], strict=True):
            wide = F.interpolate(x, scale_factor=2, mode="linear", align_corners=False)
            x = block(torch.cat((wide, level), 1))
        return torch.cat((self.edges(x), absent[..., None]), -1)


def network_input(
    beats_uv: np.ndarray, before: np.ndarray, after: np.ndarray, usable: np.ndarray | None = None
) -> np.ndarray:
    """(beat, lead, 600) µV to (beat, lead, 2, POINTS): voltage, and where the next beats are.

    before, after: (beat,) samples of R of the neighbouring beats, which may lie outside. usable:
    (beat, lead) which leads count for the scale, by default all.
    """
    span = np.ptp(beats_uv[..., R_SAMPLE - 40 : R_SAMPLE + 60], axis=2)
    span = span if usable is None else np.where(usable, span, np.nan)
    gain = QRS_UV / (np.nanmedian(span, axis=1) + 50)
    wave = beats_uv.reshape(*beats_uv.shape[:2], -1, STEP).mean(axis=3)
    wave = (wave - np.median(wave, axis=2, keepdims=True)) * gain[:, None, None]
    time = STEP * np.arange(wave.shape[2]) + (STEP - 1) / 2
    beside = sum(np.exp(-np.abs(time - r[:, None]) / BESIDE_R) for r in (before, after))
    beside = np.broadcast_to(3 * beside[:, None], wave.shape)
    both = np.stack((np.arcsinh(wave / LINEAR_UV), beside), axis=2)
    return np.pad(both, [(0, 0)] * 3 + [(PAD, PAD)], mode="edge").astype(np.float32)


@lru_cache
def read_network(path: Path = WEIGHTS) -> Delineator:
    """The network of a file, by default the one that comes with the package."""
    model = Delineator()
    model.load_state_dict({name: w.float() for name, w in load_file(path).items()})
    return model.eval()


@torch.inference_mode()
def probabilities(model: Delineator, inputs: np.ndarray) -> np.ndarray:
    """(beat, lead, 2, POINTS) to (beat, lead, edge, POINTS + 1), which sums to one."""
    beats, leads = inputs.shape[:2]
    logits = model(torch.from_numpy(inputs.reshape(-1, *inputs.shape[2:])))
    return torch.softmax(logits, -1).numpy().reshape(beats, leads, len(FIDUCIALS), -1)


def pooled_quantile(chance: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(beat, lead, edge, POINTS) weights, (edge,) shares to (beat, edge) samples of the beat."""
    total = chance.sum(axis=1).cumsum(axis=-1)
    total = total / np.maximum(total[..., -1:], 1e-12)
    # The first point whose cumulated share reaches the wanted one; linear within it.
    share = np.broadcast_to(shares, total.shape[:2])[..., None]
    point = np.minimum((total < share).sum(axis=-1, keepdims=True), POINTS - 1)
    high = np.take_along_axis(total, point, -1)
    low = np.where(point > 0, np.take_along_axis(total, np.maximum(point - 1, 0), -1), 0.0)
    place = point + (share - low) / np.maximum(high - low, 1e-12)
    return STEP * (place[..., 0] - PAD) - 0.5


def leads_that_show(usable: np.ndarray) -> np.ndarray:
    """The number of usable leads (…, 12) that must show a wave."""
    return np.minimum(LEAST_LEADS, (usable.sum(axis=-1) + 1) // 2)


def delineate(
    beats_uv: np.ndarray, usable: np.ndarray, rr_ms: np.ndarray, model: Delineator | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Fiducials (beat, 6), samples, of (beat, 12, 600) µV; NaN where the leads show no such edge.

    usable: (beat, 12) leads that take part, at least one in each beat. rr_ms: (beat,). model: by
    default the one that comes with the package. Also returns by how many ms (beat, 6) the limb
    leads alone and the chest leads alone place each edge apart, 0 where one group shows nothing.
    """
    rr = rr_ms / MS_PER_SAMPLE
    inputs = network_input(beats_uv, R_SAMPLE - rr, R_SAMPLE + rr, usable)
    chance = probabilities(model or read_network(), inputs) * usable[..., None, None]
    chance, shown = chance[..., :-1], (chance[..., -1] < 0.5) & usable[..., None]
    edges = pooled_quantile(chance, POOLED) + SHIFT
    limb, chest = (pooled_quantile(chance[:, half], POOLED) for half in (LIMB, CHEST))
    both = shown[:, LIMB].any(axis=1) & shown[:, CHEST].any(axis=1)
    least = leads_that_show(usable)[:, None]
    edges = np.where((shown.sum(axis=1) >= least) | QRS, edges, np.nan)
    return edges, np.where(both, np.abs(limb - chest) * MS_PER_SAMPLE, 0.0)
