"""From an ECG to its median beat, fiducials and targets: conditioning, beats, edges, values."""

from .targets import RATES_HZ, SECONDS, Measurement, measure, measure_median

__all__ = ["RATES_HZ", "SECONDS", "Measurement", "measure", "measure_median"]
