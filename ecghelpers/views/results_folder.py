"""The cases that the view shows: records of a results folder, or of one's own files, by network."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..attribution.maps import training_beat
from ..attribution.methods import METHODS
from ..data.maps_and_curves import Attributions, read_attributions, read_intervention
from ..data.medians import read_medians
from ..data.rhythm_strips import Strip, read_strips
from ..ecg import BEAT_SAMPLES, TARGETS
from ..evaluation.controls import AGAINST_MEAN
from ..evaluation.readouts import KINDS
from ..files import read_table, remedy, sha256
from ..paths import MAPS, WEIGHTS, Results
from ..study.marks import text_hash
from .known_range import KnownRange
from .uploads import OwnRecord

KNOWN_READOUT = "planted "  # before the kind of a known readout, as a target
EFFECTS = "intervention.h5"
KEPT_FILES = 8  # attributions of this many networks stay in memory
DONOR_POOL, DONORS = 1000, 4  # of an intervention map computed here: 3 s on a core
INTERVENTION = "intervention"  # a map made without an attribution method
# Maps that depend on the baseline.
BY_BASELINE = [INTERVENTION, *(name for name, row in METHODS.items() if row.baseline)]


def map_name(method: str, baseline: str) -> str:
    """The name of a map in ``Case.maps``: the method's own where the baseline is a flat line."""
    return method + AGAINST_MEAN if baseline == "mean" and method in BY_BASELINE else method


