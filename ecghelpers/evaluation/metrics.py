"""Measures of maps (record, lead, time), a value for each record; no network is run here."""

import numpy as np
import pandas as pd

SEGMENT_SAMPLES = 20  # 40 ms
TRUTH_SHARE = 0.1  # of its maximum: what a graded truth marks
TOP_SHARE = 0.1  # of all segments


def segment_sums(maps: np.ndarray) -> np.ndarray:
    """(record, lead, time) → (record, lead, segment): sums over segments of 40 ms."""
    return maps.reshape(*maps.shape[:2], -1, SEGMENT_SAMPLES).sum(3, dtype=np.float64)


def spearman(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each record: (record, ...) twice → (record,).

    Chance: 0. It ignores how much larger the large values are. NaN where values are NaN or all
    equal.
    """
    return pearson(_ranks(values), _ranks(others))


def spearman_of_pairs(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each record of values with each of others: (record, record)."""
    with np.errstate(invalid="ignore"):  # of values that are all equal
        return np.corrcoef(_ranks(values), _ranks(others))[: len(values), len(values) :]


def pearson(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each record: (record, ...) twice → (record,); NaN as in spearman."""
    a, b = _flat(values), _flat(others)
    varies = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    found = cosine(*(part - part.mean(1, keepdims=True) for part in (a, b)))
    return np.where(varies, found, np.nan)


def cosine(maps: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cosine between map and truth, signs included: (record,). Chance: 0; scale does not count."""
    a, b = _flat(maps), _flat(truth)
    size = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return (a * b).sum(1) / np.where(size > 0, size, np.nan)


def share_found(maps: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The truth at the K points that the map marks most, as a share of the most K points can hold.

    truth: (record, lead, time), not negative; K: how many points of a record have more than a tenth
    of its maximum. For a mask this is the relevance rank accuracy of Arras et al., Information
    Fusion 81:14 (2022). Points that tie for the last places count as in a random draw among them.
    Chance: about K / number of points. It ignores how much relevance lies elsewhere. NaN for a
    truth that is zero and for a map that is not finite.
    """
    weight, truth = np.abs(_flat(maps)), _flat(truth)
    known = np.isfinite(weight).all(1) & (truth.max(1) > 0)
    weight = np.where(known[:, None], weight, 0)
    count = (truth > TRUTH_SHARE * truth.max(1, keepdims=True)).sum(1)
    place = np.maximum(count, 1)[:, None] - 1
    last = np.take_along_axis(-np.sort(-weight, axis=1), place, 1)
    above, tied = weight > last, weight == last
    drawn = (count - above.sum(1)) / tied.sum(1)
    found = (truth * above).sum(1) + drawn * (truth * tied).sum(1)
    best = np.take_along_axis(-np.sort(-truth, axis=1).cumsum(1), place, 1)[:, 0]
    return np.where(known, found / np.where(known, best, 1), np.nan)


def top_overlap(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the largest tenth of values that is in the largest tenth of the others: (record,).

    Chance: 0.1.
    """
    a, b = _flat(values), _flat(others)
    count = max(1, round(TOP_SHARE * a.shape[1]))
    tops = (np.argsort(-part, axis=1, kind="stable")[:, :count] for part in (a, b))
    return np.array([len(np.intersect1d(*pair)) / count for pair in zip(*tops, strict=True)])


def reliability(draws: np.ndarray) -> np.ndarray:
    """Reliability of the mean over draws of each record: (record, draw, ...) → (record,).

    The mean Spearman correlation between two single draws, stepped up to all draws by the
    Spearman-Brown formula. Its square root is the agreement that a perfect map is expected to
    reach. NaN below two draws.
    """
    count = draws.shape[1]
    if count < 2:
        return np.full(len(draws), np.nan)
    pairs = [(a, b) for a in range(count) for b in range(a)]
    single = np.mean([spearman(draws[:, a], draws[:, b]) for a, b in pairs], axis=0)
    return count * single / (1 + (count - 1) * single)


def _flat(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values.reshape(len(values), -1)


def _ranks(values: np.ndarray) -> np.ndarray:
    """(record, ...) → (record, value) ranks; equal values share their mean rank."""
    return pd.DataFrame(_flat(values)).rank(axis=1).to_numpy()
