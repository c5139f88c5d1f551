"""Where a wave bends, falls or comes to rest, as continuous functions of the signal.

Level crossings are interpolated, and the best sample of a criterion is the centre of all good ones:
the largest alone would jump between two that are nearly the same.
"""

import numpy as np
from scipy.ndimage import minimum_filter1d

from ..ecg import BEAT_SAMPLES

TIME = np.arange(BEAT_SAMPLES)
CORNER_SHARE = 0.82  # of the largest area: all samples above it share in where the corner is
FALL_SHARE = 0.8  # of the steepest slope: all samples above it share in where it is


def centre(score: np.ndarray, inside: np.ndarray, share: float) -> np.ndarray:
    """Where scores (lead, 600) peak inside (same shape): the centre of all above a share of it."""
    score = np.where(inside, score, 0.0)
    weight = np.clip(score - share * score.max(axis=-1, keepdims=True), 0, None)
    total = weight.sum(axis=-1)
    first = inside.argmax(axis=-1)
    return np.where(total > 0, (weight * TIME).sum(axis=-1) / np.where(total > 0, total, 1), first)


def at(wave: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Values of (lead, 600) at fractional samples (lead,)."""
    low = np.clip(where.astype(int), 0, BEAT_SAMPLES - 2)
    lead = np.arange(len(wave))
    return wave[lead, low] + (where - low) * (wave[lead, low + 1] - wave[lead, low])


def corner(wave: np.ndarray, start: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Where each wave of (lead, 600) that falls at start has come down, before far (both (lead,)).

    The trapezium of start, far and a sample between is largest for the sample at the corner:
    Vázquez-Seisdedos et al., BioMed Eng OnLine 10:77 (2011), after Zhang et al., IEEE Trans Biomed
    Eng 53:2544 (2006).
    """
    first, last = start[:, None], far[:, None]
    area = (at(wave, start)[:, None] - wave) * (2 * last - TIME - first)
    return centre(area, (first <= TIME) & (last >= TIME), CORNER_SHARE)


def steepest_fall(wave: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sample between first and last (both (lead,)) where each wave of (lead, 600) falls most."""
    inside = (first[:, None] <= TIME) & (last[:, None] >= TIME)
    return centre(-np.gradient(wave, axis=1), inside, FALL_SHARE)


def quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """Weighted quantile, linear between values."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(np.interp(q, (total - weights[order] / 2) / total[-1], values[order]))


def rest(activity: np.ndarray, start: np.ndarray, level: np.ndarray, run: int) -> np.ndarray:
    """Where activity (lead, 600) falls below level (lead,) after start (lead,), for a run of it."""
    low = (activity < level[:, None]).astype(np.uint8)
    quiet = minimum_filter1d(low, run, axis=1, origin=-(run // 2), mode="nearest") == 1
    after = quiet & (start[:, None] < TIME)
    found = np.where(after.any(axis=1), after.argmax(axis=1), BEAT_SAMPLES - 1)
    lead, before = np.arange(len(activity)), np.maximum(found - 1, 0)
    drop = activity[lead, before] - activity[lead, found]
    part = (activity[lead, before] - level) / np.maximum(drop, 1e-9)
    return before + np.clip(part, 0, 1)
