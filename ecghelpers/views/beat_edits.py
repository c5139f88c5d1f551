"""Edits of the beat shown: the user drags an edge or a peak; prediction and map are updated."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..ecg import FIDUCIALS, MS_PER_SAMPLE, TARGETS
from ..evaluation.edits import EDITS, edit_beats
from .results_folder import Record

SLOW = ("occlusion",)  # no map while dragging, only on release
# While dragging, in place of the settings of the stored maps.
COARSE = {"smoothgrad_draws": 3, "gradientshap_draws": 3, "integrated_gradients_steps": 4}
STORED_DOSES = 4  # of the offline page, on either side of 0
STEPS = {"ms": MS_PER_SAMPLE, "µV": 10.0, "beats/min": 1.0}
PONSET, POFFSET, QONSET, QOFFSET, TONSET, TOFFSET = range(len(FIDUCIALS))


class Grip(NamedTuple):
    """What is dragged, and the axis along which it moves.

    mark: the fiducial at the grip. end: the last fiducial of the wave whose peak is the grip. sign:
    of the dose for a drag to the right. lead: where there is a grip, None for all leads.
    """

    label: str
    moves: str
    mark: int | None = None
    end: int | None = None
    sign: int = 1
    lead: str | None = None


GRIPS = {
    "qt": Grip("end of T", "x", TOFFSET),
    "pr": Grip("start of P", "x", PONSET, sign=-1),
    "qrs": Grip("end of QRS", "x", QOFFSET),
    "T_PeakAmpl_v5": Grip("height of T in V5", "y", TONSET, TOFFSET, lead="V5"),
    "R_PeakAmpl_v5": Grip("height of R in V5", "y", QONSET, QOFFSET, lead="V5"),
    "STJ_v5": Grip("J point in V5", "y", QOFFSET, QOFFSET, lead="V5"),
    "VentRate": Grip("neighbouring beats", "none"),
}


def specifications(target: str) -> list[dict]:
    """What the view offers to drag, the target's own edit first."""
    names = sorted(GRIPS, key=lambda name: name != target)
    return [
        GRIPS[name]._asdict()
        | {"name": name, "target": TARGETS[name].label, "unit": TARGETS[name].unit}
        | {"low": min(EDITS[name].doses), "high": max(EDITS[name].doses)}
        | {"step": STEPS[TARGETS[name].unit]}
        for name in names
    ]


def edited(record: Record, edit: str, dose: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The beat (12, 600) after an edit, and its fiducials (6,); None if the edit does not fit."""
    beat, marks = np.asarray(record.beat_uv, np.float32), np.array(record.fiducials, float)
    if not dose:
        return beat, marks
    rate = np.array([record.targets["VentRate"]])
    changed = edit_beats(beat[None], marks[None], edit, dose, rate=rate)[0]
    if not np.isfinite(changed).all():
        return None
    grip = GRIPS[edit]
    if grip.moves == "x":
        marks[grip.mark] += grip.sign * dose / MS_PER_SAMPLE
    return changed, marks


def series(record: Record, target: str) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Dose, beat and fiducials for each of the offline page's doses that fit the beat."""
    ends = min(EDITS[target].doses), max(EDITS[target].doses)
    for dose in np.outer(ends, np.arange(1, STORED_DOSES + 1) / STORED_DOSES).ravel():
        if (found := edited(record, target, float(dose))) is not None:
            yield float(dose), *found
