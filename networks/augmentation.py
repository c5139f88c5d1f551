"""Variations of median beats for training: patients vary more than generated ECGs do.

Every change is made before the labels are measured, so that a label always describes the beat that
the network sees.
"""

import numpy as np

from ecghelpers.ecg import BEAT_SAMPLES, INDEPENDENT_LEADS, LEADS, MS_PER_SAMPLE, twelve_leads

R_SAMPLE = 240  # where median beats are aligned
EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
GAIN = (0.5, 2.0)
T_SCALE, P_SCALE = (-0.4, 1.2), (0.4, 1.3)
# Largest logarithm by which each part of the cycle is stretched or compressed: P, PR segment, QRS,
# ST segment with T, TP segment; and all of them together.
STRETCH, TEMPO = (0.2, 0.4, 0.2, 0.12, 0.25), 0.12
ROTATION_SD = 0.3  # radians, about a random axis
WANDER_UV, NOISE_UV = 15, 4  # SD of the largest wander; mean SD of white noise
# The eight leads from a vectorcardiogram X Y Z (Dower et al., J Electrocardiol 13:109, 1980).
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)


def augment(
    beat_uv: np.ndarray, fiducials: np.ndarray, rr_ms: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """A variation of a median beat, and its RR interval in ms.

    beat_uv: (12, 600); fiducials: (6,) in samples, all known. Waves are scaled, the parts of the
    cycle stretched, the heart's axis rotated, the gain changed, wander and noise added.
    """
    eight = beat_uv[EIGHT].astype(np.float64)
    p_on, p_off, qrs_on, qrs_off, _, t_off = fiducials
    eight = scale_wave(eight, p_on, p_off, rng.uniform(*P_SCALE))
    eight = scale_wave(eight, qrs_off + 4, t_off, rng.uniform(*T_SCALE))
    parts = np.array([p_on, p_off, qrs_on, qrs_off, t_off])
    stretch = rng.uniform(-1, 1, 5) * STRETCH + rng.uniform(-TEMPO, TEMPO)
    eight, rr_ms = warp(eight, parts, rr_ms, np.exp(stretch))
    eight = eight + DOWER @ (rotation(rng) - np.eye(3)) @ np.linalg.pinv(DOWER) @ eight
    eight *= np.exp(rng.uniform(*np.log(GAIN)))
    time = np.arange(BEAT_SAMPLES) / BEAT_SAMPLES
    phase, periods = rng.uniform(0, 2 * np.pi, (8, 1)), rng.uniform(0.3, 1.5, (8, 1))
    size = rng.uniform(0, WANDER_UV) * rng.normal(size=(8, 1))
    eight += size * np.sin(2 * np.pi * periods * time + phase)
    eight += rng.exponential(NOISE_UV) * rng.normal(size=eight.shape)
    return twelve_leads(eight), rr_ms


def scale_wave(eight: np.ndarray, start: float, stop: float, factor: float) -> np.ndarray:
    """Multiply the wave above the straight line from start to stop, in samples, by a factor."""
    start, stop = round(max(start, 0)), round(min(stop, BEAT_SAMPLES - 1))
    line = np.linspace(eight[:, start], eight[:, stop], stop - start + 1, axis=1)
    scaled = eight.copy()
    scaled[:, start : stop + 1] = line + factor * (eight[:, start : stop + 1] - line)
    return scaled


def warp(
    eight: np.ndarray, parts: np.ndarray, rr_ms: float, factors: np.ndarray
) -> tuple[np.ndarray, float]:
    """Stretch the parts of the cycle by factors, in this beat and in the neighbouring ones.

    parts: (5,) samples at which P, PR segment, QRS, ST-T and the TP segment begin. The largest QRS
    vector stays where it is. Samples from beyond the beat are taken one RR interval away.
    """
    cycle = rr_ms / MS_PER_SAMPLE
    bounds = np.concatenate([parts + cycle * turn for turn in (-2, -1, 0, 1, 2)])
    lengths = np.diff(bounds) * np.tile(factors, 5)[:-1]
    warped = np.concatenate(([0], np.cumsum(lengths)))
    warped += R_SAMPLE - np.interp(R_SAMPLE, bounds, warped)
    source = np.interp(np.arange(BEAT_SAMPLES), warped, bounds)
    last = BEAT_SAMPLES - 1
    inside = np.where(source > last, source - cycle, np.where(source < 0, source + cycle, source))
    inside = inside.clip(0, last)
    beats = np.stack([np.interp(inside, np.arange(BEAT_SAMPLES), lead) for lead in eight])
    for beyond, edge, away in ((source > last, last, -cycle), (source < 0, 0, cycle)):
        seam = np.clip(round(edge + away), 0, last)
        beats[:, beyond] += (eight[:, edge] - eight[:, seam])[:, None]
    ends = np.append(parts[1:], parts[0] + cycle)
    return beats, float(((ends - parts) * factors).sum() * MS_PER_SAMPLE)


def rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation about a random axis by a random angle (Rodrigues' formula)."""
    x, y, z = (axis := rng.normal(size=3)) / np.linalg.norm(axis)
    angle = rng.normal(0, ROTATION_SD)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
