"""Setup and results of the reading study for the views, as JSON values."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..attribution.methods import METHODS
from ..ecg import TARGETS
from ..formatting import format_number, interval
from . import results
from .reading_study import Study

RECORDS = 2  # proposed, of one target: 20 maps, some five minutes
FIRST = "qt"  # the target proposed where it has maps
SECONDS_A_MAP = 12  # before the reader has rated any
SCALE = {1: "not at all", 5: "exactly there"}
QUESTION = "Does it mark where you would measure the {}?"
QUESTIONS = {
    "VentRate": "Does it mark the neighbouring beats, by which you would measure the heart rate?",
    "STJ_v5": "Does it mark where you would measure the J point in V5?",
}
POOL = 50  # records of a network that can be rated, as many as a page holds
VERDICTS = {"yes": "above random", "no": "below random", "unclear": "not different from random"}


def setup(networks: Sequence[Mapping]) -> dict:
    """The questions and the proposed settings; networks: of a Study."""
    targets = list(dict.fromkeys(network["target"] for network in networks))
    questions = {target: QUESTION.format(TARGETS[target].label) for target in targets} | QUESTIONS
    return {
        "questions": {target: questions[target] for target in targets},
        "scale": SCALE,
        "targets": [FIRST] if FIRST in targets else targets[:1],
        "records": min(RECORDS, max((len(n["records"]) for n in networks), default=1)),
        "pool": POOL,
        "seconds": SECONDS_A_MAP,
    }


def answers(study: Study, folder: str | Path, patients: Mapping[str, str]) -> dict:
    """The scores of all raters' files in a folder: columns, rows and sentences."""
    ratings, left_out = study.gather(folder)
    raters = sorted(set(ratings["reader"]))
    rows = [
        [
            METHODS[row.method].label if row.method in METHODS else row.method,
            f"{format_number(row.score)} ({interval(row.low, row.high, '.2f')})",
            str(row.n),
            VERDICTS.get(row.verdict, ""),
        ]
        for row in results.scores(ratings, patients).itertuples()
    ]
    sentences = [f"{len(ratings)} ratings by {len(raters)} rater(s): {', '.join(raters)}."]
    if len(raters) > 1:
        sentences.append(results.agreement_sentence(results.agreement(ratings)))
    sentences.append("The intervals are over records; they say nothing about other raters.")
    sentences += [f"Left out: {name}: {reason}." for name, reason in left_out.items()]
    columns = ["Method", "Mean score (95 %)", "Maps", "Against random maps"]
    return {"columns": columns, "rows": rows, "sentences": sentences}
