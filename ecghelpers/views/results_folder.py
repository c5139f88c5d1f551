"""The cases that the view shows: a record, of a results folder or the user's, under a network."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..attribution import METHODS, attribute, unit
from ..attribution.maps import options_of, training_beat
from ..data.maps_and_curves import Attributions, read_attributions, read_intervention
from ..data.medians import read_medians
from ..data.rhythm_strips import Strip, read_strips
from ..ecg import BEAT_SAMPLES, TARGETS
from ..evaluation.controls import AGAINST_MEAN
from ..evaluation.metrics import SEGMENT_SAMPLES
from ..files import read_table, remedy, sha256
from ..network.model import fuse, load_model
from ..network.prediction import predict
from ..paths import MAPS, Results
from ..perturbation import intervention_effects
from ..runtime import resolve_device
from ..study.reading_study import text_hash
from .known_range import outside

KEPT_FILES = 8  # attributions of this many networks stay in memory
DONOR_POOL, DONORS = 1000, 4  # of an intervention map computed here: 3 s on a core
INTERVENTION, OCCLUSION = "intervention", "occlusion"
# Maps that depend on the baseline.
BY_BASELINE = [INTERVENTION, *(name for name, row in METHODS.items() if row.baseline)]


def map_name(method: str, baseline: str) -> str:
    """The name of a map in ``Case.maps``: the method's own where the baseline is a flat line."""
    return method + AGAINST_MEAN if baseline == "mean" and method in BY_BASELINE else method


@dataclass(frozen=True)
class Record:
    """An ECG, of the results or of the user's own.

    beat_uv: (12, 600). fiducials: (6,) samples, targets: target → value, both NaN where missing.
    strip: its rhythm strip, None where none is kept. machine: target → the electrocardiograph's
    value, NaN where it stored none; program: the name of its software. own: whether the user added
    it; outside: if so, what lies outside the training range, in words.
    """

    beat_uv: np.ndarray
    fiducials: np.ndarray
    targets: Mapping[str, float]
    strip: Strip | None = None
    machine: Mapping[str, float] = field(default_factory=dict)
    program: str = ""
    own: bool = False
    outside: str = ""


@dataclass(frozen=True)
class Case:
    """One record under one network; maps: ``map_name`` → (12, 600)."""

    target: str
    model: int
    record_id: str
    record: Record
    prediction: float
    maps: dict[str, np.ndarray]

    @property
    def truth(self) -> float:
        """The measured value of the target, NaN where unknown."""
        return self.record.targets.get(self.target, np.nan)


