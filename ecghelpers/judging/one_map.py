"""One map in every way of perturbing, to look at: its curves, and what becomes of a beat."""

import numpy as np
from torch import nn

from ..data.medians import Medians
from ..perturbation import OPERATORS, ORDERS
from ..prediction import prepare_for_inference
from .perturbation_curves import Experiment


def all_ways(
    model: nn.Module, data: Medians, relevance: np.ndarray, experiment: Experiment
) -> dict[tuple[str, str], np.ndarray]:
    """(operator, order) → (record, step) predictions of one map of every record."""
    model, *_ = prepare_for_inference(model)
    return {
        (operator, order): experiment.curve(
            model, data, relevance, operator, order, experiment.points
        )
        for operator in OPERATORS
        for order in ORDERS
    }


def perturbed_beats(
    data: Medians, relevance: np.ndarray, count: int, experiment: Experiment
) -> dict[str, np.ndarray]:
    """Operator → (lead, time) in µV: the first record with its ``count`` most relevant points
    perturbed. To look at; what the network gets is the same."""
    seen = []

    class Looking(nn.Module):
        def forward(self, beats):
            seen.append(beats[0].numpy().copy())
            return beats.flatten(1)[:, :1]

    first = data.subset(slice(0, 1))
    for operator in OPERATORS:
        experiment.curve(Looking(), first, relevance[:1], operator, ORDERS[0], [count])
    return dict(zip(OPERATORS, seen, strict=True))
