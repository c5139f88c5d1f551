"""How much of a map falls on which wave."""

import numpy as np
import pandas as pd

from ..ecg import MS_PER_SAMPLE

NEIGHBOURS = "neighbouring beats"


def wave_mass(
    maps: np.ndarray, fiducials: np.ndarray, rate: np.ndarray | None = None
) -> pd.DataFrame:
    """Share of |attribution| that falls on each wave, and the share of the time it takes.

    maps: (record, lead, time); fiducials: (record, 6) sample index, NaN = missing (that wave's
    share is NaN); rate: (record,) beats/min, without which the neighbouring beats (up to the end of
    the T wave before, and from the next P or, where there is none, QRS) count as elsewhere. Returns
    one row per record with columns P, QRS, T, neighbouring beats, elsewhere and ``time_…``.
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


def neighbouring_beats(fiducials: np.ndarray, rate: np.ndarray, time: np.ndarray) -> np.ndarray:
    """(record, time) whether a sample belongs to the beat before or after; never to this one."""
    rr = 60000 / np.asarray(rate, np.float64)[:, None] / MS_PER_SAMPLE
    onset = np.where(np.isfinite(fiducials[:, :1]), fiducials[:, :1], fiducials[:, 2:3])
    end = np.where(np.isfinite(fiducials[:, 5:]), fiducials[:, 5:], fiducials[:, 3:4])
    outside = (time < onset) | (time > end)
    return outside & ((time < end - rr) | (time > onset + rr))
