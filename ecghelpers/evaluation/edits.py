"""Edits of a median beat whose effect on the label is known, because they move what defines it.

To add an edit, write a function (beat (8, 600), marks, dose, rr) → edited beat, or None where it
does not fit, and give it a row in EDITS. Leads are edited as the eight independent ones; III, aVR,
aVL and aVF follow from I and II. Marks are fiducials by name, in samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from ..ecg import (
    BEAT_SAMPLES,
    BEAT_SHAPE,
    FIDUCIALS,
    INDEPENDENT_LEADS,
    INDEPENDENT_ROWS,
    MS_PER_SAMPLE,
    twelve_leads,
)
from ..validation import check_target
from .rr_interval import SAMPLES_A_MINUTE, rr_samples

V5 = INDEPENDENT_LEADS.index("V5")
TIME = np.arange(float(BEAT_SAMPLES))
AROUND = 150  # samples (300 ms) of the neighbouring beats that are added beyond each end
FASTEST = 3.0  # the most by which a time warp may speed up a stretch
LEAST_UV = 50.0  # least R wave, before and after the edit; half of it for a T wave above its foot
CLEAR = 12  # samples (24 ms) around a wave that move with it
Marks = dict[str, float]


def _warped(beat: np.ndarray, knots: Sequence[float], moves: Sequence[float]) -> np.ndarray | None:
    """The beat with each knot moved by a number of samples, and smoothly in between.

    Where two neighbouring knots move alike, all between them moves rigidly. None if a knot would
    pass another, or if the beat would run faster than FASTEST anywhere.
    """
    knots, moves = np.array(knots, float), np.array(moves, float)
    if (np.diff(knots) < 1).any() or (np.diff(knots + moves) < 2).any():
        return None
    far = 1e4
    ends = np.concatenate(([-far], knots + moves, [far]))
    move = PchipInterpolator(ends, np.concatenate((moves[:1], moves, moves[-1:])))(TIME)
    source = TIME - move
    speed = np.diff(source)
    if speed.min() <= 0 or speed.max() > FASTEST:
        return None
    margin = (beat.shape[1] - BEAT_SAMPLES) // 2
    samples = np.arange(beat.shape[1]) - margin
    return CubicSpline(samples, beat, axis=1)(np.clip(source, samples[0], samples[-1]))


def _rise(start: float, end: float) -> np.ndarray:
    """(600,): 0 before start, 1 after end, smooth in between."""
    along = np.clip((TIME - start) / (end - start), 0, 1)
    return along * along * (3 - 2 * along)


def _move_t_end(beat: np.ndarray, at: Marks, dose_ms: float, rr: float) -> np.ndarray | None:
    """The end of T later by the dose; QRS and the next beat stay."""
    move, end = dose_ms / MS_PER_SAMPLE, at["toffset"]
    following = min(at.get("ponset", np.inf) + rr - CLEAR, BEAT_SAMPLES - 1)
    knots = at["qoffset"] + 6, end - 45, end + CLEAR, following
    return _warped(beat, knots, (0, move, move, 0))


def _move_p_onset(beat: np.ndarray, at: Marks, dose_ms: float, rr: float) -> np.ndarray | None:
    """The beginning of P earlier by the dose; QRS and the T wave before stay."""
    move, onset = -dose_ms / MS_PER_SAMPLE, at["ponset"]
    before = max(at.get("toffset", -np.inf) - rr + 4, 0)
    knots = before, onset - CLEAR, (onset + at["poffset"]) / 2, at["qonset"] - 4
    return _warped(beat, knots, (0, move, move, 0))


def _stretch_qrs(beat: np.ndarray, at: Marks, dose_ms: float, rr: float) -> np.ndarray | None:
    """The QRS complex longer by the dose from its onset on; the end of T stays."""
    move, end = dose_ms / MS_PER_SAMPLE, at["qoffset"]
    knots = at["qonset"] - 3, end + 3, end + CLEAR, at["toffset"] - 10
    return _warped(beat, knots, (0, move, move, 0))


def _move_neighbours(beat: np.ndarray, at: Marks, dose: float, rr: float) -> np.ndarray | None:
    """The beats before and after nearer or further, as the rate changes by the dose per minute."""
    changed = SAMPLES_A_MINUTE / (SAMPLES_A_MINUTE / rr + dose)
    first, last = at.get("ponset", at["qonset"]), at["toffset"]
    nearer, further = min(rr, changed), max(rr, changed)
    if not nearer > 0 or (first + further > BEAT_SAMPLES - 10 and last - further < 10):
        return None  # no neighbour within the beat, before or after
    move = changed - rr
    knots = last - rr + CLEAR, first - CLEAR, last + CLEAR, first + rr - CLEAR
    return _warped(_with_neighbours(beat, rr), knots, (-move, 0, 0, move))


def _with_neighbours(beat: np.ndarray, rr: float) -> np.ndarray:
    """(lead, 600) → (lead, 900): the beat continued at both ends by its own copy one RR away."""
    own = CubicSpline(TIME, beat, axis=1)
    before, after = np.arange(-AROUND, 0), np.arange(BEAT_SAMPLES, BEAT_SAMPLES + AROUND)
    fade = np.exp(-np.arange(1, AROUND + 1) / 20)  # of the step where they are joined
    left = own(np.clip(before + rr, 0, BEAT_SAMPLES - 1))
    right = own(np.clip(after - rr, 0, BEAT_SAMPLES - 1))
    left += np.outer(beat[:, 0] - left[:, -1], fade[::-1])
    right += np.outer(beat[:, -1] - right[:, 0], fade)
    return np.concatenate((left, beat, right), axis=1)


def _scale_t(beat: np.ndarray, at: Marks, dose_uv: float, rr: float) -> np.ndarray | None:
    """V5's T wave scaled so that its peak changes by the dose; its shape stays."""
    start, end = at["qoffset"] + 8, min(at["toffset"] + 10, BEAT_SAMPLES - 1)
    peak = t_peak(beat[V5], at)
    foot = np.interp(TIME, (start, end), np.interp((start, end), TIME, beat[V5]))
    wave = (beat[V5] - foot) * _rise(start, start + 8) * (1 - _rise(end - 8, end))
    if abs(wave[peak]) < LEAST_UV / 2 or np.abs(wave).max() > 1.5 * abs(wave[peak]):
        return None
    return _added(beat, dose_uv * wave / wave[peak])


