"""Leads, targets and fiducials of an ECG, and their units."""

from dataclasses import dataclass

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT_ROWS = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
FIDUCIALS = ("ponset", "poffset", "qonset", "qoffset", "tonset", "toffset")
SPLITS = ("train", "validation", "test")
SAMPLING_RATE_HZ = 500
BEAT_SAMPLES = 600
BEAT_SHAPE = (len(LEADS), BEAT_SAMPLES)
MS_PER_SAMPLE = 1000 / SAMPLING_RATE_HZ


@dataclass(frozen=True)
class Target:
    """A quantity measured on an ECG.

    name: GE 12SL's name for it. waves: the waves that define it; the rate is defined by the
    distance to the neighbouring beats, parts of which lie in the median beat's 1.2 s. published:
    (mean, SD, smallest, largest) that 12SL gave on 121 977 normal ECGs of the Pulse2Pulse generator
    (Thambawita et al., Sci Rep 11:21896), None where not published. original_error: test (MAE,
    RMSE) of the networks of ecg-heatmapping-review.
    """

    name: str
    label: str
    unit: str
    waves: tuple[str, ...]
    published: tuple[float, float, float, float] | None
    original_error: tuple[float, float]

    @property
    def title(self) -> str:
        """Label and unit, as written on an axis."""
        return f"{self.label} ({self.unit})"


TARGETS = {
    target.name: target
    for target in (
        Target(
            "VentRate",
            "Heart rate",
            "beats/min",
            ("neighbouring beats",),
            (69.78, 7.56, 59.5, 100.7),
            (0.637, 1.084),
        ),
        Target("pr", "PR interval", "ms", ("P", "QRS"), (158.11, 16.85, 112, 208), (4.779, 7.073)),
        Target("qrs", "QRS duration", "ms", ("QRS",), (92.05, 8.67, 60, 116), (2.870, 4.253)),
        Target("qt", "QT interval", "ms", ("QRS", "T"), (395.21, 20.48, 318, 476), (3.574, 5.331)),
        Target("STJ_v5", "J-point amplitude in V5", "µV", ("QRS",), None, (7.857, 10.975)),
        Target("T_PeakAmpl_v5", "T peak in V5", "µV", ("T",), None, (6.572, 11.018)),
        Target("R_PeakAmpl_v5", "R peak in V5", "µV", ("QRS",), None, (27.70, 96.13)),
    )
}


def onto_independent_leads(gradient: np.ndarray) -> np.ndarray:
    """Fold gradients with respect to twelve leads onto the eight that are independent.

    (..., 12, time) → (..., 8, time): by the chain rule, since III, aVR, aVL and aVF depend on I and
    II. The adjoint of twelve_leads: it gives the same directional derivative for every change of an
    ECG that satisfies Einthoven's and Goldberger's equations. Raises ValueError for another number
    of leads.
    """
    if gradient.shape[-2] != len(LEADS):
        raise ValueError(
            f"got {gradient.shape[-2]} leads in an array of shape {gradient.shape}; "
            f"allowed: the {len(LEADS)} leads {' '.join(LEADS)}"
        )
    spread = twelve_leads(np.eye(len(INDEPENDENT_LEADS), dtype=gradient.dtype)[:, :, None])[..., 0]
    return np.einsum("il,...lt->...it", spread, gradient)


def twelve_leads(eight: np.ndarray) -> np.ndarray:
    """Derive the twelve standard leads from the eight independent ones.

    eight: (..., 8, time) in the order of INDEPENDENT_LEADS. Returns (..., 12, time) in the order of
    LEADS, by Einthoven's and Goldberger's equations: III = II - I, aVR = -(I + II)/2,
    aVL = I - II/2, aVF = II - I/2. Raises ValueError for another number of leads.
    """
    if eight.shape[-2] != len(INDEPENDENT_LEADS):
        raise ValueError(
            f"got {eight.shape[-2]} leads in an array of shape {eight.shape}; "
            f"allowed: the {len(INDEPENDENT_LEADS)} independent leads {' '.join(INDEPENDENT_LEADS)}"
        )
    one, two = eight[..., 0:1, :], eight[..., 1:2, :]
    limb = (one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2)
    return np.concatenate((*limb, eight[..., 2:, :]), axis=-2)
