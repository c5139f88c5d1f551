"""ECGs whose fiducials are known exactly: half sines for P and QRS, a raised cosine for T."""

import numpy as np

RATE_HZ = 500
# µV in I, II, V1 … V6
P_UV = np.array([60, 120, 50, 60, 70, 70, 70, 60.0])
Q_UV = np.array([-60, -80, 0, 0, 0, -60, -90, -80.0])
R_UV = np.array([700, 900, 250, 500, 800, 1200, 1300, 1000.0])
S_UV = np.array([-120, -150, -900, -1200, -800, -400, -200, -100.0])
T_UV = np.array([180, 240, -80, 400, 450, 400, 320, 240.0])
SLOW_UV = np.array([-250, -80, 400, 250, 60, -80, -180, -220.0])  # the end of a wide QRS


def half_sine(time_ms, onset_ms, offset_ms):
    inside = (onset_ms <= time_ms) & (time_ms <= offset_ms)
    phase = np.pi * (time_ms - onset_ms) / (offset_ms - onset_ms)
    return np.where(inside, np.sin(phase), 0.0)


def beat(time_ms, pr=160, qrs=92, qt=400, p=1.0, t=1.0, p_ms=100, slow=0, ta=0.0, notch=False):
    """(8, time) µV; zero of time at QRS onset, intervals in ms.

    p_ms: length of P. slow: the last so many ms of QRS are one slow wave. ta: size of the atrial T
    wave in P waves. notch: P has two summits.
    """
    fast, end = qrs - slow, -pr + p_ms
    quarter = fast / 4
    summits = half_sine(time_ms, -pr, end - 0.4 * p_ms * notch)
    if notch:
        summits += half_sine(time_ms, end - 0.6 * p_ms, end)
    wave = p * np.outer(P_UV, summits - ta * half_sine(time_ms, end, end + 220) ** 2)
    wave += np.outer(Q_UV, half_sine(time_ms, 0, quarter))
    wave += np.outer(R_UV, half_sine(time_ms, quarter, 3 * quarter))
    wave += np.outer(S_UV, half_sine(time_ms, 3 * quarter, fast))
    if slow:
        wave += np.outer(SLOW_UV, half_sine(time_ms, fast - 10, qrs))
    return wave + t * np.outer(T_UV, half_sine(time_ms, qt - 200, qt) ** 2)


def ectopic(time_ms):
    """A ventricular extrasystole: wide, of another axis, T opposite, no P wave."""
    wave = np.outer(S_UV[::-1] * 1.5, half_sine(time_ms, 0, 160))
    return wave + np.outer(-1.2 * T_UV, half_sine(time_ms, 200, 420))


def ecg(onsets_ms=None, seconds=10, rate_hz=RATE_HZ, rr=850, ectopics_ms=(), **shape):
    """(8, time) µV: a beat with its QRS onset at each of onsets_ms, every rr ms if not given."""
    time_ms = np.arange(round(seconds * rate_hz)) * 1000 / rate_hz
    if onsets_ms is None:
        onsets_ms = np.arange(300, seconds * 1000, rr)
    scale = shape.pop("scale", 1.0)
    traces = scale * sum(beat(time_ms - onset, **shape) for onset in onsets_ms)
    return traces + sum(ectopic(time_ms - onset) for onset in ectopics_ms)


def noise(shape, sd_uv=5.0, seed=0):
    return np.random.default_rng(seed).normal(0, sd_uv, shape)