def _shift_st(beat: np.ndarray, at: Marks, dose_uv: float, rr: float) -> np.ndarray | None:
    """The dose added to V5 around the J point, from after the R peak until before the T peak."""
    start, end = r_peak(beat[V5], at) + 3, at["qoffset"]
    if at.get("toffset", np.inf) < end + 70:
        return None
    lift = _rise(start, max(start + 6, end - 4)) * (1 - _rise(end + 10, end + 60))
    return _added(beat, dose_uv * lift)


def _scale_r(beat: np.ndarray, at: Marks, dose_uv: float, rr: float) -> np.ndarray | None:
    """V5's R wave, between where it crosses zero, scaled so that its peak changes by the dose."""
    peak, lead = r_peak(beat[V5], at), beat[V5]
    height = lead[peak]
    if min(height, height + dose_uv) < LEAST_UV:
        return None
    onset, offset = round(at["qonset"]), round(at["qoffset"])
    below = np.flatnonzero(lead[onset : offset + 1] <= 0) + onset
    start = max(below[below < peak], default=onset)
    end = min(below[below > peak], default=offset)
    inside = (start <= TIME) & (end >= TIME)
    return _added(beat, dose_uv / height * np.where(inside, np.maximum(lead, 0), 0))


def _added(beat: np.ndarray, wave: np.ndarray) -> np.ndarray:
    edited = beat.copy()
    edited[V5] += wave
    return edited


def r_peak(lead: np.ndarray, at: Marks) -> int:
    """The sample of the highest voltage in the QRS complex of a lead (600,)."""
    onset, offset = round(at["qonset"]), round(at["qoffset"])
    return onset + int(lead[onset : offset + 1].argmax())


