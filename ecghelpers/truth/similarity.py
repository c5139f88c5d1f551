"""How alike two maps are, of the same records: (record, lead, time) each.

Both measures look at |a| alone, so that a change of sign or scale of the whole map does not count.
NaN where one of the maps is not finite or the same everywhere.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.stats import rankdata

from ..ecg import MS_PER_SAMPLE
from ..statistics import over_floor, summary
from .floor_maps import knowing_nothing, other_record, shifted

WINDOW_MS = 20.0  # SD of the Gaussian window of SSIM
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # SSIM's constants, for maps between 0 and 1


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's correlation of |a| over all points: (record,), 1 for the same order, 0 by chance.

    Adebayo et al., arXiv 1810.03292. It cannot tell which points differ, and the many points that
    matter little weigh as much as the few that matter.
    """
    weight, finite = _weights(maps, others)
    ranks = [rankdata(w.reshape(len(w), w.shape[1] * w.shape[2]), axis=1) for w in weight]
    a, b = (r - r.mean(1, keepdims=True) for r in ranks)
    spread = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    finite &= spread > 0
    return np.where(finite, (a * b).sum(1) / np.where(finite, spread, 1), np.nan)


def ssim(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Structural similarity of |a|: (record,), 1 for the same map.

    Wang et al., IEEE Trans Image Process 13:600 (2004), with each map divided by its maximum and a
    Gaussian window along time within each lead, for neighbouring leads are no neighbouring pixels.
    Two maps that are near zero in most places are alike there, which makes it high for sparse ones:
    read it beside the floors.
    """
    (a, b), finite = _weights(maps, others)
    finite &= (np.ptp(a, axis=(1, 2)) > 0) & (np.ptp(b, axis=(1, 2)) > 0)
    a, b = (w / np.where(finite, w.max((1, 2)), 1)[:, None, None] for w in (a, b))
    mean_a, mean_b = _smooth(a), _smooth(b)
    var_a, var_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    both = _smooth(a * b) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + LUMINANCE) * (2 * both + CONTRAST)
    most = (mean_a**2 + mean_b**2 + LUMINANCE) * (var_a + var_b + CONTRAST)
    return np.where(finite, (alike / most).mean((1, 2)), np.nan)


SIMILARITIES = {"rank correlation": rank_correlation, "ssim": ssim}


def similarity_table(
    maps: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
    record_id: Sequence[str],
    *,
    beats_uv: np.ndarray | None = None,
    multiplied: Collection[str] = (),
    groups: Sequence | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """How alike each method's maps are to its maps in ``others``: of another training, say.

    maps and others: method → (record, lead, time), of the same records. One row a method and
    measure; columns: method, score, n, value (mean), low, high (95 % interval over records), and
    beside it what the same maps reach at the wrong time and on another record: shifted and
    other_record (means), over_shifted and over_other (by how much value lies above them, ``_low``,
    ``_high``, and ``_p`` of a sign-flip test, not corrected). chance: what random numbers reach,
    times the beat for methods that are multiplied by beats_uv, for any two maps times the same beat
    are alike. groups: (record,) patients.
    """
    rows = []
    for method in (m for m in maps if m in others):
        second = others[method]
        beats = beats_uv if method in multiplied else None
        nothing = knowing_nothing(second.shape, seed, record_id, beats)
        floors = {
            "shifted": shifted(second, seed, record_id),
            "other": other_record(second, seed, record_id, groups),
        }
        for score, measure in SIMILARITIES.items():
            likeness = measure(maps[method], second)
            row = {"method": method, "score": score} | summary(likeness, groups)
            row["chance"] = summary(measure(maps[method], nothing))["value"]
            for name, floor in floors.items():
                worse = measure(maps[method], floor)
                column = "other_record" if name == "other" else name
                row |= {column: summary(worse)["value"]}
                row |= over_floor(name, likeness - worse, groups)
            rows.append(row)
    return pd.DataFrame(rows)


def between_methods(
    maps: Mapping[str, np.ndarray],
    record_id: Sequence[str],
    *,
    groups: Sequence | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank correlation of every two methods' maps: columns method, other, n, value, low, high.

    Beside it stand shifted and other_record: the same with the second map at the wrong time, and of
    another record. groups: (record,) patients.
    """
    names = list(maps)
    rows = []
    for number, method in enumerate(names):
        for other in names[number + 1 :]:
            floors = {
                "shifted": shifted(maps[other], seed, record_id),
                "other_record": other_record(maps[other], seed, record_id, groups),
            }
            row = {"method": method, "other": other}
            row |= summary(rank_correlation(maps[method], maps[other]), groups)
            for name, floor in floors.items():
                row[name] = summary(rank_correlation(maps[method], floor))["value"]
            rows.append(row)
    columns = ["method", "other", "n", "value", "low", "high", "shifted", "other_record"]
    return pd.DataFrame(rows, columns=columns)


def between_trainings(
    trainings: Sequence[Mapping[str, np.ndarray]], record_id: Sequence[str], **options
) -> pd.DataFrame:
    """similarity_table of each training's maps with the next one's, around; mean over these pairs.

    trainings: the maps of each training of one network, method → (record, lead, time). Two
    trainings make one pair. Empty for fewer. options: as similarity_table takes them.
    """
    count = len(trainings)
    pairs = [(k, (k + 1) % count) for k in range(count if count > 2 else count - 1)]
    tables = [similarity_table(trainings[a], trainings[b], record_id, **options) for a, b in pairs]
    if not tables:
        return pd.DataFrame()
    return pd.concat(tables).groupby(["method", "score"], sort=False).mean().reset_index()


def _weights(
    maps: np.ndarray, others: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """|a| of both in double precision, and (record,) whether both are finite; zero where not."""
    pair = np.asarray(maps, np.float64), np.asarray(others, np.float64)
    if pair[0].ndim != 3 or pair[0].shape != pair[1].shape:
        raise ValueError(
            f"got maps of shapes {pair[0].shape} and {pair[1].shape}; allowed: "
            "(record, lead, time), the same for both"
        )
    finite = np.isfinite(pair[0]).all((1, 2)) & np.isfinite(pair[1]).all((1, 2))
    return tuple(np.where(finite[:, None, None], np.abs(p), 0) for p in pair), finite


def _smooth(values: np.ndarray) -> np.ndarray:
    return gaussian_filter1d(values, WINDOW_MS / MS_PER_SAMPLE, axis=2, mode="nearest")
