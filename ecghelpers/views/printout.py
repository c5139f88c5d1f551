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
    first, last = round(onset), round(end)
    net = {}
    for lead in ("I", "aVF"):
        wave = np.asarray(beat_uv[LEADS.index(lead), first : last + 1], float)
        net[lead] = (wave - np.linspace(wave[0], wave[-1], len(wave))).mean()
    x, y = net["I"], net["aVF"] * 2 / np.sqrt(3)
    return float(np.degrees(np.arctan2(y, x))) if np.hypot(x, y) >= LEAST_UV else float("nan")


def measurements(
    beat_uv: np.ndarray,
    fiducials,
    targets: Mapping[str, float],
    networks: Mapping[str, float] | None = None,
    machine: Mapping[str, float] | None = None,
) -> list[dict]:
    """Rows in the order of a printout: name ("" for no target), label, value, unit, digits, …

    beat_uv: (12, 600) µV. fiducials: (6,) samples. targets: name → value; NaN where missing.
    networks: target → prediction. machine: target → value printed by the recorder; each row has
    both as ``network`` and ``machine``.
    """
    marks = dict(zip(FIDUCIALS, np.asarray(fiducials, float), strict=True))
    value = {name: float(targets.get(name, np.nan)) for name in TARGETS}
    fridericia, bazett = qtc(value["qt"], value["VentRate"])
    rows = [(name, TARGETS[name].label, value[name], TARGETS[name].unit) for name in TARGETS]
    rows[4:4] = [
        ("", "QTc Fridericia", fridericia, "ms"),
        ("", "QTc Bazett", bazett, "ms"),
        ("", "P axis", axis(beat_uv, marks["ponset"], marks["poffset"]), "°"),
        ("", "QRS axis", axis(beat_uv, marks["qonset"], marks["qoffset"]), "°"),
    ]
    names = ("name", "label", "value", "unit")
    return [
        dict(zip(names, row, strict=True))
        | {"digits": 0, "network": (networks or {}).get(row[0], np.nan)}
        | {"machine": (machine or {}).get(row[0], np.nan)}
        for row in rows
    ]
