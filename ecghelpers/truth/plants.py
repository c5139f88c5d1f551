"""What is planted into beats so that the right map is known to the sample.

To add a plant, write a function (beats, record ids, seed, labels) → Planted and give it a row in
PLANTS. Lead, place and size come from the seed, what differs between records from (seed, record
id). Plants lie in the chest leads, so that the limb leads still follow from I and II.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import generator
from ..ecg import BEAT_SAMPLES, BEAT_SHAPE, LEADS, MS_PER_SAMPLE
from ..files import array_digest

TIME = np.arange(BEAT_SAMPLES)
CHEST = [number for number, lead in enumerate(LEADS) if lead.startswith("V")]
REACH = 20  # samples (40 ms) from the middle of a bump to its foot
FOOT = 0.1  # of a bump's height, from which on it is in the mask
HEIGHTS_UV = (100.0, 600.0)  # of the bump that is the label
BUMP_UV = (600.0, 800.0)  # of bumps whose time is the label
GAPS = (60, 240)  # samples (120 to 480 ms) between two bumps
MARKER_AT, MARKER_FOR_MS = 70, 400.0  # sample (140 ms, before P) at which a marker says 400 ms


@dataclass(frozen=True)
class Planted:
    """beats (record, 12, 600) int16 µV; values (record,): the label; masks (record, 12, 600): the
    truth; edges (record, edge): samples whose distance is the label, None if it is no distance."""

    beats: np.ndarray
    values: np.ndarray
    masks: np.ndarray
    edges: np.ndarray | None = None

    def subset(self, chosen: slice) -> "Planted":
        """The records that a slice chooses."""
        edges = None if self.edges is None else self.edges[chosen]
        return Planted(self.beats[chosen], self.values[chosen], self.masks[chosen], edges)


def plant_amplitude(
    beats: np.ndarray, record_id: Sequence[str], seed: int, labels: np.ndarray | None = None
) -> Planted:
    """A bump at one place in one lead; the label is its height (µV). labels: not used."""
    draw = generator(seed, "plant amplitude")
    lead, middle = int(draw.choice(CHEST)), int(draw.integers(60, BEAT_SAMPLES - 60))
    heights = _drawn("amplitude", record_id, seed, HEIGHTS_UV)
    places = np.full((len(beats), 1), middle)
    planted, masks = _with_bumps(beats, lead, places, heights)
    return Planted(planted, heights, masks)


def plant_interval(
    beats: np.ndarray, record_id: Sequence[str], seed: int, labels: np.ndarray | None = None
) -> Planted:
    """Two bumps of one lead anywhere; the label is the time between them (ms). labels: not used."""
    draw = generator(seed, "plant interval")
    lead, height = int(draw.choice(CHEST)), draw.uniform(*BUMP_UV)
    gaps = np.rint(_drawn("interval", record_id, seed, GAPS))
    room = BEAT_SAMPLES - 2 * REACH - gaps
    first = REACH + np.floor(_drawn("interval place", record_id, seed, (0, 1)) * room)
    places = np.stack([first, first + gaps], 1).astype(int)
    planted, masks = _with_bumps(beats, lead, places, np.full(len(beats), height))
    return Planted(planted, gaps * MS_PER_SAMPLE, masks, places.astype(float))


def plant_shortcut(
    beats: np.ndarray, record_id: Sequence[str], seed: int, labels: np.ndarray | None = None
) -> Planted:
    """The beat's own QT (labels, ms), and a bump before P whose time gives it away: a ms for a ms.

    Planting with labels + 10 moves the marker as if QT were 10 ms longer; the mask is the marker.
    """
    if labels is None:
        raise ValueError("got no labels; the shortcut needs the QT interval of each record, in ms")
    draw = generator(seed, "plant shortcut")
    lead, height = int(draw.choice(CHEST)), draw.uniform(*BUMP_UV)
    labels = np.asarray(labels, float)
    places = MARKER_AT + np.rint((labels - MARKER_FOR_MS) / MS_PER_SAMPLE)
    places = np.clip(places, REACH, BEAT_SAMPLES - REACH)[:, None].astype(int)
    planted, masks = _with_bumps(beats, lead, places, np.full(len(beats), height))
    return Planted(planted, labels, masks)


def _drawn(name: str, record_id: Sequence[str], seed: int, limits: tuple) -> np.ndarray:
    """(record,) numbers drawn evenly between the limits, from (seed, record id)."""
    draws = [generator(seed, f"plant {name}", i).uniform(*limits) for i in record_id]
    return np.array(draws, float)


def _with_bumps(
    beats: np.ndarray, lead: int, places: np.ndarray, heights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Beats with raised cosines of these heights (record,) at these places (record, bump) in one
    lead, as int16, and where they are."""
    distance = np.clip(np.abs(TIME - places[:, :, None]) / REACH, 0, 1)
    bumps = ((1 + np.cos(np.pi * distance)) / 2).max(1)
    planted = np.array(beats, float)
    planted[:, lead] += heights[:, None] * bumps
    limits = np.iinfo(np.int16)
    masks = np.zeros(planted.shape, bool)
    masks[:, lead] = bumps >= FOOT
    return np.rint(planted).clip(limits.min, limits.max).astype(np.int16), masks


@dataclass(frozen=True)
class Plant:
    """A row of the table: how it is planted, what the label is called and its unit, what the review
    asks of a map, and whether the label is a target of the beats that the plant gives away."""

    plant: Callable[[np.ndarray, Sequence[str], int, np.ndarray | None], Planted]
    label: str
    unit: str
    question: str
    gives_away: str | None = None


PLANTS = {
    "amplitude": Plant(
        plant_amplitude,
        "height of a bump at one place",
        "µV",
        "is a bump of known place, whose height is the label, what the map marks most?",
    ),
    "interval": Plant(
        plant_interval,
        "time between two bumps",
        "ms",
        "are two bumps of known places, whose distance is the label, what the map marks most?",
    ),
    "shortcut": Plant(
        plant_shortcut,
        "QT interval, with a marker that tells it",
        "ms",
        "does the map show the marker that gave the label away in training?",
        "qt",
    ),
}


def fingerprint(name: str, seed: int) -> str:
    """Changes when anything does that a plant makes of beats: how it is planted, or the seed."""
    ids = [f"record {number}" for number in range(4)]
    flat, labels = np.zeros((len(ids), *BEAT_SHAPE), np.int16), np.linspace(360, 440, len(ids))
    planted = PLANTS[name].plant(flat, ids, seed, labels)
    return array_digest(planted.beats, planted.values, planted.masks)[:16]
