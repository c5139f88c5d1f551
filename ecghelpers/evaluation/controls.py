"""Negative-control maps that a valid map should outscore.

They depend on the ECG but not on the network, or on the network but not on this ECG, and have rows
in every table beside the methods.
"""

import numpy as np

from ..attribution import METHODS
from ..data.maps_and_curves import Attributions

VOLTAGE, SLOPE, MEAN_MAP = "voltage", "slope", "mean_map"
CONTROLS = (VOLTAGE, SLOPE, MEAN_MAP)
LABELS = {
    VOLTAGE: "|Voltage|",
    SLOPE: "|Slope|",
    MEAN_MAP: "Mean map of other ECGs",
    "oracle": "The true map",
    "ceiling": "Ceiling",
}
AGAINST_MEAN = "@mean"  # ends the name of a method that is explained against the mean beat


def label(method: str) -> str:
    """The label of a method, a control, or a method explained against the mean beat."""
    name = method.removesuffix(AGAINST_MEAN)
    text = METHODS[name].label if name in METHODS else LABELS.get(name, name)
    return f"{text} (against the average beat)" if name != method else text


def control_maps(beats_uv: np.ndarray, saliency: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Name → map (record, lead, time) of every control.

    ``voltage`` and ``slope``: |voltage| and |its change| of the beat, independent of the network.
    ``mean_map``: the mean |saliency| of the other records, independent of this ECG; left out
    without saliency maps and for a single record.
    """
    beats = np.asarray(beats_uv, np.float64)
    maps = {VOLTAGE: np.abs(beats), SLOPE: np.abs(np.gradient(beats, axis=2))}
    if saliency is not None and len(saliency) > 1:
        maps[MEAN_MAP] = mean_of_others(np.abs(saliency))
    return maps


def maps_and_controls(stored: Attributions, beats_uv: np.ndarray) -> dict[str, np.ndarray]:
    """Name → map of everything that is judged: methods, methods against the mean beat, controls."""
    against_mean = {method + AGAINST_MEAN: m for method, m in stored.against_mean.items()}
    return stored.maps | against_mean | control_maps(beats_uv, stored.maps.get("saliency"))


def mean_of_others(maps: np.ndarray) -> np.ndarray:
    """For each record the mean over all other records: the same shape; NaN for a single record."""
    maps = np.asarray(maps, np.float64)
    if len(maps) < 2:
        return np.full(maps.shape, np.nan)
    return (maps.sum(0, keepdims=True) - maps) / (len(maps) - 1)
