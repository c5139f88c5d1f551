"""All methods' maps of some records, for ``attributions.h5``."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict

import numpy as np
from torch import nn

from ..attribution import METHODS, AttributionConfig, attribute, typical_beat, unit
from ..data.maps_and_curves import Attributions
from ..data.medians import Medians
from ..network.checkpoints import weights_digest
from ..network.prediction import predict, prepare_for_inference
from ..validation import check_choice

BASELINES = {"flat": "flat line", "mean": "average beat"}
MOST_RECORDS = 4096  # the mean and SD of the voltage are taken over at most this many


def training_beat(data: Medians) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD (12, 600) µV of training records; of generated ECGs if fewer than two."""
    rows = np.flatnonzero(data.split == "train")[:MOST_RECORDS]
    if len(rows) < 2:
        return typical_beat()
    beats = data.medians[rows]
    return tuple(f(0, dtype=np.float64).astype(np.float32) for f in (beats.mean, beats.std))


def explain(
    model: nn.Module,
    data: Medians,
    truth: np.ndarray,
    target_unit: str,
    settings: AttributionConfig | None = None,
    *,
    methods: Iterable[str] = METHODS,
    baseline: str = "flat",
    reference: tuple[np.ndarray, np.ndarray] | None = None,
    **attributes: str,
) -> Attributions:
    """The maps of the records by every method, with their settings, units and seconds.

    truth: (record,) in target unit. baseline: the reference input of contributions, a key of
    BASELINES; where it is ``flat``, they are also computed against the mean beat. reference: mean
    and SD (12, 600) µV over the training records, of ``training_beat``. attributes: stored with the
    maps, beside the checksum of the network.
    """
    parameters = asdict(settings or AttributionConfig()) | {"baseline": baseline}
    maps, details, against_mean = {}, {}, {}
    options = options_of(parameters, reference) | {"record_id": data.record_id}
    fast, *_ = prepare_for_inference(model)  # once for all methods
    for method in methods:
        began = time.perf_counter()
        maps[method] = attribute(fast, data.medians, method, **options)
        details[method] = {
            "parameters": parameters,
            "unit": unit(method, target_unit, parameters["multiply_by_inputs"]),
            "seconds": time.perf_counter() - began,
        }
        if METHODS[method].baseline and baseline == "flat":
            mean = options_of(parameters | {"baseline": "mean"}, reference)
            against_mean[method] = attribute(fast, data.medians, method, **options | mean)
    return Attributions(
        record_id=data.record_id,
        prediction=predict(fast, data.medians),
        truth=truth,
        maps=maps,
        details=details,
        attributes=attributes | {"network": weights_digest(model.state_dict())},
        against_mean=against_mean,
    )


def options_of(
    parameters: Mapping, reference: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, object]:
    """The arguments of ``attribute`` for the parameters stored with a map."""
    mean, sd = reference or typical_beat()
    baseline = check_choice("baseline", parameters.get("baseline", "flat"), BASELINES)
    return {**parameters, "baseline": mean if baseline == "mean" else None, "voltage_sd": sd}


def stored_options(stored: Attributions, reference: tuple[np.ndarray, np.ndarray]) -> dict:
    """The arguments of ``attribute`` with which the stored maps were drawn."""
    return options_of(next(iter(stored.details.values()))["parameters"], reference)
