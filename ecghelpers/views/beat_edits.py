"""Edits of the beat shown: a reader drags an edge or a peak, prediction and map follow."""

from collections.abc import Iterator

import numpy as np

from ..ecg import FIDUCIALS, MS_PER_SAMPLE, TARGETS
from ..evaluation.edits import EDITS, edit_beats
from .case import Case

COARSE = {"smoothgrad_draws": 3, "gradientshap_draws": 3, "integrated_gradients_steps": 4}
# mark: the fiducial at the grip; end: a peak lies between mark and end; sign: dose per ms dragged.
GRIPS = {
    "qt": {"label": "end of T", "moves": "x", "mark": "toffset", "sign": 1},
    "pr": {"label": "start of P", "moves": "x", "mark": "ponset", "sign": -1},
    "qrs": {"label": "end of QRS", "moves": "x", "mark": "qoffset", "sign": 1},
    "T_PeakAmpl_v5": {
        "label": "height of T in V5", "moves": "y", "mark": "tonset", "end": "toffset",
    },
    "R_PeakAmpl_v5": {
        "label": "height of R in V5", "moves": "y", "mark": "qonset", "end": "qoffset",
    },
    "STJ_v5": {"label": "J point in V5", "moves": "y", "mark": "qoffset", "end": "qoffset"},
    "VentRate": {"label": "neighbouring beats", "moves": "none", "mark": None},
}  # fmt: skip
STEPS = {"ms": MS_PER_SAMPLE, "µV": 10.0, "beats/min": 1.0}
STORED_DOSES = 8  # of the offline page
NO_ROOM = "This beat has no room for that edit."


def specifications(target: str, *, only_own: bool) -> list[dict]:
    """What the view offers to drag, the target's own edit first."""
    names = [target, *(() if only_own else (name for name in GRIPS if name != target))]
    return [_specification(name) for name in names if name in GRIPS]


def _specification(name: str) -> dict:
    grip, doses = GRIPS[name], EDITS[name].doses
    places = {
        key: None if grip.get(key) is None else FIDUCIALS.index(grip[key])
        for key in ("mark", "end")
    }
    return grip | places | {
        "name": name,
        "target": TARGETS[name].label,
        "unit": TARGETS[name].unit,
        "lead": "V5" if grip["moves"] == "y" else None,
        "low": min(doses),
        "high": max(doses),
        "step": STEPS[TARGETS[name].unit],
    }  # fmt: skip


def edited(case: Case, edit: str, dose: float, rate: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The case's beat (12, 600) after an edit, and its fiducials (6,); None without room for it."""
    beat, marks = np.asarray(case.beat_uv, np.float32), np.array(case.fiducials, float)
    if not dose:
        return beat, marks
    changed = edit_beats(beat[None], marks[None], edit, dose, rate=np.array([rate]))[0]
    if not np.isfinite(changed).all():
        return None
    grip = GRIPS[edit]
    if grip["moves"] == "x":
        marks[FIDUCIALS.index(grip["mark"])] += grip["sign"] * dose / MS_PER_SAMPLE
    return changed, marks


def stored_doses(target: str) -> np.ndarray:
    """The doses that the offline page holds, 0 left out."""
    low, high = min(EDITS[target].doses), max(EDITS[target].doses)
    half = STORED_DOSES // 2
    return np.concatenate(
        (low * np.arange(half, 0, -1) / half, high * np.arange(1, half + 1) / half)
    )


def series(case: Case, rate: float) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Dose, beat and fiducials of every stored dose for which the beat has room."""
    for dose in stored_doses(case.target):
        if (found := edited(case, case.target, float(dose), rate)) is not None:
            yield float(dose), *found
