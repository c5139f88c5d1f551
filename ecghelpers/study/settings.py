"""The settings of a reading study (targets, records, maps at a time), its words, readers' names."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..ecg import TARGETS

RECORDS = 2  # by default, of one target: 20 maps, some five minutes
SECONDS_A_MAP = 12  # before the reader has rated any
FIRST = "qt"  # the target proposed where it has maps
SCALE = {1: "not at all", 5: "exactly there"}
QUESTION = "Does it mark where you would measure the {}?"
QUESTIONS = {
    "VentRate": "Does it mark the neighbouring beats, by which you would measure the heart rate?",
    "STJ_v5": "Does it mark where you would measure the J point in V5?",
}


def question(target: str) -> str:
    """The question about a map of this target."""
    label = TARGETS[target].label
    return QUESTIONS.get(target) or QUESTION.format(label)


def reader_name(text: str) -> str:
    """A reader's name without regard to case and spaces: AB for " ab"."""
    return " ".join(unicodedata.normalize("NFC", text).split()).upper()


@dataclass(frozen=True)
class StudyConfig:
    """The maps chosen for a study; kept as text in every row of a reader's file."""

    targets: tuple[str, ...]
    records: int
    together: int = 1

    @property
    def text(self) -> str:
        """In a row: ``targets=pr qt; records=10; maps=2``."""
        return f"targets={' '.join(self.targets)}; records={self.records}; maps={self.together}"


def default(networks: Sequence[Mapping]) -> StudyConfig:
    """The proposal: one target, RECORDS records, one map at a time."""
    targets = list(dict.fromkeys(network["target"] for network in networks))
    chosen = (FIRST,) if FIRST in targets else tuple(targets[:1])
    most = max((len(network["records"]) for network in networks), default=1)
    return StudyConfig(chosen, min(RECORDS, most))
