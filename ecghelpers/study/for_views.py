"""Setup of the reading study for the views, as JSON values."""

from collections.abc import Mapping, Sequence

from ..ecg import TARGETS

RECORDS = 2  # proposed, of one target: 20 maps, some five minutes
FIRST = "qt"  # the target proposed where it has maps
SECONDS_A_MAP = 12
SCALE = {1: "not at all", 5: "exactly there"}
QUESTION = "Does it mark where you would measure the {}?"
QUESTIONS = {
    "VentRate": "Does it mark the neighbouring beats, by which you would measure the heart rate?",
    "STJ_v5": "Does it mark where you would measure the J point in V5?",
}
POOL = 50  # records of a network that can be rated, as many as a page holds


def setup(networks: Sequence[Mapping]) -> dict:
    """The questions and the proposed settings; networks: of a Study."""
    targets = [network["target"] for network in networks]
    return {
        "questions": {t: QUESTIONS.get(t, QUESTION.format(TARGETS[t].label)) for t in targets},
        "scale": SCALE,
        "targets": [FIRST] if FIRST in targets else targets[:1],
        "records": min(RECORDS, max((len(n["records"]) for n in networks), default=1)),
        "pool": POOL,
        "seconds": SECONDS_A_MAP,
    }
