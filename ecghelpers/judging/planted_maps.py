"""The maps of a planted network, and the file that holds them beside the truth."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from torch import nn

from .. import attribution
from ..attribution import attribute, unit
from ..config import Results
from ..data.maps_and_curves import Attributions, write_attributions
from ..data.medians import Medians
from ..prediction import predict
from ..truth.plants import PLANTS, Planted


@dataclass(frozen=True)
class Drawn:
    """Maps of planted beats by every method, the seconds they took, and the predictions."""

    record_id: np.ndarray
    planted: Planted
    maps: dict[str, np.ndarray]
    seconds: dict[str, float]
    prediction: np.ndarray


def draw(
    network: nn.Module,
    records: Medians,
    planted: Planted,
    methods: Sequence[str],
    settings: attribution.Settings,
) -> Drawn:
    """The maps of planted beats by these methods."""
    maps, seconds, ids = {}, {}, records.record_id
    for method in methods:
        began = time.perf_counter()
        options = {"record_id": ids, **asdict(settings)}
        maps[method] = attribute(network, planted.beats, method, **options)
        seconds[method] = time.perf_counter() - began
    return Drawn(ids, planted, maps, seconds, predict(network, planted.beats))


def none(data: Medians, methods: Sequence[str]) -> Drawn:
    """What is drawn where there is no network: maps of no record."""
    none = data.medians[:0]
    planted = Planted(none, np.zeros(0), none.astype(bool))
    seconds = dict.fromkeys(methods, 0.0)
    return Drawn(data.record_id[:0], planted, dict.fromkeys(methods, none), seconds, np.zeros(0))


def write(results: Results, name: str, drawn: Drawn, settings: attribution.Settings) -> None:
    """Write attributions.h5 of a planted network."""
    plant = PLANTS[name]
    details = {
        method: {
            "parameters": asdict(settings),
            "unit": unit(method, plant.unit, settings.multiply_by_inputs),
            "seconds": seconds,
        }
        for method, seconds in drawn.seconds.items()
    }
    content = Attributions(
        record_id=drawn.record_id,
        prediction=drawn.prediction,
        truth=drawn.planted.values.astype(np.float32),
        maps=drawn.maps,
        details=details,
        attributes={"target": f"planted {name}", "split": "test"},
        beats=drawn.planted.beats,
        mask=drawn.planted.masks,
    )
    write_attributions(results.planted_attributions(name), content)
