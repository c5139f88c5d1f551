"""The cases that a reader can look at, from a results folder or a file of her own."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..attribution_methods import METHODS
from ..config import CURVES, MAPS, WEIGHTS, Results
from ..data.maps_and_curves import Attributions, Perturbation, read_attributions, read_perturbation
from ..data.medians import read_medians
from ..data.rhythm import Strip, read_strips
from ..ecg import TARGETS
from ..evaluation.readouts import KINDS
from ..files import read_table, sha256
from ..study.marks import text_hash
from .case import Case
from .uploads import OwnRecord

PLANTED = "planted "  # before the name of a plant, as a target
KEPT_FILES = 8  # attributions of this many networks stay in memory


class Cases:
    """The cases of a results folder; files are read when they are first asked for."""

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
        self._row = {record: row for row, record in enumerate(self.medians.record_id)}
        self.own: dict[str, OwnRecord] = {}
        self._computed: dict[tuple, np.ndarray] = {}
        self._attributions = lru_cache(KEPT_FILES)(self._read_attributions)
        self._perturbation = lru_cache(KEPT_FILES)(self._read_perturbation)
        self.network = lru_cache(KEPT_FILES)(self._read_network)
        self._predicted = lru_cache(1000)(self._predict)
        self.strips = read_strips(self.results.strips)

    @property
    def patients(self) -> dict[str, str]:
        """Record → patient, or the record itself where no patient is known."""
        return dict(zip(self.medians.record_id, self.medians.groups, strict=True))

    @property
    def targets(self) -> list[str]:
        """The targets that have a network."""
        return list(dict.fromkeys(target for target, _ in self.models))

    def numbers(self, target: str) -> list[int]:
        """The model numbers of a target."""
        return [number for name, number in self.models if name == target]

    def records(self, target: str, model: int) -> list[str]:
        """The records with stored maps; where there are none, the test records."""
        stored = self._attributions(target, model)
        if stored is not None:
            return list(stored.record_id)
        return list(self.medians.record_id[self.medians.split == "test"])

    def planted_networks(self, records: int = 50) -> list[dict]:
        """As ``networks``, those that read a plant; their target is "planted <name>"."""
        networks = []
        for name in KINDS:
            target = f"{PLANTED}{name}"
            maps = self._read_attributions(target, 1, ())
            if maps is not None and maps.mask is not None and len(maps.record_id):
                methods = [m for m in METHODS if m in maps.details]
                ids = list(maps.record_id[:records])
                networks.append({"target": target, "model": 1, "records": ids, "methods": methods})
        return networks

    def networks(self, records: int = 50) -> list[dict]:
        """Target, model, records, methods and maps of every network with heatmaps.

        This is what the page shows and what a reading study is drawn from. records: at most so
        many. maps: a fingerprint of the weights and settings behind the heatmaps.
        """
        networks = []
        for target, model in self.models:
            maps = self._read_attributions(target, model, ())  # not the maps of all at once
            if maps is None or not len(maps.record_id):
                continue
            methods = [m for m in METHODS if m in maps.details]
            methods += [m for m in maps.details if m not in methods]
            ids = list(maps.record_id[:records])
            network = {"target": target, "model": model, "records": ids, "methods": methods}
            networks.append(network | {"maps": self._fingerprint(target, model, maps)})
        return networks

    def _fingerprint(self, target: str, model: int, maps: Attributions) -> str:
        settings = {method: held["parameters"] for method, held in maps.details.items()}
        weights = sha256(self._folder(target, model) / WEIGHTS)
        return f"{weights[:16]}.{text_hash(json.dumps(settings, sort_keys=True)):08x}"

    def _folder(self, target: str, model: int) -> Path:
        """Where the files of one network lie, planted or not."""
        if target.startswith(PLANTED):
            return self.results.planted_dir(target.removeprefix(PLANTED))
        return self.results.model_dir(target, model)

    def strip(self, record_id: str) -> Strip | None:
        """The rhythm strip of a record, None where the source has none or it was not kept."""
        if record_id in self.own:
            return self.own[record_id].strip
        return self.strips.get(record_id)

    def record(self, record_id: str) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
        """Beat (12, 600) µV, fiducials (6,) and targets of a record. Raises ValueError."""
        if record_id in self.own:
            own = self.own[record_id]
            return own.beat_uv, own.fiducials, own.targets
        if record_id not in self._row:
            raise ValueError(f"no record {record_id!r} in {self.results.medians}")
        row, data = self._row[record_id], self.medians
        targets = dict(zip(TARGETS, map(float, data.targets[row]), strict=True))
        return data.medians[row], data.fiducials[row], targets

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
        """One record under one network, with everything that is stored or computed of it."""
        case = self._bare(target, model, record_id)
        stored = self._attributions(target, model)
        if stored is not None and record_id in stored.record_id:
            row = list(stored.record_id).index(record_id)
            case.prediction = float(stored.prediction[row])
            case.maps = {method: maps[row] for method, maps in stored.maps.items()}
            case.units = {method: held["unit"] for method, held in stored.details.items()}
            if stored.mask is not None:
                case.beat_uv, case.mask = stored.beats[row], stored.mask[row]
                case.truth = float(stored.truth[row])
        for (*key, method), values in self._computed.items():
            if key == [target, model, record_id]:
                case.maps[method] = values
                case.units[method] = self.unit(target, model, method)
        perturbed = self._perturbation(target, model)
        if perturbed is not None and record_id in perturbed.record_id:
            row = list(perturbed.record_id).index(record_id)
            case.curves = {name: curve[row] for name, curve in perturbed.prediction.items()}
            case.points = perturbed.points
        return case

    def _bare(self, target: str, model: int, record_id: str) -> Case:
        beat, marks, targets = self.record(record_id)
        truth = targets.get(target, np.nan)
        return Case(target, model, record_id, beat, marks, truth, np.nan)

    def compute(self, case: Case, method: str) -> None:
        """Compute a map that is not stored, and the prediction; they are kept and put into case."""
        from ..attribution import attribute

        key = (case.target, case.model, case.record_id)
        network = self.network(case.target, case.model)
        beats = np.asarray(case.beat_uv, np.float32)[None]
        options = self.settings(case.target, case.model)
        maps = attribute(
            network, beats, method, record_id=[case.record_id], progress=False, **options
        )
        self._computed[(*key, method)] = case.maps[method] = maps[0]
        case.units[method] = self.unit(case.target, case.model, method)
        if not np.isfinite(case.prediction):
            case.prediction = self.predicted(case)

    def predicted(self, case: Case) -> float:
        """What the network predicts for the case now, in target unit."""
        return self._predicted(case.target, case.model, case.record_id)

    def perturbed_records(self, target: str, model: int) -> int:
        """How many ECGs were perturbed for a network."""
        perturbed = self._perturbation(target, model)
        return 0 if perturbed is None else len(perturbed.record_id)

    def test_error(self, target: str, model: int) -> float:
        """The network's MAE on the test split, NaN where ``metrics.csv`` does not tell."""
        if not self.results.metrics.is_file():
            return np.nan
        table = read_table(self.results.metrics, ["target", "split"], ["model", "mae"])
        rows = table.query("target == @target and model == @model and split == 'test'")
        return float(rows["mae"].iloc[0]) if len(rows) else np.nan

    def settings(self, target: str, model: int) -> dict:
        """The settings of the stored maps, so that computed ones compare with them."""
        stored = self._attributions(target, model)
        if stored is None or not stored.details:
            return {"seed": self.seed}
        settings = next(iter(stored.details.values()))["parameters"]
        return {"seed": self.seed} | settings

    def unit(self, target: str, model: int, method: str) -> str:
        """Of a map, computed or stored: computed ones have the settings of the stored."""
        from ..attribution import unit

        stored = self._attributions(target, model)
        if stored is not None and method in stored.details:
            return stored.details[method]["unit"]
        return unit(
            method,
            TARGETS[target].unit,
            self.settings(target, model).get("multiply_by_inputs", True),
        )

    def _predict(self, target: str, model: int, record_id: str) -> float:
        from ..prediction import predict

        beat = self._bare(target, model, record_id).beat_uv
        beats = np.asarray(beat, np.float32)[None]
        return float(predict(self.network(target, model), beats)[0])

    def _read_network(self, target: str, model: int):
        from ..config import resolve_device
        from ..model import load_model

        path = self._folder(target, model) / WEIGHTS
        return load_model(path, resolve_device(self.device))

    def _read_attributions(
        self, target: str, model: int, methods: Sequence[str] | None = None
    ) -> Attributions | None:
        path = self._folder(target, model) / MAPS
        return read_attributions(path, methods) if path.is_file() else None

    def _read_perturbation(self, target: str, model: int) -> Perturbation | None:
        path = self._folder(target, model) / CURVES
        return read_perturbation(path) if path.is_file() else None
