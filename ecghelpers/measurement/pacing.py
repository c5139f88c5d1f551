"""Pacing spikes: found by slopes that no heart has, and removed before anything is measured.

A spike leaves the trace and returns to it within milliseconds, between two quiet stretches; within
a QRS complex the trace changes as much on both sides of any sample. The spikes of one electrode
look alike. A large spike that a filter has spread rings for many milliseconds; at its centre the
trace bends more sharply than in any heartbeat. Some recorders draw a wide pulse, two steps, that
cannot be separated from the beat behind it.
"""

import numpy as np

NEAR_S, FAR_S = 0.006, 0.016  # half the width of a spike, and the reach of the stretches beside it
LEAST_UV = 120  # least size: root of the sum of squares over leads
STANDS_OUT = 2.0  # least size, in multiples of the change in the stretches beside it
WEAK = 1.2  # the same for a spike that looks like others
ALIKE_SHAPE, ALIKE_SIZE = 0.8, 2.5  # cosine over leads, and ratio of the sizes
LEAST_SPIKES, LONGEST_GAP_S = 3, 2.5  # their number, and the longest mean distance between two
BEND_S = 0.002  # spacing of the second difference; heartbeats bend by less than 450 µV (all leads)
BEND_UV, RINGING_UV = 3000, 900  # second difference at the centre of a large spike, and around it
LONG_S, LONGEST_S = 0.024, 0.06  # ringing that hides waves; longer than that, an artefact
RING_BEFORE_S, RING_AFTER_S = 0.01, 0.012  # around the ringing, also replaced by a straight line
EDGE_S = 0.03  # at both ends of the record, where recorders' filters start
APART_S = 0.03  # peaks closer together belong to one spike
CUT_BEFORE_S, CUT_AFTER_S = 0.008, 0.014  # around a spike, replaced by a straight line
STEP_S = 0.004  # duration of a step
STEP_BEFORE_R_S = (0.016, 0.2)  # where a wide pulse begins
STEP_SHARE = 0.5  # least share of the beats with a step


def remove_spikes(ecg_uv: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, int]:
    """(lead, time) µV without its pacing spikes, and how many there were.

    Each lead is interpolated linearly from 8 ms before a spike to 14 ms after it, and across the
    ringing of a large one.
    """
    large = find_large_spikes(ecg_uv, sampling_rate)
    margin = np.array([-RING_BEFORE_S, RING_AFTER_S]) * sampling_rate
    ecg_uv = _interpolated(ecg_uv, np.rint(large + margin).astype(int))
    at = find_spikes(ecg_uv, sampling_rate)
    margin = np.array([-CUT_BEFORE_S, CUT_AFTER_S]) * sampling_rate
    ecg_uv = _interpolated(ecg_uv, np.rint(at[:, None] + margin).astype(int))
    return ecg_uv, len(large) + len(at)


def _interpolated(ecg_uv: np.ndarray, stretches: np.ndarray) -> np.ndarray:
    """(lead, time) with a straight line from the first to the last sample of each stretch."""
    if len(stretches):
        ecg_uv = ecg_uv.copy()
    for first, last in stretches.clip(0, ecg_uv.shape[1] - 1):
        line = np.linspace(ecg_uv[:, first], ecg_uv[:, last], last - first + 1, axis=1)
        ecg_uv[:, first : last + 1] = line
    return ecg_uv


