"""From ECGs to median beats, fiducials and targets: conditioning, beats, edges, values."""

from .measuring import (
    RATES_HZ,
    SECONDS,
    Measurement,
    measure,
    measure_many,
    measure_median,
    measure_medians,
)

# Part of every network's card. Increase it by one whenever the same ECG may get other labels.
LABELS_VERSION = 3

__all__ = [
    "LABELS_VERSION",
    "RATES_HZ",
    "SECONDS",
    "Measurement",
    "measure",
    "measure_many",
    "measure_median",
    "measure_medians",
]
