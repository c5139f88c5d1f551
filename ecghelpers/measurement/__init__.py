"""From an ECG to its median beat, fiducials and targets: conditioning, beats, edges, values."""

from .targets import RATES_HZ, SECONDS, Measurement, measure, measure_median

# Stands in every network's card. Raise it by one whenever the same ECG may get other labels.
LABELS_VERSION = 1

__all__ = ["LABELS_VERSION", "RATES_HZ", "SECONDS", "Measurement", "measure", "measure_median"]
