"""Edits of the beat shown: a user drags an edge or a peak, prediction and map follow."""

from collections.abc import Iterator

import numpy as np

from ..ecg import FIDUCIALS, MS_PER_SAMPLE, TARGETS
from ..evaluation.edits import EDITS, edit_beats
from .results_folder import Case

SLOW = ("occlusion",)  # no map while dragging, only on release
COARSE = {"smoothgrad_draws": 3, "gradientshap_draws": 3, "integrated_gradients_steps": 4}
# Target → what is dragged, the axis it moves along, the fiducial at the grip, the last fiducial of
# the wave whose peak is the grip, and the sign of the dose for a drag to the right.
GRIPS = {
    "qt": ("end of T", "x", "toffset", None, 1),
    "pr": ("start of P", "x", "ponset", None, -1),
    "qrs": ("end of QRS", "x", "qoffset", None, 1),
    "T_PeakAmpl_v5": ("height of T in V5", "y", "tonset", "toffset", 1),
    "R_PeakAmpl_v5": ("height of R in V5", "y", "qonset", "qoffset", 1),
    "STJ_v5": ("J point in V5", "y", "qoffset", "qoffset", 1),
    "VentRate": ("neighbouring beats", "none", None, None, 1),
}
STEPS = {"ms": MS_PER_SAMPLE, "µV": 10.0, "beats/min": 1.0}
STORED_DOSES = 4  # of the offline page, on either side of 0


def specifications(target: str) -> list[dict]:
    """What the view offers to drag, the target's own edit first."""
    found = []
    for name in sorted(GRIPS, key=lambda name: name != target):
        label, moves, mark, end, sign = GRIPS[name]
        mark, end = (None if n is None else FIDUCIALS.index(n) for n in (mark, end))
        found.append({"name": name, "label": label, "target": TARGETS[name].label, "moves": moves})
        found[-1] |= {"mark": mark, "end": end, "sign": sign, "unit": TARGETS[name].unit}
        found[-1] |= {"lead": "V5" if moves == "y" else None, "step": STEPS[TARGETS[name].unit]}
        found[-1] |= {"low": min(EDITS[name].doses), "high": max(EDITS[name].doses)}
    return found


def edited(case: Case, edit: str, dose: float, rate: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The case's beat (12, 600) after an edit, and its fiducials (6,); None without room for it."""
    beat, marks = np.asarray(case.beat_uv, np.float32), np.array(case.fiducials, float)
    if not dose:
        return beat, marks
    changed = edit_beats(beat[None], marks[None], edit, dose, rate=np.array([rate]))[0]
    if not np.isfinite(changed).all():
        return None
    _, moves, mark, _, sign = GRIPS[edit]
    if moves == "x":
        marks[FIDUCIALS.index(mark)] += sign * dose / MS_PER_SAMPLE
    return changed, marks


def stored_doses(target: str) -> np.ndarray:
    """The doses that the offline page holds, without 0."""
    steps = np.arange(1, STORED_DOSES + 1) / STORED_DOSES
    low, high = min(EDITS[target].doses), max(EDITS[target].doses)
    return np.concatenate((low * steps[::-1], high * steps))


def series(case: Case, rate: float) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Dose, beat and fiducials of every stored dose for which the beat has room."""
    for dose in stored_doses(case.target):
        if (found := edited(case, case.target, float(dose), rate)) is not None:
            yield float(dose), *found