def find_large_spikes(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """First and last samples (spike, 2) of the ringing of large spikes in (lead, time) µV."""
    bend = _bend(ecg_uv, sampling_rate)
    rings = np.flatnonzero(bend > RINGING_UV)
    breaks = np.flatnonzero(np.diff(rings) > APART_S * sampling_rate) + 1
    groups = [g for g in np.split(rings, breaks) if bend[g].max(initial=0) > BEND_UV]
    found = np.array([(g[0], g[-1]) for g in groups], int).reshape(-1, 2)
    short = np.diff(found, axis=1).max(initial=0) <= LONGEST_S * sampling_rate
    return found if short and len(found) >= _least(ecg_uv, sampling_rate) else found[:0]


def spike_in_beat(beat_uv: np.ndarray, sampling_rate: float) -> bool:
    """Whether one beat (lead, time) µV shows a large spike. Small ones show in their repetition."""
    return bool((_bend(beat_uv, sampling_rate) > BEND_UV).any())


def _bend(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """(time,) norm over leads of the second difference over BEND_S, 0 at the ends."""
    step = max(1, round(BEND_S * sampling_rate))
    bend = ecg_uv[:, : -2 * step] - 2 * ecg_uv[:, step:-step] + ecg_uv[:, 2 * step :]
    return np.pad(np.linalg.norm(bend, axis=0) * (BEND_S * sampling_rate / step) ** 2, step)


def long_ringing(ecg_uv: np.ndarray, sampling_rate: float) -> bool:
    """Whether (lead, time) µV has large spikes whose ringing hides the waves behind them."""
    spikes = find_large_spikes(ecg_uv, sampling_rate)
    return len(spikes) > 0 and bool(np.median(np.diff(spikes)) > LONG_S * sampling_rate)


def _least(ecg_uv: np.ndarray, sampling_rate: float) -> float:
    """How many spikes a record must have; fewer are artefacts."""
    return max(LEAST_SPIKES, ecg_uv.shape[1] / sampling_rate / LONGEST_GAP_S)


def find_spikes(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Samples of the pacing spikes of (lead, time) µV: narrow, isolated, and many alike."""
    at, shape, clear = _narrow(ecg_uv, sampling_rate)
    least = _least(ecg_uv, sampling_rate)
    if clear.sum() < least:
        return at[:0]
    size = np.linalg.norm(shape, axis=1)
    cosine = (shape / size[:, None]) @ (shape / size[:, None]).T
    alike = np.abs(cosine) > ALIKE_SHAPE  # a sample later, a spike may swing back
    alike &= np.abs(np.log(size[:, None] / size)) < np.log(ALIKE_SIZE)
    spikes = np.zeros(len(at), bool)
    while clear.any():  # each round takes the spikes of one electrode
        like = alike[(alike & clear).sum(axis=1).argmax()]
        if (like & clear).sum() < max(least, like.sum() / 2):  # rather tremor than spikes
            break
        spikes |= like
        clear &= ~like
    return at[spikes]


def _narrow(ecg_uv: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What may be spikes: (spike,) samples, (spike, lead) sizes in µV, and which of them are clear.

    The size is the distance from the line between the samples 6 ms before and behind.
    """
    near, far, edge = (round(s * sampling_rate) for s in (NEAR_S, FAR_S, EDGE_S))
    middle = (ecg_uv[:, : -2 * near] + ecg_uv[:, 2 * near :]) / 2
    size = np.linalg.norm(ecg_uv[:, near:-near] - middle, axis=0)
    at = edge + np.flatnonzero(size[edge - near : near - edge] > LEAST_UV)
    size = size[at - near]
    sides = np.arange(-far, 1 - near), np.arange(near, far + 1), np.array([-near, near])
    beside = np.max([_change(ecg_uv, at[:, None] + side) for side in sides], axis=0)
    at, size, ratio = (x[size > WEAK * beside] for x in (at, size, size / (beside + 1e-9)))
    if not len(at):
        return at, np.empty((0, len(ecg_uv))), np.zeros(0, bool)
    breaks = np.flatnonzero(np.diff(at) > APART_S * sampling_rate) + 1
    largest = [g[size[g].argmax()] for g in np.split(np.arange(len(at)), breaks)]
    at = at[largest]
    shape = ecg_uv[:, at] - (ecg_uv[:, at - near] + ecg_uv[:, at + near]) / 2
    return at, shape.T, ratio[largest] > STANDS_OUT


def wide_pulses(ecg_uv: np.ndarray, sampling_rate: float, r: np.ndarray) -> bool:
    """Whether most beats at samples r of (lead, time) µV begin with a step, as of a wide pulse."""
    width, far = max(1, round(STEP_S * sampling_rate)), round(FAR_S * sampling_rate)
    latest, earliest = (round(s * sampling_rate) for s in STEP_BEFORE_R_S)
    r = r[r > earliest + far]
    at = (r[:, None] - np.arange(latest, earliest)).ravel()
    size = np.linalg.norm(ecg_uv[:, at + width] - ecg_uv[:, at], axis=0)
    steep = np.flatnonzero(size > LEAST_UV)
    sides = np.arange(-far, 1), np.arange(width, width + far + 1)
    beside = np.max([_change(ecg_uv, at[steep, None] + side) for side in sides], axis=0)
    stepped = steep[size[steep] > STANDS_OUT * beside] // (earliest - latest)
    return len(np.unique(stepped)) > STEP_SHARE * max(len(r), 1)


def _change(ecg_uv: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(place,) norm over leads of the span of (lead, time) at samples (place, time)."""
    samples = np.clip(samples, 0, ecg_uv.shape[1] - 1)
    return np.linalg.norm(np.ptp(ecg_uv[:, samples], axis=2), axis=0)