@dataclass
class Case:
    """One record under one network.

    beat_uv: (12, 600). fiducials: (6,) sample indices, NaN = missing. truth and prediction in
    target unit, truth NaN where unknown. maps: ``map_name`` → (12, 600). mask: the samples that a
    known readout reads, (12, 600), else None.
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


class Cases:
    """The cases of a results folder; maps are read when they are first needed.

    left_out: file → why it is not shown. Raises ValueError without networks.
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
        self.own: dict[str, OwnRecord] = {}
        self.left_out: dict[str, str] = {}
        self._computed: dict[tuple, np.ndarray] = {}
        self.attributions = lru_cache(KEPT_FILES)(self._read_attributions)
        self._interventions = lru_cache(KEPT_FILES)(self._read_interventions)
        self.network = lru_cache(KEPT_FILES)(self._read_network)
        self.predicted = lru_cache(1000)(self._predict)
        # (target, model) → its attributions without the maps; known readouts only where they are.
        places = [*self.models, *((KNOWN_READOUT + kind, 1) for kind in KINDS)]
        self._stored = {place: self._read_attributions(*place, ()) for place in places}
        for target, model in self.models:
            if not self._stored[target, model]:
                reason = f"{TARGETS[target].label}, model {model} has no usable heatmaps"
                self.left_out.setdefault(f"{target}/model{model}/{MAPS}", reason)

    @property
    def patients(self) -> dict[str, str]:
        """Record → patient, or the record itself where no patient is known."""
        return dict(zip(self.medians.record_id, self.medians.groups, strict=True))

    @cached_property
    def known_range(self) -> KnownRange:
        """The range of the training records, with their mean beat."""
        return KnownRange.of(self.medians)

    @cached_property
    def training_beat(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD (12, 600) µV of the training records."""
        return training_beat(self.medians)

    def networks(self, records: int = 50) -> list[dict]:
        """Target, model, records, methods and maps of every network with heatmaps.

        This is what the page shows and what a reading study is drawn from. records: at most so
        many. maps: a fingerprint of the weights and settings behind the heatmaps.
        """
        return self._described(records, planted=False)

    def known_readouts(self, records: int = 50) -> list[dict]:
        """As ``networks``, for the networks whose readout is known; target "planted <kind>"."""
        return self._described(records, planted=True)

    def _described(self, records: int, *, planted: bool) -> list[dict]:
        described = []
        for (target, model), maps in self._stored.items():
            if not maps or not len(maps.record_id) or planted != target.startswith(KNOWN_READOUT):
                continue
            folder = self.folder(target, model)
            settings = {method: held["parameters"] for method, held in maps.details.items()}
            text = json.dumps(settings, sort_keys=True)
            stored = {row.get("baseline") for row in settings.values()}
            network = {"target": target, "model": model, "planted": planted}
            network["records"] = list(maps.record_id[:records])
            network["methods"] = [m for m in METHODS if m in settings]
            network["maps"] = f"{sha256(folder / WEIGHTS)[:16]}.{text_hash(text):08x}"
            network["intervention"] = bool(self._interventions(target, model))
            network["baselines"] = ["mean"] if stored == {"mean"} else ["flat"]
            if stored == {"flat"} and not planted:
                network["baselines"].append("mean")
            described.append(network)
        return described

    def folder(self, target: str, model: int) -> Path:
        """The folder with the files of one network, of a target or with a known readout."""
        if target.startswith(KNOWN_READOUT):
            return self.results.planted_dir(target.removeprefix(KNOWN_READOUT))
        return self.results.model_dir(target, model)

    # Records

    def strip(self, record_id: str) -> Strip | None:
        """The rhythm strip of a record, None where the source has none or it was not kept."""
        own = self.own.get(record_id)
        return own.strip if own else self.strips.get(record_id)

    def record(self, record_id: str) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
        """Beat (12, 600) µV, fiducials (6,) and targets of a record. Raises ValueError."""
        if own := self.own.get(record_id):
            return own.beat_uv, own.fiducials, own.targets
        if record_id not in self._row:
            raise ValueError(f"no record {record_id!r} in {self.results.medians}")
        row, data = self._row[record_id], self.medians
        targets = dict(zip(TARGETS, map(float, data.targets[row]), strict=True))
        return data.medians[row], data.fiducials[row], targets

    def machine(self, record_id: str) -> tuple[str, dict[str, float]]:
        """The electrocardiograph's program and its values by target; empty where not known.

        Where 12SL's values are the labels, they are no second opinion.
        """
        if own := self.own.get(record_id):
            return own.program, dict(own.machine)
        data = self.medians
        if data.machine is None or data.measured is not None:
            return "", {}
        row = self._row[record_id]
        program = "" if data.machine_program is None else str(data.machine_program[row])
        return program, dict(zip(TARGETS, map(float, data.machine[row]), strict=True))

    def knows(self, record_id: str) -> bool:
        """Whether the record is in the results or was added."""
        return record_id in self._row or record_id in self.own

    def add(self, name: str, record: OwnRecord) -> str:
        """Add a record of the user's own; returns the id it gets, which none has yet."""
        record_id, number = name, 1
        while self.knows(record_id):
            number += 1
            record_id = f"{name} ({number})"
        self.own[record_id] = record
        return record_id

    def case(self, target: str, model: int, record_id: str) -> Case:
        """One record under one network, with every map that is stored or was computed."""
        beat, marks, targets = self.record(record_id)
        prediction = self.predicted(target, model, record_id)
        truth = targets.get(target, np.nan)
        case = Case(target, model, record_id, beat, marks, truth, prediction)
        stored = self.attributions(target, model)
        if stored is not None and record_id in stored.record_id:
            row = list(stored.record_id).index(record_id)
            case.maps = {method: maps[row] for method, maps in stored.maps.items()}
            case.maps |= {m + AGAINST_MEAN: maps[row] for m, maps in stored.against_mean.items()}
            if stored.mask is not None:
                case.beat_uv, case.mask = stored.beats[row], stored.mask[row]
                case.truth = float(stored.truth[row])
        for (*key, name), values in self._computed.items():
            if key == [target, model, record_id]:
                case.maps[name] = values
        case.maps |= self._interventions(target, model).get(record_id, {})
        return case

    # Networks

    def compute(self, case: Case, method: str, baseline: str = "flat") -> np.ndarray:
        """Compute a map (12, 600) that is not stored; it is kept for ``case``."""
        if method == INTERVENTION:
            values = self._intervention(case, baseline)
        else:
            beats, place = case.beat_uv[None], (case.target, case.model)
            [values] = self.attribute(*place, method, beats, [case.record_id], baseline)
        name = map_name(method, baseline)
        self._computed[(case.target, case.model, case.record_id, name)] = values
        return values

    def _intervention(self, case: Case, baseline: str) -> np.ndarray:
        """The intervention map (12, 600) of a record without a stored one, with a few donors."""
        from ..perturbation.intervention import intervention_effects

        network, beat = self.network(case.target, case.model), np.float32(case.beat_uv)[None]
        if baseline == "mean":
            [[effect]] = intervention_effects(network, beat, self.training_beat[0][None])
            return _wide(-effect)
        rows = np.flatnonzero(self.medians.split == "train")[:DONOR_POOL]
        pool, draw = np.float32(self.medians.medians[rows]), {"record_id": [case.record_id]}
        draw |= {"donors": min(DONORS, len(rows)), "seed": self.seed}
        [effects] = intervention_effects(network, beat, pool, **draw)
        return _wide(np.abs(effects).mean(0))

    def attribute(
        self, target: str, model: int, method: str, beats_uv, record_id, baseline="flat", **fewer
    ) -> np.ndarray:
        """A method's maps of beats (record, 12, 600) under a network, with the stored settings.

        fewer: draws or steps that replace the stored ones.
        """
        from ..attribution import attribute

        options = self.settings(target, model) | fewer
        mean, sd = self.training_beat
        options |= {"baseline": mean if baseline == "mean" else None, "voltage_sd": sd}
        beats, network = np.asarray(beats_uv, np.float32), self.network(target, model)
        return attribute(network, beats, method, record_id=record_id, progress=False, **options)

    def predictions(self, record_id: str) -> dict[str, float]:
        """Target → prediction of its first network for a record."""
        first = dict(reversed(self.models))
        return {target: self.predicted(target, first[target], record_id) for target in first}

    def predict_beats(self, target: str, model: int, beats_uv: np.ndarray) -> np.ndarray:
        """A network's predictions (record,) for any beats (record, 12, 600) µV, in target unit."""
        from ..network.prediction import predict

        return predict(self.network(target, model), np.asarray(beats_uv, np.float32))

    def _predict(self, target: str, model: int, record_id: str) -> float:
        stored = self._stored[target, model]
        if stored and record_id in stored.record_id:
            return float(stored.prediction[list(stored.record_id).index(record_id)])
        return float(self.predict_beats(target, model, self.record(record_id)[0][None])[0])

    def test_error(self, target: str, model: int) -> float:
        """The network's MAE on the test split, NaN where ``metrics.csv`` does not have it."""
        if not self.results.metrics.is_file():
            return np.nan
        table = read_table(self.results.metrics, ["target", "split"], ["model", "mae"])
        rows = table.query("target == @target and model == @model and split == 'test'")
        return float(rows["mae"].iloc[0]) if len(rows) else np.nan

    def settings(self, target: str, model: int) -> dict:
        """The settings of the stored maps, so that computed ones compare with them."""
        stored = self._stored[target, model]
        settings = dict(next(iter(stored.details.values()))["parameters"]) if stored else {}
        settings.pop("baseline", None)
        return {"seed": self.seed} | settings

    def unit(self, target: str, model: int, method: str) -> str:
        """The unit of a method's map, stored or computed."""
        from ..attribution import unit

        stored = self._stored[target, model]
        if stored and method in stored.details:
            return stored.details[method]["unit"]
        multiply = self.settings(target, model).get("multiply_by_inputs", True)
        return unit(method, TARGETS[target].unit, multiply)

    # Files

    def _read_network(self, target: str, model: int):
        from ..network.model import fuse, load_model
        from ..runtime import resolve_device

        path = self.folder(target, model) / WEIGHTS
        return fuse(load_model(path, resolve_device(self.device)))  # once, not for every beat

    def _read_attributions(
        self, target: str, model: int, methods: Sequence[str] | None = None
    ) -> Attributions | None:
        return self._usable(self.folder(target, model) / MAPS, read_attributions, methods)

    def _usable(self, path: Path, read: Callable, *how):
        """The content of a file; None if it is absent, damaged, or of other records or networks."""
        if path.is_file():
            try:
                found = read(path, *how)
                if "planted" in path.parts or self._row.keys() >= set(found.record_id):
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
        found = self._usable(self.folder(target, model) / EFFECTS, read_intervention)
        if found is None:
            return {}
        against_mean, name = _wide(-found.effect_mean), INTERVENTION + AGAINST_MEAN
        return {
            record: {INTERVENTION: size, name: signed}
            for record, size, signed in zip(found.record_id, found.map, against_mean, strict=True)
        }


def _wide(effects: np.ndarray) -> np.ndarray:
    """Effects (…, segment) as (…, 600), the same throughout a segment."""
    return np.repeat(effects, BEAT_SAMPLES // effects.shape[-1], axis=-1)
