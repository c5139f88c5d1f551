"""All perturbation curves of one network: every method, operator and order, and the floors.

What is a faithful map? One whose most relevant samples change the prediction more than its least
relevant do, whichever way they are perturbed, and by more than a map that knows nothing.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from torch import nn

from ..attribution import FLOOR, METHODS, Settings, attribute
from ..checkpoints import weights_digest
from ..config import progress
from ..data.maps_and_curves import Perturbation
from ..data.medians import Medians
from ..files import Pieces, array_digest
from ..fingerprint import code_digest
from ..perturbation import OPERATORS, ORDERS, POINTS, perturbation_curve, schedule
from ..prediction import prepare_for_inference
from ..truth import floor_maps

BLOCK_RECORDS = 16
PUBLISHED = ("add_noise", "morf")  # the original's operator and order
ORIGINAL_DRAWS = 5  # random maps whose mean curve the others have to beat there
FLOOR_DRAWS = 3  # and in the gaps, under every operator
COARSER = 2.5  # factor between the counts at which the floors are followed
FLOORS = ("shifted", "other_record")


def coarse(points: np.ndarray) -> np.ndarray:
    """The columns of a schedule at which floors are followed: 1, 3, 8 … and the last.

    The area of a gap is taken over these for all maps; the columns between hardly change it.
    """
    columns, last = [], 0
    for column, count in enumerate(points):
        if count and (not last or count >= COARSER * last or column == len(points) - 1):
            columns.append(column)
            last = count
    return np.array(columns, dtype=int)


@dataclass(frozen=True)
class Experiment:
    """Everything but the network and the maps that a curve depends on.

    steps: columns of the schedule beside the untouched beat; beats of other records come from
    donors, (donor, lead, time) in µV.
    """

    steps: int
    noise_fraction: float = 0.2
    seed: int = 0
    donors: np.ndarray | None = None

    @property
    def points(self) -> np.ndarray:
        return schedule(self.steps)

    def settings(self) -> dict:
        """As JSON values; donors by their content."""
        digest = array_digest(self.donors) if self.donors is not None else ""
        return {
            "steps": self.steps,
            "noise_fraction": self.noise_fraction,
            "seed": self.seed,
            "donors": digest,
        }

    def curve(self, model, block: Medians, relevance, operator: str, order: str, counts):
        """Predictions (record, count)."""
        return perturbation_curve(
            model,
            block.medians,
            relevance,
            steps=counts,
            operator=operator,
            order=order,
            noise_fraction=self.noise_fraction,
            seed=self.seed,
            donors=self.donors,
            record_id=block.record_id,
        )


def perturb(
    model: nn.Module,
    data: Medians,
    target: str,
    path: str | Path,
    experiment: Experiment,
    maps: Settings | None = None,
    *,
    methods: Iterable[str] = METHODS,
) -> Perturbation:
    """The perturbation curves of the records by every method, operator and order.

    maps: the settings of attribute, by default its own with the experiment's seed. Works block by
    block; finished blocks are kept beside path (files.Pieces), where a killed run finds them, as
    long as settings, records, their beats, the code and the weights agree.
    """
    maps = asdict(maps or Settings(seed=experiment.seed))
    settings = {"target": target, **experiment.settings(), "attribution": maps}
    decides = {"records": list(data.record_id), "beats": array_digest(data.medians)}
    decides |= {"weights": weights_digest(model.state_dict()), "code": code_digest(__name__)}
    pieces = Pieces(path, {**settings, **decides})
    model, *_ = prepare_for_inference(model)  # once, not for every curve
    partners = floor_maps.partners(data.record_id, experiment.seed, data.groups)
    every, methods = np.arange(len(data.record_id)), list(methods)
    blocks = [every[n : n + BLOCK_RECORDS] for n in range(0, len(every), BLOCK_RECORDS)]
    parts: dict[str, list[dict[str, np.ndarray]]] = {method: [] for method in methods}
    with progress(len(blocks) * len(methods), f"perturbing {target}") as bar:
        for rows in blocks:
            block = _Block(model, data.subset(rows), experiment)
            for method in methods:
                name = f"{method}.{rows[0]:06d}"
                curves = pieces.load(name)
                if curves is None:
                    drawn = partial(attribute, model, method=method, progress=False, **maps)
                    relevance = _relevance(data, rows, partners[rows], drawn, experiment.seed)
                    curves = dict(_curves(block, relevance, partners[rows] < 0))
                    pieces.save(name, **curves)
                parts[method].append(curves)
                bar.update()
    return _together(data, target, experiment, settings, parts)


def _relevance(
    data: Medians, rows: np.ndarray, partners: np.ndarray, drawn: partial, seed: int
) -> dict[str, np.ndarray]:
    """The maps of some records by a method, and those that its floors are followed with.

    drawn: (beats, record_id=) → maps of the method. Names: ``prediction`` for its own, then those
    in FLOORS, or several draws of the random method.
    """
    block = data.subset(rows)
    own = {"prediction": drawn(block.medians, record_id=block.record_id)}
    if drawn.keywords["method"] == FLOOR:
        draws = range(1, ORIGINAL_DRAWS)
        ids = {n: [f"{record} draw {n}" for record in block.record_id] for n in draws}
        return own | {f"draw{n}": drawn(block.medians, record_id=ids[n]) for n in draws}
    return own | {
        "shifted": floor_maps.shifted(own["prediction"], seed, block.record_id),
        "other_record": _of_others(data, rows, partners, own["prediction"], drawn),
    }


def _of_others(
    data: Medians, rows: np.ndarray, partners: np.ndarray, own: np.ndarray, drawn: partial
) -> np.ndarray:
    """The map of each record's partner; drawn where it is not among these records' own.

    Where there is no partner the record's own stands, and its floor stays unknown.
    """
    chosen = np.where(partners < 0, rows, partners)
    place = {row: number for number, row in enumerate(rows)}
    maps = own[[place.get(row, 0) for row in chosen]]
    elsewhere = ~np.isin(chosen, rows)
    if elsewhere.any():
        others = data.subset(chosen[elsewhere])
        maps[elsewhere] = drawn(others.medians, record_id=others.record_id)
    return maps


class _Block:
    """Some records, and the network that sees them perturbed.

    What no map decides is predicted once: the beats untouched, and with every point perturbed.
    """

    def __init__(self, model: nn.Module, records: Medians, experiment: Experiment):
        self.experiment = experiment
        self._curve = partial(experiment.curve, model, records)
        self._any_map = np.zeros(records.medians.shape, np.float32)
        self._known: dict[tuple[str, int], np.ndarray] = {}

    def curve(self, relevance, operator: str, order: str, counts: np.ndarray) -> np.ndarray:
        """Predictions (record, count)."""
        between = (counts > 0) & (counts < POINTS)
        curve = self._curve(relevance, operator=operator, order=order, counts=counts[between])
        whole = np.empty((len(curve), len(counts)), curve.dtype)
        whole[:, between] = curve
        for column in np.flatnonzero(~between):
            whole[:, column] = self._end(operator, counts[column])
        return whole

    def _end(self, operator: str, count: int) -> np.ndarray:
        """(record,) with no point or all of them perturbed."""
        key = operator if count else "", int(count)
        if key not in self._known:
            one = self._curve(self._any_map, operator=operator, order=ORDERS[0], counts=[count])
            self._known[key] = one[:, 0]
        return self._known[key]


def _curves(
    block: _Block, relevance: dict[str, np.ndarray], alone: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """All curves of one method on some records, named operator.order.kind.

    relevance: of ``_relevance``; alone: (record,) whether there is no other record. kind:
    ``prediction`` (record, step), a floor (record, coarse step), or ``draws`` (draw, record, coarse
    step) of several random maps.
    """
    points = block.experiment.points
    columns = coarse(points)
    for operator, order in product(OPERATORS, ORDERS):
        curve = partial(block.curve, operator=operator, order=order)
        own = curve(relevance["prediction"], counts=points)
        yield f"{operator}.{order}.prediction", own
        if "draw1" in relevance:
            published = (operator, order) == PUBLISHED
            counts = points if published else points[columns]
            draws = range(1, ORIGINAL_DRAWS if published else FLOOR_DRAWS)
            more = [curve(relevance[f"draw{draw}"], counts=counts) for draw in draws]
            own = own if published else own[:, columns]
            yield f"{operator}.{order}.draws", np.stack([own, *more])
            continue
        for floor in FLOORS:
            below = curve(relevance[floor], counts=points[columns])
            unknown = alone & (floor == "other_record")
            yield f"{operator}.{order}.{floor}", np.where(unknown[:, None], np.nan, below)


def _together(
    data: Medians, target: str, experiment: Experiment, settings: dict, parts: dict
) -> Perturbation:
    """What ``perturbation.h5`` holds, from method → its blocks of curves."""
    curves = {
        (method, *key.split(".")): np.concatenate([part[key] for part in blocks], axis=-2)
        for method, blocks in parts.items()
        for key in (blocks[0] if blocks else ())
    }
    attributes = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in settings.items()}
    return Perturbation(
        record_id=data.record_id,
        truth=data.target(target),
        points=experiment.points,
        floor_points=experiment.points[coarse(experiment.points)],
        curves=curves,
        attributes=attributes | {"operator": PUBLISHED[0], "order": PUBLISHED[1]},
    )
