"""One table of scores: methods beside what is certainly right and what is certainly wrong."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from ..ecg import MS_PER_SAMPLE
from ..statistics import over_floor, summary
from .floor_maps import knowing_nothing, other_record, shifted
from .scores import SCORES, edge_chance_ms, edge_error_ms

BLUR_MS = 20.0  # SD of the Gaussian that blurs the oracle
EDGE = "edge_ms"  # the one score of which less is better
ORACLES = ("oracle", "blurred oracle")
FLOORS = ("shifted", "other record")
CHANCE_DRAWS = 4  # maps a record that know nothing, for what has no chance in closed form
CHANCE_METHOD = "random"  # a method without a map of its own: no floor is made from it


def blurred(masks: np.ndarray) -> np.ndarray:
    """The mask smoothed in time by a Gaussian of 20 ms: as good as a smooth map can be."""
    smooth = BLUR_MS / MS_PER_SAMPLE
    return gaussian_filter1d(np.asarray(masks, float), smooth, axis=2, mode="constant")


def score_table(
    maps: Mapping[str, np.ndarray],
    masks: np.ndarray,
    record_id: Sequence[str],
    *,
    edges: np.ndarray | None = None,
    beats_uv: np.ndarray | None = None,
    multiplied: Collection[str] = (),
    groups: Sequence | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Every score of every map against the mask, one row a method and score.

    maps: method → (record, lead, time); masks: the same shape; edges: (record, edge) sample index,
    for which the error of the map's peaks is added (``edge_ms``, less is better); groups: (record,)
    patients; multiplied: the methods whose maps are multiplied by beats_uv, of the same shape.
    Columns: method, score, n (records judged), value (mean), low and high (95 %), chance (of random
    numbers, for those methods times the beat), and for every method how much better it is than its
    own shifted map and another record's (``over_shifted``, ``over_other``, each with ``_low``,
    ``_high`` and ``_p``). Rows besides the methods: the mask itself (``oracle``), ``blurred
    oracle``, and the two floors, ``shifted`` and ``other record``, as the mean over all methods but
    random. A map that is zero everywhere scores what chance does.
    """
    masks = np.asarray(masks).astype(bool)
    chance = _chance(masks, edges)
    of_method = _chance_times_beat(multiplied, masks, edges, beats_uv, record_id, seed)
    rows, floors = [], {floor: {score: [] for score in chance} for floor in FLOORS}
    for method, values in maps.items():
        by_chance, blank = of_method.get(method, chance), (values == 0).all((1, 2)) & _there(masks)
        scores = {  # a map that marks nothing counts as chance does
            score: np.where(blank, by_chance[score], each)
            for score, each in _scores(values, masks, edges)
        }
        beside = {} if method == CHANCE_METHOD else _floors(values, record_id, groups, seed)
        worse = {floor: dict(_scores(wrong, masks, edges)) for floor, wrong in beside.items()}
        rows += _rows(method, scores, worse, by_chance, groups)
        for floor, score in product(worse, chance):
            floors[floor][score].append(worse[floor][score])
    rows += _rows_beside(masks, edges, floors, chance, groups)
    return pd.DataFrame(rows)


def _rows(
    method: str, scores: dict, worse: Mapping[str, dict], chance: dict, groups: Sequence | None
) -> list[dict]:
    """The rows of one method; worse: floor → the scores of its wrong maps."""
    rows = []
    for score, of_records in scores.items():
        row = _row(method, score, of_records, chance[score], groups)
        for floor, of_floor in worse.items():
            gain = of_records - of_floor[score]
            row |= over_floor(floor.split()[0], -gain if score == EDGE else gain, groups)
        rows.append(row)
    return rows


def _rows_beside(
    masks: np.ndarray,
    edges: np.ndarray | None,
    floors: Mapping[str, dict],
    chance: dict,
    groups: Sequence | None,
) -> list[dict]:
    """The rows of the oracles and of the floors; floors: floor → score → a list of its values."""
    rows = []
    for name, oracle in zip(ORACLES, (masks.astype(float), blurred(masks)), strict=True):
        scores = _scores(oracle, masks, edges)
        rows += [_row(name, score, each, chance[score], groups) for score, each in scores]
    for floor, score in product(FLOORS, chance):
        if several := floors[floor][score]:
            rows.append(_row(floor, score, _over_methods(several), chance[score], groups))
    return rows


def _floors(
    maps: np.ndarray, record_id: Sequence[str], groups: Sequence | None, seed: int
) -> dict[str, np.ndarray]:
    """Floor → the maps that are wrong on purpose, made from a method's own."""
    others = other_record(maps, seed, record_id, groups)
    return dict(zip(FLOORS, (shifted(maps, seed, record_id), others), strict=True))


def _chance(masks: np.ndarray, edges: np.ndarray | None) -> dict[str, float]:
    """Score → its mean for random numbers."""
    chance = {name: _mean(score.chance(masks[_there(masks)])) for name, score in SCORES.items()}
    return chance | ({} if edges is None else {EDGE: edge_chance_ms(edges, masks.shape[2])})


def _chance_times_beat(
    methods: Collection[str],
    masks: np.ndarray,
    edges: np.ndarray | None,
    beats_uv: np.ndarray | None,
    record_id: Sequence[str],
    seed: int,
) -> dict[str, dict[str, float]]:
    """Method → score → its mean for random numbers times the beat; empty without beats."""
    if beats_uv is None:
        return {}
    means: dict[str, list[float]] = {}
    for draw in range(CHANCE_DRAWS):
        names = [f"{record} {draw}" for record in record_id]
        maps = knowing_nothing(masks.shape, seed, names, beats_uv)
        for score, values in _scores(maps, masks, edges):
            means.setdefault(score, []).append(_mean(values))
    chance = {score: _mean(np.array(values)) for score, values in means.items()}
    return dict.fromkeys(methods, chance)


def _scores(
    maps: np.ndarray, masks: np.ndarray, edges: np.ndarray | None
) -> Iterator[tuple[str, np.ndarray]]:
    for name, score in SCORES.items():
        yield name, score.compute(maps, masks)
    if edges is not None:
        yield EDGE, edge_error_ms(maps, edges)


def _row(
    method: str, score: str, values: np.ndarray, chance: float, groups: Sequence | None
) -> dict:
    return {"method": method, "score": score} | summary(values, groups) | {"chance": chance}


def _over_methods(several: list[np.ndarray]) -> np.ndarray:
    """(record,) mean over methods of those that could be judged."""
    stacked = np.stack(several)
    finite = np.isfinite(stacked)
    count = finite.sum(0)
    total = np.where(finite, stacked, 0).sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _there(masks: np.ndarray) -> np.ndarray:
    return masks.any((1, 2))


def _mean(values: np.ndarray) -> float:
    """The mean of what is known, NaN if nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
