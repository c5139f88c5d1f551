"""All methods' maps of some records, as ``attributions.h5`` holds them."""

import time
from collections.abc import Iterable
from dataclasses import asdict

from torch import nn

from .attribution import METHODS, Settings, attribute, unit
from .data.maps_and_curves import Attributions
from .data.medians import Medians
from .ecg import TARGETS
from .prediction import predict


def explain(
    model: nn.Module,
    data: Medians,
    target: str,
    settings: Settings | None = None,
    *,
    methods: Iterable[str] = METHODS,
) -> Attributions:
    """The maps of the records by every method, with their settings, units and seconds."""
    maps, details = {}, {}
    settings = settings or Settings()
    options = asdict(settings)
    for method in methods:
        began = time.perf_counter()
        maps[method] = attribute(model, data.medians, method, record_id=data.record_id, **options)
        details[method] = {
            "parameters": options,
            "unit": unit(method, TARGETS[target].unit, settings.multiply_by_inputs),
            "seconds": time.perf_counter() - began,
        }
    return Attributions(
        record_id=data.record_id,
        prediction=predict(model, data.medians),
        truth=data.target(target),
        maps=maps,
        details=details,
        attributes={"target": target, "split": "test"},
    )
