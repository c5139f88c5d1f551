"""Networks trained on beats with something planted in them, and how well maps find it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from .. import attribution, pretrained
from ..attribution import METHODS
from ..config import Results, check_choice, generator, resolve_device
from ..data.medians import Medians
from ..ecg import SPLITS
from ..evaluation.performance import model_errors
from ..files import provenance, write_json, write_table
from ..model import load_model
from ..prediction import predict
from ..training import Trainer, TrainingConfig, fit, write_network
from ..truth.method_scores import score_table
from ..truth.plants import PLANTS, Planted, fingerprint
from ..written import written
from . import planted_maps
from .shortcut import Lean, lean, share_table

SCORE_COLUMNS = ("plant", "method", "score", "value", "low", "high", "chance")


@dataclass(frozen=True)
class Planting:
    """How a planted network is made: its training, on so many records, and the maps of how many.

    least_r2: on the test records; below it a network has not learnt its plant. network:
    ``pretrained`` takes the one that comes with the project, where it reads this very plant.
    """

    training_records: int = 960
    epochs: int = 6
    batch_size: int = 32
    least_r2: float = 0.9
    map_records: int = 32
    seed: int = 0
    network: str = "trained"


@dataclass(frozen=True)
class PlantedNetwork:
    """A network trained on a plant, its test R², whether that reaches the limit, and a sentence
    that says so or why there is no network. origin: where the network is from. scores: a row a
    method and score, empty unless learnt. lean: of a shortcut."""

    name: str
    r2: float
    learnt: bool
    sentence: str
    origin: str = "there is none"
    scores: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=SCORE_COLUMNS))
    lean: Lean | None = None


def planted_parts(
    data: Medians, name: str, seed: int = 0, training_records: int = Planting.training_records
) -> dict[str, tuple[Medians, Planted]]:
    """Split → its records and what they are with the plant in them; a third as many as train
    validate and test. Raises ValueError for an unknown plant, or too few records."""
    plant = PLANTS[check_choice("plant", name, PLANTS)]
    parts = {}
    for split in SPLITS:
        own, there = plant.gives_away, data.split == split
        there = there & np.isfinite(data.target(own)) if own else there
        ids = data.record_id[there]
        draw = [generator(seed, "planted records", i).random() for i in ids]
        most = training_records if split == "train" else -(-training_records // 3)
        records = data.subset(np.flatnonzero(there)[np.argsort(draw)[:most]])
        labels = records.target(own) if own else None
        planted = plant.plant(records.medians, records.record_id, seed, labels)
        if len(np.unique(planted.values)) < 2:
            raise ValueError(
                f"plant {name}: {len(records.record_id)} {split} records"
                f"{f' with a known {own}' if own else ''}; at least 2 are needed"
            )
        parts[split] = records, planted
    return parts


def plant_network(
    results: Results,
    data: Medians,
    name: str,
    settings: Planting,
    maps: attribution.Settings,
    *,
    methods: Sequence[str] = tuple(METHODS),
    device: str = "auto",
) -> PlantedNetwork:
    """Train a network on a plant, or take the one that comes along, write it with its maps, and
    score the maps against the truth.

    Writes ``planted/<name>/model1/``: model.safetensors, attributions.h5 (with the beats and the
    masks), metrics.json and scores.csv. A killed training goes on where it was. A network that has
    not learnt its plant is not judged: no scores. Without enough records there is no network, and
    the files say so: no maps, no scores.
    """
    try:
        parts = planted_parts(data, name, settings.seed, settings.training_records)
    except ValueError as error:
        planted_network = PlantedNetwork(name, float("nan"), False, f"Not judged: {error}.")
        planted_maps.write(results, name, planted_maps.none(data, methods), maps)
        return _write(results, planted_network, settings)
    network, origin = _obtained(results, name, settings, parts, device)
    records, planted = parts["test"]
    r2 = float(model_errors(planted.values, predict(network, planted.beats))["r2"])
    planted_network = PlantedNetwork(name, r2, *_verdict(name, r2, settings.least_r2), origin)
    first = slice(0, settings.map_records)
    few = records.subset(first), planted.subset(first)
    drawn = planted_maps.draw(network, *few, methods, maps)
    planted_maps.write(results, name, drawn, maps)
    if planted_network.learnt:
        leaning = lean(network, records, name, settings.seed) if PLANTS[name].gives_away else None
        multiplied = attribution.multiplied(maps.multiply_by_inputs)
        scores = _scores(name, drawn.maps, *few, leaning, multiplied, settings.seed)
        planted_network = replace(planted_network, lean=leaning, scores=scores)
    return _write(results, planted_network, settings)


def _write(results: Results, network: PlantedNetwork, settings: Planting) -> PlantedNetwork:
    """Write metrics.json and scores.csv of a planted network, and return it."""
    content_of = {field.name: getattr(network, field.name) for field in fields(network)}
    scores, plant = content_of.pop("scores"), PLANTS[content_of.pop("name")]
    content = {"plant": network.name, "label": plant.label, "unit": plant.unit, **content_of}
    content |= {"r2": network.r2 if np.isfinite(network.r2) else None}
    content |= {
        "lean": asdict(network.lean) if network.lean else None,
        "least_r2": settings.least_r2,
    }
    content |= {"training": asdict(settings), "version": provenance()}
    write_json(results.planted_metrics(network.name), content)
    write_table(scores, results.plant_scores(network.name))
    return network


def _scores(
    name: str,
    maps: dict[str, np.ndarray],
    records: Medians,
    planted: Planted,
    leaning: Lean | None,
    multiplied: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """The scores of a plant's maps; the columns of the contract come first."""
    common = {"beats_uv": planted.beats, "multiplied": multiplied, "seed": seed}
    own = {"edges": planted.edges, "groups": records.groups}
    table = score_table(maps, planted.masks, records.record_id, **own, **common)
    if leaning:
        plant = PLANTS[name].gives_away
        share = share_table(maps, planted.masks, records, plant, leaning, **common)
        table = pd.concat([table, share], ignore_index=True)
    table.insert(0, "plant", name)
    rest = [column for column in table if column not in SCORE_COLUMNS]
    return table[[*SCORE_COLUMNS, *rest]]


