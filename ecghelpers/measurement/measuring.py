"""Measure ECGs as an electrocardiograph does: median beat, fiducials, targets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..ecg import (
    BEAT_SHAPE,
    FIDUCIALS,
    INDEPENDENT_ROWS,
    LEADS,
    MS_PER_SAMPLE,
    SAMPLING_RATE_HZ,
    twelve_leads,
)
from .delineator import delineate, leads_that_show
from .filters import to_500_hz
from .median_beat import FLAT_UV, MIN_BEATS, Beats, find_beats, median_over_beats, why_no_qrs
from .pacing import long_ringing, remove_spikes, spike_in_beat, wide_pulses
from .targets import (
    NEEDS,
    V5,
    measured_targets,
    missing_targets,
    no_p_wave,
    no_t_wave,
    zero_at_qrs_onset,
)

SECONDS = (5, 60)
RATES_HZ = (240, 1000)
RR_MS = (200, 3000)
BAD_LEAD = 3.0  # a lead this many times noisier than usual is not delineated
SMOOTH = 13  # samples (26 ms): faster changes count as the noise of a ready median beat
TOGETHER = 16  # ECGs delineated at once: their arrays fit into the processor's cache
APART_MS = 40  # the onset of P is unclear if limb and chest leads place it further apart
MISSING = {
    "p": "no measurable P wave: too few leads show one, or it overlaps the T wave before",
    "t": "no measurable T wave: too flat, or the next P wave overlaps it",
}
SPIKED = "paced: the median beat holds a pacing spike; give the recording"
Measured = tuple[np.ndarray, dict[str, float], dict[str, float], dict[str, str]]


@dataclass(frozen=True)
class Measurement:
    """The measurements of one ECG.

    median_uv: (12, 600) float32 µV at 500 Hz, zero at QRS onset, all NaN if there is none. targets
    (units as in ecg.TARGETS) and fiducials (samples in the median beat): NaN where not measurable,
    and then reasons gives the cause under the same key. beats_rejected: ectopic, noisy or cut by an
    end. spikes_removed: pacing spikes.
    """

    median_uv: np.ndarray
    targets: dict[str, float]
    fiducials: dict[str, float]
    reasons: dict[str, str]
    beats_used: int
    beats_rejected: int
    spikes_removed: int = 0


@dataclass(frozen=True)
class _Beat:
    """A median beat (8, 600) in µV before delineation, the noise of its leads, and its origin."""

    eight_uv: np.ndarray
    rr_ms: float
    noise_uv: np.ndarray
    beats: Beats | None = None
    spikes: int = 0


def measure(ecg_uv: np.ndarray, sampling_rate: float = 500) -> Measurement:
    """Measure an ECG (8 or 12, time) in µV, leads in the order of ecg.LEADS or INDEPENDENT_LEADS.

    Raises ValueError unless it lasts 5 to 60 s at 240 to 1000 Hz and every sample is finite.
    """
    return measure_many([ecg_uv], sampling_rate)[0]


def measure_many(ecgs_uv: Iterable[np.ndarray], sampling_rate: float = 500) -> list[Measurement]:
    """Measure ECGs as `measure` does, faster than one by one."""
    found = [_median_beat(_checked(ecg, sampling_rate), sampling_rate) for ecg in ecgs_uv]
    return [
        Measurement(*measured, beat.beats.used, beat.beats.rejected, beat.spikes)
        if isinstance(beat, _Beat)
        else measured
        for beat, measured in zip(found, _measure_beats(found), strict=True)
    ]


def measure_median(median_uv: np.ndarray, rr_ms: float) -> Measured:
    """Measure a ready median beat (12, 600) in µV at 500 Hz, R near sample 240.

    rr_ms: RR interval, to tell the waves of the next beat from this one's. Returns the beat (zero
    at QRS onset), targets, fiducials and reasons as in Measurement. One beat cannot show whether P
    repeats. A beat with a large pacing spike is not measured. Raises ValueError for another shape,
    values that are not finite, flat leads only, and an RR interval outside 200 to 3000 ms.
    """
    return measure_medians([median_uv], [rr_ms])[0]


def measure_medians(medians_uv: Sequence[np.ndarray], rr_ms: Sequence[float]) -> list[Measured]:
    """Measure median beats as `measure_median` does, faster than one by one."""
    return _measure_beats([_ready_beat(*pair) for pair in zip(medians_uv, rr_ms, strict=True)])


def _checked(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """The eight independent leads as float64, or ValueError."""
    ecg_uv = np.asarray(ecg_uv, dtype=float)
    if ecg_uv.ndim != 2 or len(ecg_uv) not in (len(INDEPENDENT_ROWS), len(LEADS)):
        raise ValueError(f"ecg_uv has shape {ecg_uv.shape}; allowed: (8, time) or (12, time), µV")
    if not RATES_HZ[0] <= sampling_rate <= RATES_HZ[1]:
        raise ValueError(
            f"sampling_rate is {sampling_rate} Hz; allowed: {RATES_HZ[0]} to {RATES_HZ[1]} Hz"
        )
    seconds = ecg_uv.shape[1] / sampling_rate
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise ValueError(
            f"ecg_uv lasts {seconds:g} s ({ecg_uv.shape[1]} samples at {sampling_rate:g} Hz); "
            f"allowed: {SECONDS[0]} to {SECONDS[1]} s"
        )
    if not np.isfinite(ecg_uv).all():
        raise ValueError(
            f"ecg_uv holds {np.count_nonzero(~np.isfinite(ecg_uv))} samples that are NaN or "
            "infinite; allowed: finite µV (leave such a stretch out, or interpolate it)"
        )
    return ecg_uv if len(ecg_uv) == len(INDEPENDENT_ROWS) else ecg_uv[INDEPENDENT_ROWS]


def _ready_beat(median_uv: np.ndarray, rr_ms: float) -> _Beat | Measured:
    """A ready median beat, or what is left to say where it cannot be measured; or ValueError."""
    median = np.asarray(median_uv, dtype=float)
    if median.shape != BEAT_SHAPE or not np.isfinite(median).all():
        raise ValueError(
            f"median_uv has shape {median.shape} and {np.count_nonzero(~np.isfinite(median))} "
            f"values that are not finite; allowed: {BEAT_SHAPE} finite values in µV"
        )
    if (np.ptp(median, axis=1) < FLAT_UV).all():
        raise ValueError(f"median_uv is flat; allowed: a lead that spans {FLAT_UV} µV or more")
    if not RR_MS[0] <= rr_ms <= RR_MS[1]:
        raise ValueError(f"rr_ms is {rr_ms}; allowed: {RR_MS[0]} to {RR_MS[1]} ms")
    eight, why = median[INDEPENDENT_ROWS], why_no_qrs(median[None], rr_ms / MS_PER_SAMPLE)
    if not why and spike_in_beat(eight, SAMPLING_RATE_HZ):
        why = SPIKED
    if why:
        return median.astype(np.float32), *missing_targets(np.nan, why)
    rough = np.abs(eight - uniform_filter1d(eight, SMOOTH, axis=1))
    return _Beat(eight, float(rr_ms), np.median(rough, axis=1))


def _median_beat(ecg_uv: np.ndarray, sampling_rate: float) -> _Beat | Measurement:
    """The median beat of (8, time) µV, or what is left to say where there is none."""
    unpaced_uv, spikes = remove_spikes(ecg_uv, sampling_rate)
    ringing = spikes > 0 and long_ringing(ecg_uv, sampling_rate)
    ecg_uv = to_500_hz(unpaced_uv, sampling_rate)
    beats = find_beats(ecg_uv)
    rr_ms, rate, why = beats.rr_ms, np.nan, beats.no_qrs
    if not why and beats.used < MIN_BEATS:
        rate = 60000 / np.median(rr_ms) if beats.dominant >= MIN_BEATS else np.nan
        why = f"{beats.used} usable beats of {len(beats.r)} found, at least {MIN_BEATS} needed"
    if not why and ringing:
        why = "paced: a filter has spread the pacing spikes over the waves behind them"
    elif not why and wide_pulses(ecg_uv, SAMPLING_RATE_HZ, beats.r):
        why = "paced: QRS begins with a step, a pacing pulse too wide to be removed"
    if why.startswith("paced"):
        rate = 60000 / np.median(rr_ms)
    if why:
        median = np.full(BEAT_SHAPE, np.nan, np.float32)
        return Measurement(median, *missing_targets(rate, why), beats.used, beats.rejected, spikes)
    median = median_over_beats(beats.windows)
    noise = np.sqrt(np.mean((beats.windows - median) ** 2, axis=(0, 2)))
    return _Beat(median, float(np.median(rr_ms)), noise, beats, spikes)


def _measure_beats(found: Sequence) -> list:
    """Replace each _Beat by its median (zero at QRS onset), targets, fiducials and reasons."""
    beats, measured = [beat for beat in found if isinstance(beat, _Beat)], []
    for start in range(0, len(beats), TOGETHER):
        part = beats[start : start + TOGETHER]
        medians = twelve_leads(np.stack([beat.eight_uv for beat in part]))
        flat, noisy = np.stack([_bad_leads(beat) for beat in part], axis=1)
        rr_ms = np.array([beat.rr_ms for beat in part])
        edges, apart_ms = delineate(medians, ~flat & ~noisy, rr_ms)
        measured += map(_measure_beat, part, medians, edges, apart_ms, flat, noisy)
    following = iter(measured)
    return [next(following) if isinstance(beat, _Beat) else beat for beat in found]


def _bad_leads(beat: _Beat) -> tuple[np.ndarray, np.ndarray]:
    """Which of the twelve leads are flat, and which are much noisier than the others."""
    flat = np.ptp(beat.eight_uv, axis=1) < FLAT_UV
    noise = beat.noise_uv
    noisy = ~flat & (noise > BAD_LEAD * np.median(noise[~flat])) if not flat.all() else flat

    def of_twelve(eight):
        limb = np.full(4, eight[0] | eight[1])
        return np.concatenate((eight[:2], limb, eight[2:]))

    return of_twelve(flat), of_twelve(noisy)


def _measure_beat(
    beat: _Beat,
    median: np.ndarray,
    edges: np.ndarray,
    apart_ms: np.ndarray,
    flat: np.ndarray,
    noisy: np.ndarray,
) -> Measured:
    fiducials = dict(zip(FIDUCIALS, edges.tolist(), strict=True))
    reasons = {name: MISSING[name[0]] for name, at in fiducials.items() if np.isnan(at)}
    usable = ~flat & ~noisy
    if np.isfinite(fiducials["ponset"]) and (
        why := _p_unclear(beat, fiducials, apart_ms, usable[INDEPENDENT_ROWS])
    ):
        fiducials |= {"ponset": np.nan, "poffset": np.nan}
        reasons |= {"ponset": why, "poffset": why}
    if np.isfinite(fiducials["toffset"]) and (
        why := no_t_wave(median[usable], fiducials, leads_that_show(usable))
    ):
        fiducials |= {"tonset": np.nan, "toffset": np.nan}
        reasons |= {"tonset": why, "toffset": why}
    median = zero_at_qrs_onset(median, fiducials["qonset"])
    reasons |= {name: reasons[edge] for name, edge in NEEDS.items() if edge in reasons}
    v5_is = "flat" if flat[V5] else "much noisier than the others" if noisy[V5] else ""
    targets, why = measured_targets(median, fiducials, beat.rr_ms, v5_is)
    return median.astype(np.float32), targets, fiducials, reasons | why


def _p_unclear(
    beat: _Beat, fiducials: dict[str, float], apart_ms: np.ndarray, usable: np.ndarray
) -> str:
    """Why this is no P wave, or one without a clear onset; "" if neither."""
    if apart_ms[0] > APART_MS:
        return f"unclear P wave: limb and chest leads place its onset {apart_ms[0]:.0f} ms apart"
    return no_p_wave(beat.beats, fiducials, usable) if beat.beats else ""
