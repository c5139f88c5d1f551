"""The distance to the neighbouring beats, estimated from their parts within the median beat."""

import numpy as np

from ..ecg import BEAT_SAMPLES, FIDUCIALS, INDEPENDENT_ROWS, MS_PER_SAMPLE

SHORTEST = 160  # samples (320 ms) from beat to beat
MINIMUM_OF_NEXT = 6  # samples of the next beat that must lie in the window
AFTER_T = 15  # samples (30 ms) after T from which the neighbour is looked for
LEAST_OVERLAP = 40  # samples over which a beat is compared with itself
SAMPLES_A_MINUTE = 60000 / MS_PER_SAMPLE


def rr_samples(
    beats_uv: np.ndarray, fiducials: np.ndarray, rate: np.ndarray | None = None
) -> np.ndarray:
    """(record,) distance to the next beat in samples: from the rate (per minute) where it is known.

    Elsewhere the segment after T is compared with the beat itself at every distance at which the
    next beat would begin within the window; the smallest mean squared difference decides. On 254
    generated ECGs the rate differed from the measured one by 0.3 /min (median; 95th percentile
    3.3). NaN where the next beat lies outside the window.
    """
    beats, fiducials = np.asarray(beats_uv, float), np.asarray(fiducials, float)
    rates = np.full(len(beats), np.nan) if rate is None else np.array(rate, float)
    with np.errstate(divide="ignore"):
        rr = np.where(rates > 0, SAMPLES_A_MINUTE / rates, np.nan)
    for record in np.flatnonzero(np.isnan(rr)):
        at = dict(zip(FIDUCIALS, fiducials[record], strict=True))
        rr[record] = _from_the_beat(beats[record, INDEPENDENT_ROWS], at)
    return rr


def _from_the_beat(beat: np.ndarray, at: dict[str, float]) -> float:
    first = at["ponset"] if np.isfinite(at["ponset"]) else at["qonset"]
    if not (np.isfinite(first) and np.isfinite(at["toffset"]) and np.isfinite(beat).all()):
        return float("nan")
    after_t = int(at["toffset"]) + AFTER_T
    distances = range(SHORTEST, int(BEAT_SAMPLES - first - MINIMUM_OF_NEXT))
    errors = [_difference(beat, max(after_t, distance), distance) for distance in distances]
    best = int(np.argmin(errors)) if errors else -1
    # At the longest distances the next beat may lie outside the window.
    certain = 0 <= best < len(errors) - 2 and np.isfinite(errors[best])
    return float(distances[best]) if certain else float("nan")


def _difference(beat: np.ndarray, start: int, distance: int) -> float:
    """Mean squared difference (µV²), from start on, between the beat and its shifted copy."""
    if BEAT_SAMPLES - start < LEAST_OVERLAP:
        return float("inf")
    difference = beat[:, start:] - beat[:, start - distance : BEAT_SAMPLES - distance]
    return float(difference.var(axis=1).mean())