def t_peak(lead: np.ndarray, at: Marks) -> int:
    """The sample of the peak of T in a lead (600,), upright or inverted, whichever bulges more."""
    end = min(round(at["toffset"]), len(lead) - 1)
    start = min(round(at["qoffset"]) + 20, end)
    wave = lead[start : end + 1]
    bulge = wave - np.linspace(wave[0], wave[-1], len(wave))
    return start + int(wave.argmax() if bulge.max() >= -bulge.min() else wave.argmin())


@dataclass(frozen=True)
class Edit:
    """A row of the table: what is done, in words, which fiducials it needs, and default doses."""

    apply: Callable[[np.ndarray, Marks, float, float], np.ndarray | None]
    label: str
    needs: tuple[str, ...]
    doses: tuple[float, ...]


QRS = ("qonset", "qoffset")
EDITS = {
    "VentRate": Edit(
        _move_neighbours, "neighbouring beats moved", ("qonset", "toffset"), (-10, -5, 5, 10)
    ),
    "pr": Edit(_move_p_onset, "P onset moved", ("ponset", "poffset", "qonset"), (-30, -15, 15, 30)),
    "qrs": Edit(_stretch_qrs, "QRS stretched", (*QRS, "toffset"), (-20, -10, 10, 20, 30)),
    "qt": Edit(_move_t_end, "T end moved", (*QRS, "toffset"), (-40, -20, 20, 40)),
    "STJ_v5": Edit(_shift_st, "J point of V5 shifted", QRS, (-60, -30, 30, 60)),
    "T_PeakAmpl_v5": Edit(_scale_t, "T of V5 scaled", (*QRS, "toffset"), (-200, -100, 100, 200)),
    "R_PeakAmpl_v5": Edit(_scale_r, "R of V5 scaled", QRS, (-300, -150, 150, 300)),
}


def edit_beats(
    beats_uv: np.ndarray,
    fiducials: np.ndarray,
    target: str,
    dose: float | np.ndarray,
    *,
    rate: np.ndarray | None = None,
) -> np.ndarray:
    """Beats edited so that the target changes by the dose and little else does.

    beats_uv: (record, 12, 600) in µV; fiducials: (record, 6) samples in the order of FIDUCIALS;
    dose: in target unit, one for all or one per record; rate: (record,) beats/min, estimated from
    the beat where missing (see rr_interval). Returns the same shape, floating; rows are NaN where a
    needed fiducial is missing or the edit does not fit. Raises ValueError for an unknown target and
    for wrong shapes.
    """
    edit = EDITS[check_target(target)]
    beats, fiducials = np.asarray(beats_uv), np.asarray(fiducials, float)
    if beats.shape[1:] != BEAT_SHAPE or fiducials.shape != (len(beats), len(FIDUCIALS)):
        raise ValueError(
            f"got beats of shape {beats.shape} with fiducials of shape {fiducials.shape}; allowed: "
            f"(record, {BEAT_SHAPE[0]}, {BEAT_SHAPE[1]}) with (record, {len(FIDUCIALS)})"
        )
    doses = np.broadcast_to(dose, len(beats))
    rr = rr_samples(beats, fiducials, rate)
    edited = np.full(beats.shape, np.nan, np.result_type(beats, np.float32))
    for record, marks in enumerate(fiducials):
        at = {n: m for n, m in zip(FIDUCIALS, marks, strict=True) if np.isfinite(m)}
        beat = beats[record, INDEPENDENT_ROWS].astype(float)
        if not (set(edit.needs) <= set(at) and np.isfinite(beat).all()):
            continue
        if target == "VentRate" and not np.isfinite(rr[record]):
            continue
        # Where it cannot be estimated, the neighbours lie outside the beat.
        away = np.nan_to_num(rr[record], nan=BEAT_SAMPLES)
        changed = edit.apply(beat, at, doses[record], away)
        if changed is not None:
            edited[record] = twelve_leads(changed.astype(edited.dtype))
    return edited
