"""What a view is told of the reading study: how it is set up, and its results; ready for JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..evaluation.review import ALL, TESTS
from . import results
from .reading_study import Study
from .settings import SCALE, SECONDS_A_MAP, default, question

POOL = 50  # records of a network that can be rated, as many as a page holds


def setup(
    networks: Sequence[Mapping], review: pd.DataFrame | None, patients: Mapping[str, str]
) -> dict:
    """What the form proposes and asks, and what a page needs to compute results of its own.

    networks: of a Study; review: of ``review.csv`` if there is one; patients: record → patient.
    quantiles: ``results.quantile`` by number of records.
    """
    proposed = default(networks)
    rated = {record for network in networks for record in network["records"][:POOL]}
    values = pd.DataFrame() if review is None else results.review_values(review)
    return {
        "questions": {n["target"]: question(n["target"]) for n in networks},
        "scale": SCALE,
        "targets": list(proposed.targets),
        "records": proposed.records,
        "pool": POOL,
        "seconds": SECONDS_A_MAP,
        "least": results.LEAST_RECORDS,
        "quantiles": [_number(results.quantile(count)) for count in range(POOL + 1)],
        "patients": {r: patients[r] for r in rated if patients.get(r, r) != r},
        "tests": [[t, TESTS[t].label, values[t].dropna().to_dict()] for t in values],
    }


def answers(
    study: Study, folder: str | Path, review: pd.DataFrame | None, patients: Mapping[str, str]
) -> dict:
    """What the ratings of all readers' files in a folder say."""
    ratings, left_out = study.gather(folder)
    order, rho = pd.DataFrame(), pd.DataFrame(columns=results.RANK_COLUMNS)
    if review is not None and len(ratings):
        order, rho = results.ranks(ratings, review), results.rank_correlation(ratings, review)
    over = rho[rho["target"] == ALL].set_index("test")["rho"]
    return {
        "readers": sorted(set(ratings["reader"])),
        "ratings": len(ratings),
        "scores": [_plain(row) for row in results.scores(ratings, patients).to_dict("records")],
        "agreement": _plain(results.agreement(ratings)),
        "ranks": {method: _plain(row) for method, row in order.to_dict("index").items()},
        "rho": over.to_dict(),
        "left_out": [f"{name}: {reason}" for name, reason in left_out.items()],
    }


def _plain(row: Mapping) -> dict:
    return {name: _number(value) for name, value in row.items()}


def _number(value):
    """The value, None for a number that is not known."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
