"""Whether an ECG lies within the range that the networks were trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..data.medians import Medians
from ..ecg import TARGETS

MOST_BEATS = 2000  # of the training records: enough for a range


@dataclass(frozen=True)
class KnownRange:
    """Range of the training records: targets (target → low, high), amplitude and shape.

    amplitude_uv: (low, high) of a beat's largest |voltage|. apart: the largest RMS difference from
    the mean beat (12, 600), in units of the mean beat's RMS.
    """

    targets: dict[str, tuple[float, float]]
    amplitude_uv: tuple[float, float]
    mean_beat: np.ndarray
    apart: float

    @classmethod
    def of(cls, data: Medians) -> "KnownRange":
        """The range of the training records."""
        rows = np.flatnonzero(data.split == "train")[:MOST_BEATS]
        rows = rows if len(rows) else np.arange(min(len(data.record_id), MOST_BEATS))
        beats = data.medians[rows].astype(np.float32)
        values = data.targets[rows]
        known = [np.isfinite(column).any() for column in values.T]
        ranges = {
            name: (float(np.nanmin(column)), float(np.nanmax(column)))
            for name, column, valid in zip(TARGETS, values.T, known, strict=True)
            if valid
        }
        size, mean = np.abs(beats).max((1, 2)), beats.mean(0)
        apart = max(_apart(beat, mean) for beat in beats)
        return cls(ranges, (float(size.min()), float(size.max())), mean, apart)

    def outside(self, beat_uv: np.ndarray, targets: Mapping[str, float]) -> str:
        """A sentence that names what lies outside the range, "" where nothing does."""
        found = []
        for name, (low, high) in self.targets.items():
            value = targets.get(name, np.nan)
            if np.isfinite(value) and not low <= value <= high:
                target = TARGETS[name]
                found.append(
                    f"{target.label} {value:.0f} {target.unit} (trained: {low:.0f} to {high:.0f})"
                )
        size, (least, most) = float(np.abs(beat_uv).max()), self.amplitude_uv
        if not least <= size <= most:
            found.append(f"largest voltage {size:.0f} µV (trained: {least:.0f} to {most:.0f})")
        if _apart(beat_uv, self.mean_beat) > self.apart:
            found.append("shape further from the average beat than any training beat")
        return f"Outside the networks' training range: {'; '.join(found)}." if found else ""


def _apart(beat: np.ndarray, mean: np.ndarray) -> float:
    return float(np.sqrt(((beat - mean) ** 2).mean() / max((mean**2).mean(), 1e-9)))
