"""What a reading study asks of a reader: which targets, how many records, one or two maps.

Also the words of it, so that every view asks the same, and what a reader is called.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..ecg import TARGETS

RECORDS = 10  # by default: enough for a verdict on every method, see results.LEAST_RECORDS
SECONDS_A_MAP = 10  # what is assumed of a reader who has rated none yet
LEFT_OUT = ("VentRate",)  # by default: one beat shows no rhythm, so the rate has no place on it
SCALE = {1: "not at all", 5: "exactly there"}
QUESTION = "Does it mark where you would measure the {}?"
QUESTIONS = {
    "VentRate": "Does it mark what you would measure the heart rate by, the beats beside this one?",
    "STJ_v5": "Does it mark where you would measure the J point in V5?",
}


def question(target: str) -> str:
    """What a reader is asked of a map of this target."""
    label = TARGETS[target].label
    return QUESTIONS.get(target) or QUESTION.format(label)


def reader_name(text: str) -> str:
    """What a reader is called, without regard to case and spaces: AB for " ab"."""
    return " ".join(unicodedata.normalize("NFC", text).split()).upper()


@dataclass(frozen=True)
class Settings:
    """What one reader was asked to rate; kept as text in every row of her file."""

    targets: tuple[str, ...]
    records: int
    together: int = 1

    @property
    def text(self) -> str:
        """As a row holds it: ``targets=pr qt; records=10; maps=2``."""
        return f"targets={' '.join(self.targets)}; records={self.records}; maps={self.together}"

    @classmethod
    def parse(cls, text: str) -> "Settings | None":
        """Read what ``text`` writes; None for anything else, as in files of earlier versions."""
        match = re.fullmatch(r"targets=([\w ]+); records=(\d{1,9}); maps=([12])", text)
        return match and cls(tuple(match[1].split()), int(match[2]), int(match[3]))

    def maps(self, networks: Sequence[Mapping]) -> int:
        """How many maps they ask for, of networks with their records and methods."""
        return sum(
            len(network["methods"]) * min(self.records, len(network["records"]))
            for network in networks
            if network["target"] in self.targets
        )


def default(networks: Sequence[Mapping]) -> Settings:
    """What is proposed: all targets but those without a place, RECORDS records, one map."""
    targets = list(dict.fromkeys(network["target"] for network in networks))
    chosen = tuple(target for target in targets if target not in LEFT_OUT) or tuple(targets)
    most = max((len(network["records"]) for network in networks), default=1)
    return Settings(chosen, min(RECORDS, most))
