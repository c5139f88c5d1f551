"""Whether an ECG lies within the range that the networks were trained on."""

from collections.abc import Mapping

import numpy as np

from ..data.medians import Medians
from ..ecg import TARGETS

MOST_BEATS = 2000  # of the training records: enough for a range


def outside(data: Medians, beat_uv: np.ndarray, targets: Mapping[str, float]) -> str:
    """A sentence that names what lies outside the range of the training records, "" for nothing.

    beat_uv: (12, 600). Compared are the targets, the largest voltage, and the distance from the
    mean beat (RMS difference in RMS of the mean beat). Without training records, all records count.
    """
    train = np.flatnonzero(data.split == "train")
    rows = (train if len(train) else np.arange(len(data.record_id)))[:MOST_BEATS]
    beats = data.medians[rows].astype(np.float32)
    values = [
        (target.label, target.unit, targets.get(name, np.nan), data.target(name)[rows])
        for name, target in TARGETS.items()
    ]
    values.append(("largest voltage", "µV", np.abs(beat_uv).max(), np.abs(beats).max((1, 2))))
    found = []
    for label, unit, value, known in values:
        low, high = np.nanmin([*known, np.inf]), np.nanmax([*known, -np.inf])
        if low <= high and (value < low or value > high):
            found.append(f"{label} {value:.0f} {unit} (trained: {low:.0f} to {high:.0f})")
    mean = beats.mean(0)
    if ((beat_uv - mean) ** 2).mean() > ((beats - mean) ** 2).mean((1, 2)).max():
        found.append("shape further from the average beat than any training beat")
    return f"Outside the networks' training range: {'; '.join(found)}." if found else ""
