"""All methods' maps of some records, as ``attributions.h5`` holds them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
from torch import nn

from .attribution import METHODS, AttributionConfig, attribute, typical_beat, unit
from .checkpoints import weights_digest
from .data.maps_and_curves import Attributions
from .data.medians import Medians
from .ecg import TARGETS
from .prediction import predict
from .validation import check_choice

BASELINES = {"flat": "flat line", "mean": "average beat"}
MOST_RECORDS = 4096  # that mean and SD of the voltage are taken over


def training_beat(data: Medians) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD (12, 600) µV over training records; if there are not two, of generated ECGs."""
    rows = np.flatnonzero(data.split == "train")[:MOST_RECORDS]
    if len(rows) < 2:
        return typical_beat()
    beats = data.medians[rows]
    return tuple(f(0, dtype=np.float64).astype(np.float32) for f in (beats.mean, beats.std))


def explain(
    model: nn.Module,
    data: Medians,
    target: str,
    settings: AttributionConfig | None = None,
    *,
    methods: Iterable[str] = METHODS,
    baseline: str = "flat",
    reference: tuple[np.ndarray, np.ndarray] | None = None,
) -> Attributions:
    """The maps of the records by every method, with their settings, units and seconds.

    baseline: what contributions are explained against, a key of BASELINES; where it is ``flat``,
    they are also explained against the mean beat. reference: mean and SD (12, 600) µV over the
    training records, of ``training_beat``.
    """
    check_choice("baseline", baseline, BASELINES)
    drawn = draw(
        model,
        data.medians,
        data.record_id,
        TARGETS[target].unit,
        settings or AttributionConfig(),
        methods=methods,
        baseline=baseline,
        reference=reference or typical_beat(),
    )
    return Attributions(
        record_id=data.record_id,
        prediction=predict(model, data.medians),
        truth=data.target(target),
        attributes={
            "target": target,
            "split": "test",
            "network": weights_digest(model.state_dict()),
        },
        **drawn,
    )


def draw(
    model: nn.Module,
    beats_uv: np.ndarray,
    record_id: Sequence[str],
    target_unit: str,
    settings: AttributionConfig,
    *,
    methods: Iterable[str],
    baseline: str,
    reference: tuple[np.ndarray, np.ndarray],
) -> dict[str, dict]:
    """``maps``, ``details`` and ``against_mean`` of Attributions: method → its map or details."""
    mean, sd = reference
    options = asdict(settings) | {"record_id": record_id, "voltage_sd": sd}
    maps, details, against_mean = {}, {}, {}
    for method in methods:
        began = time.perf_counter()
        against = mean if baseline == "mean" else None
        maps[method] = attribute(model, beats_uv, method, baseline=against, **options)
        details[method] = {
            "parameters": asdict(settings) | {"baseline": baseline},
            "unit": unit(method, target_unit, settings.multiply_by_inputs),
            "seconds": time.perf_counter() - began,
        }
        if METHODS[method].baseline and baseline == "flat":
            against_mean[method] = attribute(model, beats_uv, method, baseline=mean, **options)
    return {"maps": maps, "details": details, "against_mean": against_mean}


def maps_of(
    model: nn.Module,
    records: Medians,
    settings: AttributionConfig,
    stored: Attributions,
    reference: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Method → maps of the records: those stored where all are there, else drawn anew.

    stored: of ``attributions.h5``, whose baseline is taken over.
    """
    place = {str(record): row for row, record in enumerate(stored.record_id)}
    rows = [place.get(str(record), -1) for record in records.record_id]
    if min(rows, default=0) >= 0:
        return {method: values[rows] for method, values in stored.maps.items()}
    mean, sd = reference or typical_beat()
    how = next(iter(stored.details.values()))["parameters"].get("baseline", "flat")
    given = asdict(settings) | {"record_id": records.record_id, "voltage_sd": sd}
    given["baseline"] = mean if how == "mean" else None
    return {method: attribute(model, records.medians, method, **given) for method in stored.maps}
