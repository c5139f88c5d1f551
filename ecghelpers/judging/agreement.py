"""How alike are maps of other networks, trainings and methods? And ``truth.csv`` of 07."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ..attribution import LEAD_CHOICES, METHODS, attribute, kind
from ..config import Results
from ..data.maps_and_curves import Attributions, read_attributions
from ..data.medians import Medians
from ..files import write_table
from ..prediction import prepare_for_inference
from ..truth.similarity import between_methods, between_trainings

# Few enough for the many maps of shuffled networks; the same for every network compared.
FEW_DRAWS = {"smoothgrad_draws": 5, "gradientshap_draws": 5, "integrated_gradients_steps": 8}
COLUMNS = ["part", "method", "score", "n", "value", "low", "high", "chance"]


def times_beat(stored: Attributions) -> list[str]:
    """The methods whose stored maps are multiplied by the beat."""
    given = {m: stored.details[m]["parameters"] for m in stored.maps if m in METHODS}
    multiply = {m: parameters.get("multiply_by_inputs", True) for m, parameters in given.items()}
    return [m for m in given if kind(m, multiply[m]) == "contribution"]


def other_trainings(
    results: Results, target: str
) -> tuple[list[str], list[dict[str, np.ndarray]], list[str]]:
    """The records that all finished networks of a target have maps of, each network's maps, and
    the methods that are multiplied by the beat."""
    stored = [
        read_attributions(path)
        for path in (results.attributions(*network) for network in results.models(target))
        if path.is_file()
    ]
    shared = [r for r in stored[0].record_id if all(r in s.record_id for s in stored)]
    maps = []
    for content in stored:
        place = {record: row for row, record in enumerate(content.record_id)}
        rows = [place[record] for record in shared]
        maps.append({m: values[rows] for m, values in content.maps.items()})
    return shared, maps, times_beat(stored[0])


def consistency(results: Results, target: str, data: Medians, seed: int = 0) -> pd.DataFrame:
    """How alike the maps of several trainings are, of ``between_trainings``; empty for one.

    data: whose records they are.
    """
    shared, maps, multiplied = other_trainings(results, target)
    place = {record: row for row, record in enumerate(data.record_id)}
    records = data.subset(np.array([place[record] for record in shared], int))
    beside = {"beats_uv": records.medians, "multiplied": multiplied, "groups": records.groups}
    return between_trainings(maps, shared, seed=seed, **beside)


def disagreement(
    model: nn.Module, beats_uv: np.ndarray, record_id: Sequence[str], seed: int = 0, **options
) -> pd.DataFrame:
    """Rank correlation of every two methods on twelve leads and on the eight independent ones.

    beats_uv: (record, 12, 600) µV; options: as attribute takes them. Columns: method, other, for
    ``twelve`` and ``independent`` the mean over records, the same with the second map at the wrong
    time and of another record (``…_shifted``, ``…_other_record``); gain is what agreeing on the
    leads brought.
    """
    tables = []
    model, *_ = prepare_for_inference(model)
    for leads in LEAD_CHOICES:
        given = {"record_id": record_id, "leads": leads, "seed": seed, "progress": False, **options}
        maps = {m: attribute(model, beats_uv, m, **given) for m in METHODS if m != "random"}
        table = between_methods(maps, record_id, seed=seed).set_index(["method", "other"])
        table = table[["value", "shifted", "other_record"]].add_prefix(f"{leads}_")
        tables.append(table.rename(columns={f"{leads}_value": leads}))
    both = pd.concat(tables, axis=1).reset_index()
    return both.assign(gain=both["independent"] - both["twelve"])


def collect(parts: Mapping[str, pd.DataFrame], path: Path) -> pd.DataFrame:
    """Put the parts' tables below one another with the columns COLUMNS, and write them."""
    tables = [
        table.assign(part=part).reindex(columns=COLUMNS)
        for part, table in parts.items()
        if len(table)
    ]
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    write_table(whole, path)
    return whole
