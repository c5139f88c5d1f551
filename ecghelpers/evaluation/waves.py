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
    inside = {}  # wave → (record, time): 1 on the wave, else 0; NaN where it is missing
    for number, wave in enumerate(("P", "QRS", "T")):
        onset, offset = fiducials[:, 2 * number, None], fiducials[:, 2 * number + 1, None]
        known = np.where(np.isfinite(onset + offset), 1.0, np.nan)
        inside[wave] = known * ((time >= onset) & (time <= offset))
    if rate is not None:
        inside[NEIGHBOURS] = neighbouring_beats(fiducials, rate, time)
    inside["elsewhere"] = 1 - sum(inside.values())
    shares = {wave: (weight * part).sum(1) / total for wave, part in inside.items()}
    times = {f"time_{wave}": part.mean(1) for wave, part in inside.items()}
    return pd.DataFrame(shares | times)


def neighbouring_beats(fiducials: np.ndarray, rate: np.ndarray, time: np.ndarray) -> np.ndarray:
    """(record, time) whether a sample belongs to the beat before or after; never to this one."""
    rr = 60000 / np.asarray(rate, np.float64)[:, None] / MS_PER_SAMPLE
    onset = np.where(np.isfinite(fiducials[:, :1]), fiducials[:, :1], fiducials[:, 2:3])
    end = np.where(np.isfinite(fiducials[:, 5:]), fiducials[:, 5:], fiducials[:, 3:4])
    outside = (time < onset) | (time > end)
    return outside & ((time < end - rr) | (time > onset + rr))
