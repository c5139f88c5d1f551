"""Where the definition of a target lies in a beat: a mask that is true if the network reads it.

A mask is the truth about the label, not about the network: it may be held against a map only where
edits (see effects) have shown that the network follows the definition.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ..config import check_target
from ..ecg import BEAT_SAMPLES, BEAT_SHAPE, FIDUCIALS, LEADS, MS_PER_SAMPLE
from .edits import r_peak, t_peak

EDGE_MS = 20.0  # to each side of an edge that belong to it
PEAK_MS = 10.0  # to each side of a peak or a level
V5 = LEADS.index("V5")
TIME = np.arange(BEAT_SAMPLES)
NEIGHBOURS = "neighbouring beats"
EDGES = {
    "pr": ("ponset", "qonset"),
    "qrs": ("qonset", "qoffset"),
    "qt": ("qonset", "toffset"),
}
# What an amplitude needs, and where it is read, of V5 (600,) and marks by name.
PEAKS: dict[str, tuple[tuple[str, ...], Callable]] = {
    "STJ_v5": (("qonset", "qoffset"), lambda lead, at: at["qoffset"]),
    "T_PeakAmpl_v5": (("qonset", "qoffset", "toffset"), t_peak),
    "R_PeakAmpl_v5": (("qonset", "qoffset"), r_peak),
}


def definition_edges(fiducials: np.ndarray, target: str) -> np.ndarray | None:
    """(record, 2) samples of the two edges that an interval lies between; None for other targets.

    fiducials: (record, 6) samples, NaN where missing.
    """
    if check_target(target) not in EDGES:
        return None
    return np.asarray(fiducials, float)[:, [FIDUCIALS.index(edge) for edge in EDGES[target]]]


def definition_mask(
    fiducials: np.ndarray,
    target: str,
    beats_uv: np.ndarray | None = None,
    rate: np.ndarray | None = None,
) -> np.ndarray:
    """What the label of each record is read from: (record, 12, 600), true inside.

    Intervals: both edges and 20 ms around them, in all leads. Amplitudes: in V5, 10 ms around the
    peak and around the level at QRS onset; the peaks of R and T need beats_uv (record, 12, 600),
    without which the whole wave counts. Heart rate: what belongs to the beats before and after,
    which needs rate (record,) in beats/min. Empty where a fiducial or the rate is missing.
    """
    fiducials = np.asarray(fiducials, float)
    masks = np.zeros((len(fiducials), *BEAT_SHAPE), bool)
    if check_target(target) == "VentRate":
        if rate is not None:
            masks[:] = neighbouring_beats(fiducials, rate, TIME)[:, None]
        return masks
    if target in EDGES:
        edges = definition_edges(fiducials, target)
        complete = np.isfinite(edges).all(1)
        masks[complete] = _around(edges[complete], EDGE_MS)[:, None]
        return masks
    needs, peak = PEAKS[target]
    for record, marks in enumerate(fiducials):
        at = dict(zip(FIDUCIALS, marks, strict=True))
        if not all(np.isfinite(at[name]) for name in needs):
            continue
        level = _around(np.array([[at["qonset"]]]), PEAK_MS)[0]
        if beats_uv is None and target != "STJ_v5":
            wave = needs[-2:]
            inside = (at[wave[0]] <= TIME) & (at[wave[1]] >= TIME)
        else:
            lead = None if beats_uv is None else np.asarray(beats_uv[record, V5], float)
            inside = _around(np.array([[peak(lead, at)]]), PEAK_MS)[0]
        masks[record, V5] = inside | level
    return masks


def neighbouring_beats(fiducials: np.ndarray, rate: np.ndarray, time: np.ndarray) -> np.ndarray:
    """(record, time) whether a sample belongs to the beat before or after; never to this one."""
    rr = 60000 / np.asarray(rate, np.float64)[:, None] / MS_PER_SAMPLE
    onset = np.where(np.isfinite(fiducials[:, :1]), fiducials[:, :1], fiducials[:, 2:3])
    end = np.where(np.isfinite(fiducials[:, 5:]), fiducials[:, 5:], fiducials[:, 3:4])
    outside = (time < onset) | (time > end)
    return outside & ((time < end - rr) | (time > onset + rr))


def _around(places: np.ndarray, reach_ms: float) -> np.ndarray:
    """(record, place) samples → (record, 600) whether within so many ms of any of them."""
    distance = np.abs(TIME - places[:, :, None])
    return (distance <= reach_ms / MS_PER_SAMPLE).any(1)


def wave_mass(
    maps: np.ndarray, fiducials: np.ndarray, rate: np.ndarray | None = None
) -> pd.DataFrame:
    """Share of |attribution| that falls on each wave, and the share of the time it takes.

    maps: (record, lead, time); fiducials: (record, 6) sample index, NaN = missing (that wave's
    share is NaN); rate: (record,) beats/min, without which the neighbouring beats (up to the end of
    the T wave before, and from the next P or, where there is none, QRS) count as elsewhere. Returns
    one row a record with columns P, QRS, T, neighbouring beats, elsewhere and ``time_…``.
    """
    weight = np.abs(maps).sum(1, dtype=np.float64)
    total = weight.sum(1)
    total[total == 0] = np.nan
    time = np.arange(maps.shape[-1])
    columns: dict[str, np.ndarray] = {}
    for number, wave in enumerate(("P", "QRS", "T")):
        onset, offset = fiducials[:, 2 * number, None], fiducials[:, 2 * number + 1, None]
        inside = (time >= onset) & (time <= offset)
        missing = ~(np.isfinite(onset) & np.isfinite(offset))[:, 0]
        columns[wave] = np.where(missing, np.nan, (weight * inside).sum(1) / total)
        columns[f"time_{wave}"] = np.where(missing, np.nan, inside.mean(1))
    if rate is not None:
        inside = neighbouring_beats(fiducials, rate, time)
        columns[NEIGHBOURS] = (weight * inside).sum(1) / total
        columns[f"time_{NEIGHBOURS}"] = inside.mean(1)
    named = [name for name in columns if not name.startswith("time_")]
    columns["elsewhere"] = 1 - sum(columns[name] for name in named)
    columns["time_elsewhere"] = 1 - sum(columns[f"time_{name}"] for name in named)
    return pd.DataFrame(columns)
