"""How far a network leans on a marker that gives its label away, and whether maps show it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from ..data.medians import Medians
from ..evaluation.performance import model_errors
from ..prediction import predict
from ..statistics import CONFIDENCE, bootstrap_weights, summary
from ..truth.edits import edit_beats
from ..truth.floor_maps import knowing_nothing
from ..truth.masks import definition_mask
from ..truth.plants import PLANTS
from ..truth.scores import mass_accuracy

DOSES = (-20.0, 20.0)
SHARE = "marker share"
TRUTH = "network"  # the row that holds what the network does


@dataclass(frozen=True)
class Lean:
    """What moves a prediction, each (value, low, high), 95 % intervals over records.

    marker: its change for each unit that the marker tells more, the beat as it was; own: for each
    unit that the beat itself has more, the marker as it was; share: |marker| / (|marker| + |own|),
    NaN where no beat could be edited. r2, r2_without: of the test records with their markers, and
    without any.
    """

    marker: tuple[float, float, float]
    own: tuple[float, float, float]
    share: tuple[float, float, float]
    r2: float
    r2_without: float


def lean(model: nn.Module, records: Medians, name: str, seed: int = 0) -> Lean:
    """Move the marker and the wave that defines the label, one at a time, and see what counts.

    records: of one split, whose label is known; name: a plant that gives a target away.
    """
    plant, target = PLANTS[name], PLANTS[name].gives_away
    labels, ids = records.target(target).astype(float), records.record_id
    planted = plant.plant(records.medians, ids, seed, labels).beats
    before = predict(model, planted)
    marker = np.zeros(len(ids))
    own, edits = np.zeros(len(ids)), np.zeros(len(ids))
    for dose in DOSES:
        moved = plant.plant(records.medians, ids, seed, labels + dose).beats
        marker += (predict(model, moved) - before) / dose / len(DOSES)
        edited = edit_beats(records.medians, records.fiducials, target, dose)
        there = np.isfinite(edited).all((1, 2))
        if there.any():
            given = plant.plant(edited[there], ids[there], seed, labels[there]).beats
            own[there] += (predict(model, given) - before[there]) / dose
            edits += there
    own = np.where(edits > 0, own / np.maximum(edits, 1), np.nan)
    return Lean(
        marker=_with_ends(marker, records.groups),
        own=_with_ends(own, records.groups),
        share=_share(marker, own, records.groups),
        r2=float(model_errors(labels, before)["r2"]),
        r2_without=float(model_errors(labels, predict(model, records.medians))["r2"]),
    )


def share_table(
    maps: Mapping[str, np.ndarray],
    masks: np.ndarray,
    records: Medians,
    target: str,
    leaning: Lean,
    *,
    beats_uv: np.ndarray | None = None,
    multiplied: Collection[str] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Of the map's mass on marker and definition together, the share on the marker.

    masks: of the marker. One row a method, score ``marker share``, columns as in score_table;
    chance is the marker's share of the two areas, for the methods that are multiplied by beats_uv
    (with their markers) that of random numbers times the beat. The row ``network`` holds what the
    network does: Lean.share. A map that hides the shortcut lies far below it.
    """
    own = definition_mask(records.fiducials, target, records.medians) & ~masks
    both = masks | own
    chance = masks.sum((1, 2)) / np.maximum(both.sum((1, 2)), 1)
    common = {"score": SHARE, "chance": float(chance.mean()) if len(chance) else np.nan}
    rows = []
    for method, values in maps.items():
        share = mass_accuracy(np.where(both, values, 0), masks)
        rows.append({"method": method} | common | summary(share, records.groups))
        if method in multiplied:
            nothing = knowing_nothing(masks.shape, seed, records.record_id, beats_uv)
            share = mass_accuracy(np.where(both, nothing, 0), masks)
            rows[-1]["chance"] = summary(share)["value"]
    value, low, high = leaning.share
    truth = {"n": len(records.record_id), "value": value, "low": low, "high": high}
    rows.append({"method": TRUTH} | common | truth)
    return pd.DataFrame(rows)


def _with_ends(values: np.ndarray, groups: np.ndarray) -> tuple[float, float, float]:
    row = summary(values, groups)
    return row["value"], row["low"], row["high"]


def _share(marker: np.ndarray, own: np.ndarray, groups: np.ndarray) -> tuple[float, float, float]:
    """|mean marker| / (|mean marker| + |mean own|) of the records with both, and its interval."""
    both = np.isfinite(marker) & np.isfinite(own)
    if not both.any():
        return float("nan"), float("nan"), float("nan")
    marker, own = marker[both], own[both]

    def share_of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a) / np.maximum(np.abs(a) + np.abs(b), 1e-12)

    weights = bootstrap_weights(len(marker), groups=groups[both])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(share_of(weights @ marker, weights @ own), (tail, 1 - tail))
    return float(share_of(marker.mean(), own.mean())), float(low), float(high)
