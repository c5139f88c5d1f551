"""The measurements that an electrocardiograph prints: rate, intervals, QTc, axes, amplitudes."""

from collections.abc import Mapping

import numpy as np

from ..ecg import FIDUCIALS, LEADS, TARGETS

LEAST_UV = 20.0  # mean net voltage below which a wave has no direction


def qtc(qt_ms: float, rate: float) -> tuple[float, float]:
    """QT corrected for the rate (beats/min) after Fridericia and Bazett: QT / RR^(1/3), QT / RR^½.

    RR in s. NaN where QT or the rate is.
    """
    rr = 60 / rate if rate > 0 else np.nan
    return qt_ms / rr ** (1 / 3), qt_ms / rr**0.5


def axis(beat_uv: np.ndarray, onset: float, end: float) -> float:
    """A wave's direction in the frontal plane, in degrees: 0 towards lead I, 90 towards aVF.

    From the net area in I and aVF above a line from onset to end (samples) of a beat (12, time) in
    µV; aVF is an augmented lead, so it counts 2/√3. NaN without the wave, or where it has no
    direction.
    """
    if not np.isfinite([onset, end]).all() or end - onset < 2:
        return float("nan")
    rows = [LEADS.index("I"), LEADS.index("aVF")]
    waves = np.asarray(beat_uv[rows, round(onset) : round(end) + 1], float)
    x, y = (waves - np.linspace(waves[:, 0], waves[:, -1], waves.shape[1], axis=1)).mean(1)
    y *= 2 / np.sqrt(3)
    return float(np.degrees(np.arctan2(y, x))) if np.hypot(x, y) >= LEAST_UV else float("nan")


def measurements(
    beat_uv: np.ndarray,
    fiducials,
    targets: Mapping[str, float],
    networks: Mapping[str, float],
    machine: Mapping[str, float],
) -> list[dict]:
    """Rows in the order of a printout, each with name ("" for no target), label, unit and values.

    beat_uv: (12, 600) µV. fiducials: (6,) samples. Values by target, NaN where missing: ``value``
    of targets, measured here; ``network``, the prediction; ``machine``, the electrocardiograph's.
    """
    marks = dict(zip(FIDUCIALS, np.asarray(fiducials, float), strict=True))
    rows = [(n, t.label, t.unit, float(targets.get(n, np.nan))) for n, t in TARGETS.items()]
    fridericia, bazett = qtc(targets.get("qt", np.nan), targets.get("VentRate", np.nan))
    rows[4:4] = [
        ("", "QTc Fridericia", "ms", fridericia),
        ("", "QTc Bazett", "ms", bazett),
        ("", "P axis", "°", axis(beat_uv, marks["ponset"], marks["poffset"])),
        ("", "QRS axis", "°", axis(beat_uv, marks["qonset"], marks["qoffset"])),
    ]
    return [
        dict(zip(("name", "label", "unit", "value"), row, strict=True))
        | {"network": networks.get(row[0], np.nan), "machine": machine.get(row[0], np.nan)}
        for row in rows
    ]
