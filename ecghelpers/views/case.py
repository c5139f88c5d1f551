"""What a reader looks at: one record under one network."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Case:
    """One record under one network.

    beat_uv: (12, 600). fiducials: (6,) sample indices, NaN = missing. truth and prediction in
    target unit, NaN where unknown. maps: method → (12, 600); units: method → unit. curves: method →
    predictions (step,) at so many perturbed points (step,), empty where none are stored. mask:
    where the truth of a planted network lies, (12, 600), else None.
    """

    target: str
    model: int
    record_id: str
    beat_uv: np.ndarray
    fiducials: np.ndarray
    truth: float
    prediction: float
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    points: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    mask: np.ndarray | None = None

    @property
    def error(self) -> float:
        """Prediction minus truth, in target unit."""
        return self.prediction - self.truth
