"""Networks trained on known readouts: training, admission, and scores of their maps.

A network is named by (kind, place, initialisation). The place (lead and time) is the unit of
replication: networks of one place are alike, and ECGs show the same network.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from ..attribution import typical_beat
from ..attribution.maps import explain
from ..data.maps_and_curves import PLANTED, Attributions, read_attributions, write_attributions
from ..data.medians import Medians
from ..files import write_json
from ..fingerprint import code_digest
from ..network import pretrained
from ..network.model import load_model, save_model
from ..network.prediction import predict
from ..network.trainer import Trainer, TrainingConfig
from ..network.training import fit
from . import metrics
from .controls import AGAINST_MEAN, maps_and_controls
from .performance import model_errors
from .readouts import KINDS, PLACES, Readout, readout

RECORDS = {"train": 960, "validation": 320, "test": 320}  # at most, of each split
EPOCHS = 9
LEAST_R2 = 0.95
LEAST_R2_DECOY = 0.7  # the network has to learn QT itself, from few ECGs
MOST_OUTSIDE = 2.0  # times the RMSE may grow when everything outside the mask is swapped
READS_MARKER, IGNORES_MARKER = 0.8, 0.1  # ms of the prediction per ms of the marker
MARKER_MS = 20.0
REFERENCE_RECORDS = 256  # training beats for the mean and SD of the voltage
CHOSEN_ON = 8  # limits were chosen on places 1 to 8; the others are for confirmation
ORACLE = "oracle"
SCORE_COLUMNS = ["kind", "model", "method", "score", "value", "n"]


@dataclass(frozen=True)
class Known:
    """Which network: ``Known("level", 3, 1)`` is the first initialisation at the third place."""

    kind: str
    place: int
    initialisation: int = 1

    @property
    def number(self) -> int:
        """The k of its folder ``planted/<kind>/model<k>``."""
        return (self.initialisation - 1) * PLACES + self.place

    @property
    def name(self) -> str:
        """Place and initialisation, as in the tables."""
        return f"{self.place}-{self.initialisation}"

    def folder(self, root: str | Path) -> Path:
        """Where its files lie below a results folder."""
        return Path(root) / "planted" / self.kind / f"model{self.number}"


def queue(places: int = PLACES, initialisations: int = 2) -> Iterator[Known]:
    """All networks in an order that is balanced over kinds and halves of the places at any stop."""
    order = sorted(range(1, places + 1), key=lambda place: (place - 1) % CHOSEN_ON)  # 1, 9, 2, 10 …
    for initialisation, place in product(range(1, initialisations + 1), order):
        yield from (Known(kind, place, initialisation) for kind in KINDS)


def records_for(data: Medians, kind: str, split: str, most: int) -> Medians:
    """The first records of a split that a kind can be made from."""
    valid = data.split == split
    if KINDS[kind].needs_qt:
        valid = valid & np.isfinite(data.target("qt"))
    return data.subset(np.flatnonzero(valid)[:most])


def made(known: Known, records: Medians, shift_ms: float = 0.0) -> Readout:
    """The readout of some records; shift_ms: by how much a marker is moved."""
    labels = records.target("qt") if KINDS[known.kind].needs_qt else None
    beats, ids = records.medians, records.record_id
    return readout(known.kind, known.place, beats, ids, labels, shift_ms)


def train(known: Known, data: Medians, state: Path, device: torch.device):
    """Train a network; an interrupted training resumes from its state."""
    parts = []
    for split in ("train", "validation"):
        planted = made(known, records_for(data, known.kind, split, RECORDS[split]))
        parts.append((planted.beats, planted.values))
    settings = TrainingConfig(f"{known.kind} {known.place}", known.initialisation, epochs=EPOCHS)
    return fit(Trainer(settings, *parts, device), state)


def admission(network: nn.Module, known: Known, records: Medians) -> dict:
    """Whether a network has learned its label and reads it from the mask alone.

    records: at least two unedited test records. Returns ``r2``, ``rmse``, ``rmse_swapped``
    (everything outside the mask taken from another record; in ``interval`` all other leads),
    ``marker_slope`` (ms of the prediction per ms by which the marker of ``shortcut`` or ``decoy``
    is moved), ``admitted`` and ``reason``.
    """
    needs_qt = KINDS[known.kind].needs_qt
    if len(records.record_id) < 2:
        reason = "too few test records" + " with a known QT" * needs_qt
        return {"n": len(records.record_id), "admitted": False, "reason": reason}
    planted = made(known, records)
    errors = model_errors(planted.values, predict(network, planted.beats))
    row = {"n": int(errors["n"]), "r2": float(errors["r2"]), "rmse": float(errors["rmse"])}
    least = LEAST_R2_DECOY if known.kind == "decoy" else LEAST_R2
    reasons = [] if row["r2"] >= least else [f"R² {row['r2']:.3f} is below {least:g}"]
    if needs_qt:
        low, high = (
            predict(network, made(known, records, shift).beats) for shift in (-MARKER_MS, MARKER_MS)
        )
        row["marker_slope"] = slope = float((high - low).mean() / (2 * MARKER_MS))
        if known.kind == "shortcut" and slope < READS_MARKER:
            reasons.append(f"it ignores most of its marker ({slope:.2f} ms per ms)")
        if known.kind == "decoy" and abs(slope) > IGNORES_MARKER:
            reasons.append(f"it reads the marker ({slope:.2f} ms per ms)")
    else:
        inside = planted.mask
        if known.kind == "interval":
            inside = np.broadcast_to(inside.any((0, 2))[None, :, None], inside.shape)
        swapped = np.where(inside, planted.beats, np.roll(records.medians, 1, axis=0))
        outside = model_errors(planted.values, predict(network, swapped))
        row["rmse_swapped"] = float(outside["rmse"])
        if row["rmse_swapped"] > MOST_OUTSIDE * row["rmse"]:
            reasons.append(
                f"it reads outside the mask (RMSE {row['rmse']:.3g}, with other records' voltages "
                f"there {row['rmse_swapped']:.3g})"
            )
    return row | {"admitted": not reasons, "reason": "; ".join(reasons)}


def scores(
    known: Known, planted: Readout, maps: dict[str, np.ndarray], mean_beat_uv: np.ndarray
) -> pd.DataFrame:
    """How well each map finds the known truth: rows of SCORE_COLUMNS, means over the records.

    ``sensitivity``: where a change would matter, ``contribution``: which voltages contributed, both
    by ``metrics.share_found``; in ``interval`` the first is the whole silent lead, the second the
    two bumps. Maps against the mean beat (12, 600) are compared with the contribution of the
    difference from it. ``signed_…``: the cosine similarity with the exact values. ``marker``
    (``shortcut`` and ``decoy``): the share of the most marked points that lie on the marker. The
    methods include the control maps and, as ``oracle``, the truth itself.
    """
    rows = []
    flat, mean = (truths(known.kind, planted, b) for b in (0.0, np.asarray(mean_beat_uv)))
    for score, (measure, truth) in flat.items():
        everything = maps if known.kind == "decoy" else maps | {ORACLE: truth}
        for method, values in everything.items():
            right = mean[score][1] if method.endswith(AGAINST_MEAN) else truth
            found = measure(values, np.abs(right) if measure is metrics.share_found else right)
            count = int(np.isfinite(found).sum())
            value = float(np.nanmean(found)) if count else np.nan
            rows.append((known.kind, known.name, method, score, value, count))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def truths(kind: str, planted: Readout, baseline_uv: np.ndarray | float = 0.0) -> dict:
    """Score → (measure, truth (record, lead, time)) of a kind."""
    if KINDS[kind].needs_qt:
        return {"marker": (metrics.share_found, planted.mask)}
    if planted.sensitivity is None:
        lead = np.broadcast_to(planted.mask.any(2, keepdims=True), planted.mask.shape)
        found = metrics.share_found
        return {"sensitivity": (found, lead), "contribution": (found, planted.mask)}
    contribution = planted.sensitivity * (planted.beats - baseline_uv)
    return {
        "sensitivity": (metrics.share_found, planted.sensitivity),
        "contribution": (metrics.share_found, contribution),
        "signed_sensitivity": (metrics.cosine, planted.sensitivity),
        "signed_contribution": (metrics.cosine, contribution),
    }


def draw_maps(
    known: Known,
    network: nn.Module,
    records: Medians,
    path: Path,
    reference: tuple[np.ndarray, np.ndarray],
) -> Attributions:
    """Write attributions.h5 with the maps of some test records by every method, and return it.

    Settings are the defaults, as in the table that comes with the project. reference: mean and SD
    (12, 600) µV over training beats. A file with the maps of the same beats by the same code is
    kept.
    """
    planted, code = made(known, records), code_digest("attribution")
    if path.is_file():
        kept = read_attributions(path)
        if kept.attributes.get("code") == code and np.array_equal(kept.beats, planted.beats):
            return kept
    content = explain(
        network,
        replace(records, medians=planted.beats),
        planted.values.astype(np.float32),
        KINDS[known.kind].unit,
        reference=reference,
        target=f"known readout {known.kind} {known.name}",
        code=code,
    )
    truth = {name: getattr(planted, name) for name in PLANTED}
    content = replace(content, **truth)
    write_attributions(path, content)
    return content


def make(
    known: Known,
    data: Medians,
    root: str | Path,
    maps: int,
    device: torch.device,
) -> pd.DataFrame:
    """Train, admit, draw and score one network in its folder; existing files are kept.

    maps: the number of test records whose maps are drawn.
    Writes model.safetensors, metrics.json and attributions.h5, and returns the scores: empty if the
    network is not admitted.
    """
    folder = known.folder(root)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        network = train(known, data, folder / "training.state", device)
        save_model(weights, network)
        (folder / "training.state").unlink(missing_ok=True)
    network = load_model(weights, device)
    records = records_for(data, known.kind, "test", RECORDS["test"])
    admitted = admission(network, known, records)
    write_json(folder / "metrics.json", asdict(known) | admitted)
    few = records.subset(slice(0, maps))
    training = made(known, records_for(data, known.kind, "train", REFERENCE_RECORDS)).beats
    reference = typical_beat()
    if len(training) > 1:
        reference = training.mean(0, dtype=np.float64), training.std(0, dtype=np.float64)
    drawn = draw_maps(known, network, few, folder / "attributions.h5", reference)
    if not admitted["admitted"]:
        return pd.DataFrame(columns=SCORE_COLUMNS)
    return scores(known, made(known, few), maps_and_controls(drawn, drawn.beats), reference[0])


def admissions(root: str | Path) -> pd.DataFrame:
    """The admission of every network in a results folder, from its ``metrics.json``."""
    paths = sorted(Path(root).glob("planted/*/model*/metrics.json"))
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    columns = ["kind", "place", "initialisation", "n", "r2", "rmse", "rmse_swapped"]
    return pd.DataFrame(rows).reindex(columns=[*columns, "marker_slope", "admitted", "reason"])


def benchmark_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of many networks: of this run if it has several places, else the pretrained ones'.

    Methods that are missing in that table are added with their scores in this run.
    """
    path = pretrained.folder() / "benchmark.csv"
    if not path.is_file() or scores.model.nunique() > 1:
        return scores
    table = pd.read_csv(path)
    fresh = scores[~scores.method.isin(set(table.method))]
    return pd.concat([table, fresh], ignore_index=True)[SCORE_COLUMNS]
