"""Whether an ECG lies within the range that the networks were trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..data.medians import Medians
from ..ecg import TARGETS

MOST_BEATS = 2000  # of the training records: enough for a range


@dataclass(frozen=True)
class KnownRange:
    """Range of the training records.

    targets: target → (low, high). amplitude_uv: (low, high) of a beat's largest |voltage|.
    distance: the largest RMS difference from the mean beat (12, 600), in its RMS.
    """

    targets: dict[str, tuple[float, float]]
    amplitude_uv: tuple[float, float]
    mean_beat: np.ndarray
    distance: float

    @classmethod
    def of(cls, data: Medians) -> "KnownRange":
        """The range of the training records, of all records where there are none."""
        train = np.flatnonzero(data.split == "train")
        rows = (train if len(train) else np.arange(len(data.record_id)))[:MOST_BEATS]
        beats = data.medians[rows].astype(np.float32)
        columns = zip(TARGETS, data.targets[rows].T, strict=True)
        ranges = {n: _ends(values) for n, values in columns if np.isfinite(values).any()}
        mean = beats.mean(0)
        distance = max(_distance(beat, mean) for beat in beats)
        return cls(ranges, _ends(np.abs(beats).max((1, 2))), mean, distance)

    def outside(self, beat_uv: np.ndarray, targets: Mapping[str, float]) -> str:
        """A sentence that names everything outside the range, "" where nothing is."""
        values = [(TARGETS[n].label, TARGETS[n].unit, targets[n], self.targets[n])
                  for n in self.targets if n in targets]  # fmt: skip
        size = float(np.abs(beat_uv).max())
        values.append(("largest voltage", "µV", size, self.amplitude_uv))
        found = [
            f"{label} {value:.0f} {unit} (trained: {low:.0f} to {high:.0f})"
            for label, unit, value, (low, high) in values
            if value < low or value > high
        ]
        if _distance(beat_uv, self.mean_beat) > self.distance:
            found.append("shape further from the average beat than any training beat")
        return f"Outside the networks' training range: {'; '.join(found)}." if found else ""


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(np.nanmin(values)), float(np.nanmax(values))


def _distance(beat: np.ndarray, mean: np.ndarray) -> float:
    return float(np.sqrt(((beat - mean) ** 2).mean() / max((mean**2).mean(), 1e-9)))
