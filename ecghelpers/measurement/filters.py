"""Condition an ECG before beat detection: 500 Hz, no baseline wander, no mains hum."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy.fft import rfft
from scipy.signal import resample_poly

from ..ecg import SAMPLING_RATE_HZ

BASELINE_HZ = 0.5  # slower is baseline wander: a heart slower than 30/min is not measured
MAINS_HZ = (50.0, 60.0)
MAINS_REACH_HZ = 0.6  # how far from its nominal frequency the mains may be
MAINS_EXCESS = 9.0  # power by which mains hum must stand out of the 5 Hz to each side


def to_500_hz(ecg_uv: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Resample (lead, time) from sampling_rate (Hz) to 500 Hz by polyphase filtering."""
    ratio = Fraction(SAMPLING_RATE_HZ / sampling_rate).limit_denominator(1000)
    if ratio == 1:
        return ecg_uv
    return resample_poly(ecg_uv, ratio.numerator, ratio.denominator, axis=1, padtype="line")


@lru_cache(maxsize=8)
def _slow_cosines(samples: int) -> np.ndarray:
    """Orthonormal cosines (DCT-II) slower than BASELINE_HZ, (cosine, sample)."""
    count = max(1, int(np.ceil(2 * BASELINE_HZ * samples / SAMPLING_RATE_HZ)))
    phase = np.pi * (np.arange(samples) + 0.5) / samples
    cosines = np.cos(np.arange(count)[:, None] * phase)
    return cosines / np.linalg.norm(cosines, axis=1, keepdims=True)


def remove_baseline(ecg_uv: np.ndarray) -> np.ndarray:
    """Subtract from (lead, time) its projection on cosines slower than 0.5 Hz.

    Cosines continue evenly past both ends, so there is neither delay nor a transient at the ends.
    """
    cosines = _slow_cosines(ecg_uv.shape[1])
    return ecg_uv - (ecg_uv @ cosines.T) @ cosines


def remove_mains(ecg_uv: np.ndarray) -> np.ndarray:
    """Subtract a sine of 50 or 60 Hz from each lead of (lead, time) where it stands out.

    The sine is fitted over the whole record. A notch filter would ring after every QRS complex.
    """
    samples = ecg_uv.shape[1]
    bin_hz = SAMPLING_RATE_HZ / samples
    power = np.abs(rfft(ecg_uv * np.hanning(samples), axis=1)) ** 2
    for mains_hz in MAINS_HZ:
        middle, reach, side = (round(hz / bin_hz) for hz in (mains_hz, MAINS_REACH_HZ, 5))
        near = power[:, middle - reach : middle + reach + 1]
        gap = reach + 3
        sides = (slice(middle - side, middle - gap), slice(middle + gap + 1, middle + side + 1))
        around = np.concatenate([power[:, part] for part in sides], axis=1)
        hum = near.max(axis=1) > MAINS_EXCESS * around.max(axis=1)
        if hum.any():
            ecg_uv = ecg_uv.copy()
            ecg_uv[hum] -= _sine(ecg_uv[hum], near[hum].sum(axis=0), middle - reach, bin_hz)
    return ecg_uv


def _sine(ecg_uv: np.ndarray, power: np.ndarray, first_bin: int, bin_hz: float) -> np.ndarray:
    """Least-squares sine in each lead at the frequency where power (bin,) peaks."""
    peak = int(power.argmax())
    offset = 0.0
    if 0 < peak < len(power) - 1:  # a Hann window's main lobe is close to a parabola in log power
        low, mid, high = np.log(power[peak - 1 : peak + 2] + 1e-12)
        offset = 0.5 * (low - high) / (low - 2 * mid + high - 1e-12)
    phase = 2 * np.pi * (first_bin + peak + offset) * bin_hz / SAMPLING_RATE_HZ
    phase = phase * np.arange(ecg_uv.shape[1])
    waves = np.stack((np.cos(phase), np.sin(phase)))
    return np.linalg.solve(waves @ waves.T, waves @ ecg_uv.T).T @ waves
