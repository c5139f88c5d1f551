"""Truth to test maps against: scores against a known mask, edits of known effect, definitions."""

from .scores import (
    SCORES,
    auroc,
    average_precision,
    edge_chance_ms,
    edge_error_ms,
    lead_accuracy,
    mass_accuracy,
    pointing_game,
    rank_accuracy,
    time_accuracy,
)
from .table import blurred, score_table

__all__ = [
    "SCORES",
    "auroc",
    "average_precision",
    "blurred",
    "edge_chance_ms",
    "edge_error_ms",
    "lead_accuracy",
    "mass_accuracy",
    "pointing_game",
    "rank_accuracy",
    "score_table",
    "time_accuracy",
]
