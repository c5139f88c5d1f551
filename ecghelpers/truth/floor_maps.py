"""Maps that are wrong on purpose: a map worth believing scores better than these made from it.

A shifted map is as smooth and lies on the same leads, but at the wrong time: what it loses is what
the map knew of *when*. Another record's map is right for the average beat, for beats are aligned:
what it loses is what the map knew of *this* ECG.
"""

from collections.abc import Sequence

import numpy as np

from ..config import generator
from ..ecg import SAMPLING_RATE_HZ

LEAST_SHIFT_MS = 100


def shifts(
    samples: int, seed: int, record_id: Sequence[str], rate_hz: float = SAMPLING_RATE_HZ
) -> np.ndarray:
    """(record,) samples to shift by, at least 100 ms in either direction, from (seed, record id).

    Raises ValueError if so many samples leave no room for that.
    """
    least = int(np.ceil(LEAST_SHIFT_MS * rate_hz / 1000))
    if samples < 2 * least:
        raise ValueError(
            f"got maps of {samples} samples at {rate_hz:g} Hz; at least {2 * least} are needed to "
            f"shift them by {LEAST_SHIFT_MS} ms or more"
        )
    draws = [generator(seed, "shift", i).integers(least, samples - least + 1) for i in record_id]
    return np.array(draws, dtype=int)


def shifted(
    maps: np.ndarray, seed: int, record_id: Sequence[str], rate_hz: float = SAMPLING_RATE_HZ
) -> np.ndarray:
    """Each record's own map rolled in time, all leads alike: (record, lead, time) → the same shape.

    The offset belongs to the record: the same for every method, alone or in any batch.
    """
    maps = _checked(maps, record_id)
    samples = maps.shape[-1]
    times = np.arange(samples) - shifts(samples, seed, record_id, rate_hz)[:, None]
    return np.take_along_axis(maps, (times % samples)[:, None, :], axis=2)


def knowing_nothing(
    shape: tuple[int, ...], seed: int, record_id: Sequence[str], beats_uv: np.ndarray | None = None
) -> np.ndarray:
    """What a map of this shape (record, lead, time) is by chance: normal numbers of each record.

    beats_uv: of the same shape, where the maps in question are multiplied by the voltage. Those are
    larger where the beat is, whatever the network: chance for them are numbers that are so too.
    """
    draws = [generator(seed, "knowing nothing", i).standard_normal(shape[1:]) for i in record_id]
    numbers = np.array(draws).reshape(shape)
    return numbers if beats_uv is None else numbers * beats_uv


def partners(record_id: Sequence[str], seed: int, groups: Sequence | None = None) -> np.ndarray:
    """(record,) position of another record for each one, -1 where there is none.

    The records stand in a circle in an order that (seed, record id) decides, and each takes the
    next: so every map is used once, and the records' order in the file decides nothing. groups:
    (record,) patients; a partner is another patient's record.
    """
    groups = list(record_id if groups is None else groups)
    draws = [generator(seed, "other record", i).random() for i in record_id]
    circle = list(np.argsort(draws))
    chosen = np.full(len(circle), -1)
    for place, record in enumerate(circle):
        after = circle[place + 1 :] + circle[:place]
        chosen[record] = next((i for i in after if groups[i] != groups[record]), -1)
    return chosen


def other_record(
    maps: np.ndarray, seed: int, record_id: Sequence[str], groups: Sequence | None = None
) -> np.ndarray:
    """Each record gets the map of its partner: (record, lead, time) → the same shape.

    All NaN where no other record (of another patient, with groups) is among these.
    """
    maps = _checked(maps, record_id)
    chosen = partners(record_id, seed, groups)
    there = (chosen >= 0)[:, None, None]
    return np.where(there, maps[chosen], np.nan).astype(maps.dtype) if len(maps) else maps


def _checked(maps: np.ndarray, record_id: Sequence[str]) -> np.ndarray:
    """The maps as a floating array. Raises ValueError for another shape or number of ids."""
    maps = np.asarray(maps)
    maps = maps if np.issubdtype(maps.dtype, np.floating) else maps.astype(np.float32)
    if maps.ndim != 3 or len(maps) != len(record_id):
        raise ValueError(
            f"got maps of shape {maps.shape} with {len(record_id)} record ids; allowed: "
            "(record, lead, time) and an id for each record"
        )
    return maps
