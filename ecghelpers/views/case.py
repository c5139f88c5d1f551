"""One record under one network, as a reader looks at it."""

from dataclasses import dataclass, field

import numpy as np

INTERVENTION = "intervention"  # a map made without an attribution method


def map_name(method: str, baseline: str) -> str:
    """The name of a map among a case's maps: against the flat line it is the method's own."""
    return f"{method}|{baseline}" if baseline != "flat" else method


@dataclass
class Case:
    """One record under one network.

    beat_uv: (12, 600). fiducials: (6,) sample indices, NaN = missing. truth and prediction in
    target unit, NaN where unknown. maps: ``map_name`` → (12, 600). mask: the
    samples that a known readout reads, (12, 600), else None.
    """

    target: str
    model: int
    record_id: str
    beat_uv: np.ndarray
    fiducials: np.ndarray
    truth: float
    prediction: float
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    mask: np.ndarray | None = None

    @property
    def error(self) -> float:
        """Prediction minus truth, in target unit."""
        return self.prediction - self.truth
