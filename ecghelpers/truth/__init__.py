"""Truth to test maps against: scores against a known mask, edits of known effect, definitions."""

from .edits import EDITS, edit_beats
from .effects import effects_table, follows_definition
from .masks import definition_edges, definition_mask, neighbouring_beats
from .method_scores import blurred, score_table
from .rhythm import rr_samples
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
from .similarity import between_methods, between_trainings, rank_correlation, similarity_table, ssim

__all__ = [
    "EDITS",
    "SCORES",
    "auroc",
    "average_precision",
    "between_methods",
    "between_trainings",
    "blurred",
    "definition_edges",
    "definition_mask",
    "edge_chance_ms",
    "edge_error_ms",
    "edit_beats",
    "effects_table",
    "follows_definition",
    "lead_accuracy",
    "mass_accuracy",
    "neighbouring_beats",
    "pointing_game",
    "rank_accuracy",
    "rank_correlation",
    "rr_samples",
    "score_table",
    "similarity_table",
    "ssim",
    "time_accuracy",
]
