"""How much of a map lies where it must: scores of maps against a mask that is known to be right.

All judge |a|. maps and masks: (record, lead, time), masks true where what decides the prediction
lies. Each score is (record,), NaN where the mask is empty or the map is zero everywhere or not
finite. To add a score, write a function (maps, masks) → (record,) and its chance, and give it a row
in SCORES.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import rankdata

from ..config import generator
from ..ecg import MS_PER_SAMPLE

PEAK_SMOOTH_MS = 10.0  # SD of the Gaussian that a map's course in time is smoothed with
PEAK_APART_MS = 40.0  # between two peaks of a map at the least
CHANCE_DRAWS = 1000


def mass_accuracy(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Share of the map's mass inside the mask: Σ_mask |a| / Σ |a|.

    Relevance mass accuracy of Arras et al., Information Fusion 81:14 (2022). Chance: the mask's
    share of all points. It cannot tell a map that marks part of the mask from one that marks all.
    """
    weight, inside = _flat(maps, masks)
    return _per_record((weight * inside).sum(1), weight, inside)


def rank_accuracy(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Share of the K most relevant points that lie inside the mask of K points.

    Relevance rank accuracy of Arras et al. (2022). Points that tie for the last places count as
    often as a draw among them would take them. Chance: the mask's share of all points. It cannot
    tell how much relevance lies elsewhere, below the K-th point.
    """
    weight, inside = _flat(maps, masks)
    count = inside.sum(1)
    ordered = -np.sort(-weight, axis=1)
    last = ordered[np.arange(len(weight)), np.maximum(count, 1) - 1][:, None]
    above, tied = weight > last, weight == last
    places = count - above.sum(1)
    drawn = places * (tied & inside).sum(1) / np.maximum(tied.sum(1), 1)
    share = ((above & inside).sum(1) + drawn) / np.maximum(count, 1)
    return np.where(_judged(weight, inside), share, np.nan)


def auroc(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Chance that a point inside the mask has more relevance than one outside; ties count half.

    Area under the ROC curve (Fawcett, Pattern Recognit Lett 27:861, 2006). Chance: 0.5. NaN for a
    mask that is everything. A small mask makes it forgiving: 0.99 still lets 70 points of 7200
    outside come before all inside.
    """
    weight, inside = _flat(maps, masks)
    count = inside.sum(1).astype(float)
    others = inside.shape[1] - count
    ranks = (rankdata(weight, axis=1) * inside).sum(1) - count * (count + 1) / 2
    pairs = np.where(count * others > 0, count * others, np.nan)
    return np.where(_judged(weight, inside), ranks / pairs, np.nan)


def average_precision(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Mean over the mask's points of the precision where each is reached, most relevant first.

    Area under the precision-recall curve as steps, Σ (R_k - R_{k-1}) P_k, points that tie reached
    together. Chance: about the mask's share of all points. It cannot tell *which* part of the mask
    is missed.
    """
    weight, inside = _flat(maps, masks)
    order = np.argsort(-weight, axis=1, kind="stable")
    weight_in_order = np.take_along_axis(weight, order, 1)
    hits = np.take_along_axis(inside, order, 1)
    place = np.arange(weight.shape[1])
    final = np.ones_like(hits)  # the last of those that tie
    final[:, :-1] = weight_in_order[:, 1:] != weight_in_order[:, :-1]
    end = np.where(final, place, weight.shape[1])
    end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(hits.cumsum(1), end, 1) / (end + 1)
    mean = (precision * hits).sum(1) / np.maximum(hits.sum(1), 1)
    return np.where(_judged(weight, inside), mean, np.nan)


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """1 if the most relevant point lies inside the mask, else 0; points that tie share it.

    Zhang et al., Int J Comput Vis 126:1084 (2018). Chance: the mask's share of all points. It
    cannot tell anything of all other points.
    """
    weight, inside = _flat(maps, masks)
    top = weight == weight.max(1, keepdims=True)
    share = (top & inside).sum(1) / top.sum(1)
    return np.where(_judged(weight, inside), share, np.nan)


def lead_accuracy(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Mass accuracy of the map summed over time, against the leads that the mask is in.

    The right lead, at whatever time. Chance: the share of leads. It cannot tell right from wrong
    where the mask is in all leads, nor among limb leads, which share one truth.
    """
    maps, masks = _checked(maps, masks)
    return mass_accuracy(np.abs(maps).sum(2, keepdims=True), masks.any(2, keepdims=True))


def time_accuracy(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Mass accuracy of the map summed over leads, against the times that the mask is at.

    The right time, in whatever lead. Chance: the share of times.
    """
    maps, masks = _checked(maps, masks)
    return mass_accuracy(np.abs(maps).sum(1, keepdims=True), masks.any(1, keepdims=True))


@dataclass(frozen=True)
class Score:
    """A row of the table: the score, its value for a map of independent random numbers, a label."""

    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]
    chance: Callable[[np.ndarray], np.ndarray]  # masks → (record,)
    label: str


def _area(masks: np.ndarray) -> np.ndarray:
    """The mask's share of all points."""
    return masks.mean((1, 2))


def _ap_chance(masks: np.ndarray) -> np.ndarray:
    """q + (1 - q) H_N / N with q = (K - 1) / (N - 1), for K of N points in random order."""
    points = masks.shape[1] * masks.shape[2]
    later = (masks.sum((1, 2)) - 1) / max(points - 1, 1)
    return later + (1 - later) * (1 / np.arange(1, points + 1)).mean()


SCORES = {
    "mass": Score(mass_accuracy, _area, "mass accuracy"),
    "rank": Score(rank_accuracy, _area, "rank accuracy"),
    "auroc": Score(auroc, lambda masks: np.full(len(masks), 0.5), "area under ROC"),
    "auprc": Score(average_precision, _ap_chance, "average precision"),
    "pointing": Score(pointing_game, _area, "pointing game"),
    "lead": Score(lead_accuracy, lambda masks: masks.any(2).mean(1), "right lead"),
    "time": Score(time_accuracy, lambda masks: masks.any(1).mean(1), "right time"),
}


def edge_error_ms(maps: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean distance in ms of the map's highest peaks from the edges they must mark.

    edges: (record, edge) sample index; all must be known, else NaN. As many peaks as edges are
    taken of Σ_lead |a|, smoothed with a Gaussian of 10 ms, at least 40 ms apart, and paired in
    order of time. Chance: edge_chance_ms. It cannot tell how high the peaks are above the rest.
    """
    maps, edges = np.asarray(maps), np.asarray(edges, float)
    course = np.abs(maps).sum(1, dtype=np.float64)
    judged = np.isfinite(course).all(1) & (course > 0).any(1) & np.isfinite(edges).all(1)
    course = np.where(judged[:, None], course, 0)
    left = gaussian_filter1d(course, PEAK_SMOOTH_MS / MS_PER_SAMPLE, axis=1, mode="constant")
    time = np.arange(left.shape[1])
    peaks = np.empty(edges.shape)
    for number in range(edges.shape[1]):
        peaks[:, number] = left.argmax(1)
        near = np.abs(time - peaks[:, number, None]) < PEAK_APART_MS / MS_PER_SAMPLE
        left = np.where(near, -1.0, left)
    return np.where(judged, _paired_ms(peaks, edges), np.nan)


def edge_chance_ms(edges: np.ndarray, samples: int) -> float:
    """The mean edge error of peaks at random times, as far apart as a map's; NaN without edges.

    edges: (record, edge) sample index; samples: of a map.
    """
    edges = np.asarray(edges, float)
    edges = edges[np.isfinite(edges).all(1)]
    if not len(edges):
        return float("nan")
    apart = PEAK_APART_MS / MS_PER_SAMPLE * np.arange(edges.shape[1])
    drawn = generator(0, "edge chance").uniform(
        0, samples - apart[-1], (CHANCE_DRAWS, *edges.shape)
    )
    drawn = np.sort(drawn, -1) + apart
    return float(_paired_ms(drawn, edges[None]).mean())


def _paired_ms(peaks: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean |peak - edge| in ms, (..., edge) each, the first with the first in order of time."""
    return np.abs(np.sort(peaks, -1) - np.sort(edges, -1)).mean(-1) * MS_PER_SAMPLE


def _checked(maps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """maps in double precision, masks as truth values. Raises ValueError if the shapes differ."""
    maps, masks = np.asarray(maps, dtype=np.float64), np.asarray(masks).astype(bool)
    if maps.ndim != 3 or maps.shape != masks.shape:
        raise ValueError(
            f"got maps of shape {maps.shape} and masks of shape {masks.shape}; allowed: "
            "(record, lead, time), the same for both"
        )
    return maps, masks


def _flat(maps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|a| and the mask, (record, point) each; a map that is not finite becomes zero everywhere."""
    maps, masks = _checked(maps, masks)
    shape = len(maps), maps.shape[1] * maps.shape[2]
    weight = np.abs(maps).reshape(shape)
    finite = np.isfinite(weight).all(1, keepdims=True)
    return np.where(finite, weight, 0), masks.reshape(shape)


def _judged(weight: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(record,) whether there is a map and a mask."""
    return (weight > 0).any(1) & inside.any(1)


def _per_record(part: np.ndarray, weight: np.ndarray, inside: np.ndarray) -> np.ndarray:
    judged = _judged(weight, inside)
    return np.where(judged, part / np.where(judged, weight.sum(1), 1), np.nan)