class Cases:
    """The cases of a results folder; maps are read when they are first needed.

    own: id → record that the user added. left_out: file → why it is not shown. Raises ValueError
    without networks.
    """

    def __init__(self, results: Results | str, *, device: str = "auto", seed: int = 1):
        self.results = results if isinstance(results, Results) else Results(results)
        self.device, self.seed = device, seed
        self.models = self.results.models()
        if not self.models:
            raise ValueError(
                f"{self.results.root} holds no trained network (<target>/model<k>/"
                "model.safetensors); run the analysis first, or name another results folder"
            )
        self.medians = read_medians(self.results.medians)
        self.strips = read_strips(self.results.strips)
        self._row = {record: row for row, record in enumerate(self.medians.record_id)}
        self.own: dict[str, Record] = {}
        self.left_out: dict[str, str] = {}
        self._computed: dict[tuple[str, int, str], dict[str, np.ndarray]] = {}
        self.attributions = lru_cache(KEPT_FILES)(self._read_attributions)
        self._interventions = lru_cache(KEPT_FILES)(self._read_interventions)
        self.network = lru_cache(KEPT_FILES)(self._read_network)
        self.predicted = lru_cache(1000)(self._predict)
        # (target, model) → its attributions without the maps
        self._stored = {place: self._read_attributions(*place, ()) for place in self.models}
        for target, model in self.models:
            if not self._stored[target, model]:
                reason = f"{TARGETS[target].label}, model {model} has no usable heatmaps"
                self.left_out.setdefault(f"{target}/model{model}/{MAPS}", reason)

    @cached_property
    def training_beat(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD (12, 600) µV of the training records."""
        return training_beat(self.medians)

    def networks(self, records: int = 50) -> list[dict]:
        """Target, model, records, methods and maps of every network with heatmaps.

        This is what the page shows and what a reading study is drawn from. records: the largest
        number of them. maps: a fingerprint of the weights and settings behind the heatmaps.
        """
        described = []
        for (target, model), stored in self._stored.items():
            if not stored or not len(stored.record_id):
                continue
            settings = {method: held["parameters"] for method, held in stored.details.items()}
            text = json.dumps(settings, sort_keys=True)
            weights = sha256(self.results.network(target, model))
            stored_with = {row.get("baseline") for row in settings.values()}
            baselines = ["flat", "mean"] if stored_with == {"flat"} else ["flat"]
            described.append(
                {
                    "target": target,
                    "model": model,
                    "records": list(stored.record_id[:records]),
                    "methods": [m for m in METHODS if m in settings],
                    "maps": f"{weights[:16]}.{text_hash(text):08x}",
                    "intervention": bool(self._interventions(target, model)),
                    "baselines": ["mean"] if stored_with == {"mean"} else baselines,
                }
            )
        return described

    # Records

    def record(self, record_id: str) -> Record:
        """A record of the results or of the user's own. Raises ValueError for an unknown id.

        Where the machine's values are the labels, they are not repeated as the machine's.
        """
        if own := self.own.get(record_id):
            return own
        if record_id not in self._row:
            raise ValueError(f"no record {record_id!r} in {self.results.medians}")
        row, data = self._row[record_id], self.medians
        machine, program = {}, ""
        if data.machine is not None and not _agree(data.machine[row], data.targets[row]):
            machine = dict(zip(TARGETS, map(float, data.machine[row]), strict=True))
            program = "" if data.machine_program is None else str(data.machine_program[row])
        targets = dict(zip(TARGETS, map(float, data.targets[row]), strict=True))
        strip = self.strips.get(record_id)
        return Record(data.medians[row], data.fiducials[row], targets, strip, machine, program)

    def add(self, name: str, record: Record) -> str:
        """Add a record of the user's own and return its id, which is unique."""
        record_id, number = name, 1
        while record_id in self._row or record_id in self.own:
            number += 1
            record_id = f"{name} ({number})"
        sentence = outside(self.medians, record.beat_uv, record.targets)
        self.own[record_id] = replace(record, own=True, outside=sentence)
        return record_id

    def case(self, target: str, model: int, record_id: str) -> Case:
        """One record under one network, with every map that is stored or was computed."""
        record, stored = self.record(record_id), self.attributions(target, model)
        maps = {}
        if stored is not None and record_id in stored.record_id:
            row = list(stored.record_id).index(record_id)
            maps |= {method: values[row] for method, values in stored.maps.items()}
            maps |= {m + AGAINST_MEAN: values[row] for m, values in stored.against_mean.items()}
        maps |= self._computed.get((target, model, record_id), {})
        maps |= self._interventions(target, model).get(record_id, {})
        prediction = self.predicted(target, model, record_id)
        return Case(target, model, record_id, record, prediction, maps)

    # Networks

    def compute(self, case: Case, method: str, baseline: str = "flat") -> np.ndarray:
        """Compute a map (12, 600) that is not stored; it is kept for ``case``."""
        place = case.target, case.model
        if method == INTERVENTION and baseline == "flat":
            values = self._intervention(case)
        else:
            drawn = OCCLUSION if method == INTERVENTION else method
            beats, ids = case.record.beat_uv[None], [case.record_id]
            [values] = self.attribute(*place, drawn, beats, ids, baseline)
            if method == INTERVENTION:  # occlusion divides the effect among a segment's samples
                values = SEGMENT_SAMPLES * values
        kept = self._computed.setdefault((*place, case.record_id), {})
        kept[map_name(method, baseline)] = values
        return values

    def _intervention(self, case: Case) -> np.ndarray:
        """The intervention map (12, 600) of a record without a stored one, with a few donors."""
        rows = np.flatnonzero(self.medians.split == "train")[:DONOR_POOL]
        beat, pool = np.float32(case.record.beat_uv), np.float32(self.medians.medians[rows])
        [effects] = intervention_effects(
            self.network(case.target, case.model),
            beat[None],
            pool,
            donors=min(DONORS, len(rows)),
            seed=self.seed,
            record_id=[case.record_id],
        )
        return _wide(np.abs(effects).mean(0))

    def attribute(
        self, target: str, model: int, method: str, beats_uv, record_id, baseline="flat", **fewer
    ) -> np.ndarray:
        """A method's maps of beats (record, 12, 600) under a network, with the stored settings.

        fewer: draws or steps that replace the stored ones.
        """
        parameters = self.settings(target, model) | {"baseline": baseline} | fewer
        options = options_of(parameters, self.training_beat)
        beats, network = np.asarray(beats_uv, np.float32), self.network(target, model)
        return attribute(network, beats, method, record_id=record_id, progress=False, **options)

    def predictions(self, record_id: str) -> dict[str, float]:
        """Target → prediction of its first network for a record."""
        first = dict(reversed(self.models))
        return {target: self.predicted(target, first[target], record_id) for target in first}

    def predict_beats(self, target: str, model: int, beats_uv: np.ndarray) -> np.ndarray:
        """A network's predictions (record,) for any beats (record, 12, 600) µV, in target unit."""
        return predict(self.network(target, model), np.asarray(beats_uv, np.float32))

    def _predict(self, target: str, model: int, record_id: str) -> float:
        stored = self._stored[target, model]
        if stored and record_id in stored.record_id:
            return float(stored.prediction[list(stored.record_id).index(record_id)])
        return float(self.predict_beats(target, model, self.record(record_id).beat_uv[None])[0])

    def test_error(self, target: str, model: int) -> float:
        """The network's MAE on the test split, NaN where ``metrics.csv`` does not have it."""
        if not self.results.metrics.is_file():
            return np.nan
        table = read_table(self.results.metrics, ["target", "split"], ["model", "mae"])
        rows = table.query("target == @target and model == @model and split == 'test'")
        return float(rows["mae"].iloc[0]) if len(rows) else np.nan

    def settings(self, target: str, model: int) -> dict:
        """The settings of the stored maps, so that computed maps are comparable with them."""
        stored = self._stored[target, model]
        settings = next(iter(stored.details.values()))["parameters"] if stored else {}
        return {"seed": self.seed} | settings

    def unit(self, target: str, model: int, method: str) -> str:
        """The unit of a method's map, stored or computed."""
        multiply = self.settings(target, model).get("multiply_by_inputs", True)
        return unit(method, TARGETS[target].unit, multiply)

    # Files

    def _read_network(self, target: str, model: int):
        path = self.results.network(target, model)
        return fuse(load_model(path, resolve_device(self.device)))  # once, not for every beat

    def _read_attributions(
        self, target: str, model: int, methods: Sequence[str] | None = None
    ) -> Attributions | None:
        return self._usable(self.results.attributions(target, model), read_attributions, methods)

    def _usable(self, path: Path, read: Callable, *how):
        """The content of a file; None if it is absent, damaged, or of other records or networks."""
        if path.is_file():
            try:
                found = read(path, *how)
                if self._row.keys() >= set(found.record_id):
                    return found
                medians = self.results.medians.name
                raise ValueError(f"{path} holds other records than {medians}; {remedy(path)}")
            except ValueError as error:
                self.left_out[path.relative_to(self.results.root).as_posix()] = str(error)
        return None

    def _read_interventions(self, target: str, model: int) -> dict[str, dict[str, np.ndarray]]:
        """Record → map's name → (12, 600).

        Against the mean beat: prediction minus the prediction with the segment replaced.
        """
        found = self._usable(self.results.intervention(target, model), read_intervention)
        if found is None:
            return {}
        size, signed = _wide(np.abs(found.effect).mean(1)), _wide(-found.effect_mean)
        return {
            record: {INTERVENTION: size[row], INTERVENTION + AGAINST_MEAN: signed[row]}
            for row, record in enumerate(found.record_id)
        }


def _wide(effects: np.ndarray) -> np.ndarray:
    """Effects (…, segment) as (…, 600), the same throughout a segment."""
    return np.repeat(effects, BEAT_SAMPLES // effects.shape[-1], axis=-1)


def _agree(machine: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the values that a machine stored, (7,), are the labels themselves."""
    return bool((np.isnan(machine) | (machine == labels)).all())