def _obtained(
    results: Results, name: str, planting: Planting, parts: dict, device: str
) -> tuple[nn.Module, str]:
    """The network, written and read back, and where it is from."""
    path, card = results.planted_network(name), None
    if planting.network == "pretrained":
        card = pretrained.planted_card(name, fingerprint(name, planting.seed))
    if card:
        about = {"target": f"planted {name}", "network": "pretrained", "card": card}
        write_network(path, pretrained.network_of(card, device), about, card["history"])
        origin = f"it comes with the project and learnt from {card['data']['training']} other ECGs"
    else:
        _train(path, results.planted_metrics(name), name, planting, parts, device)
        origin = f"it learnt here, from {len(parts['train'][1].values)} ECGs"
    return load_model(path, resolve_device(device)), origin


def _train(
    path: Path, output: Path, name: str, planting: Planting, parts: dict, device: str
) -> None:
    """Train a network and write it. output: what the step always makes; the state lies with it."""
    how = {"epochs": planting.epochs, "batch_size": planting.batch_size, "seed": planting.seed}
    settings = TrainingConfig(f"planted {name}", **how)
    beats = {split: (planted.beats, planted.values) for split, (_, planted) in parts.items()}
    trainer = Trainer(settings, beats["train"], beats["validation"], resolve_device(device))
    network = fit(trainer, output=output)
    write_network(path, network, asdict(settings), trainer.history)


def _verdict(name: str, r2: float, least_r2: float) -> tuple[bool, str]:
    if r2 >= least_r2:
        return True, f"The network learnt the {name} (test R² {written(r2)})."
    return False, (
        f"Not judged: the network has not learnt the {name} (test R² {written(r2)}, at least "
        f"{least_r2:g} needed), so no map of it can be right or wrong."
    )


def planted_scores(results: Results) -> pd.DataFrame:
    """The scores of all planted networks there are, one below the other."""
    paths = [results.plant_scores(plant) for plant in PLANTS]
    tables = [pd.read_csv(path) for path in paths if path.is_file()]
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=SCORE_COLUMNS)


def planted_sentences(results: Results) -> dict[str, str]:
    """What each planted network has learnt, or why it is not judged: plant → sentence."""
    paths = {plant: results.planted_metrics(plant) for plant in PLANTS}
    return {
        plant: json.loads(path.read_text(encoding="utf-8"))["sentence"]
        for plant, path in paths.items()
        if path.is_file()
    }
