"""Known readouts: beats whose label is an exact function of some of their voltages.

The label is computed from the voltages after a random change was added to them, so nothing outside
the window helps to estimate it (no suppressor variables: Haufe et al., NeuroImage 87:96, 2014;
Wilming et al., Mach Learn 111:1903, 2022). The correct map of a network that learns such a label is
known. To add a kind, write a function (Beats) → Readout and give it a row in KINDS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..ecg import BEAT_SAMPLES, BEAT_SHAPE, LEADS, MS_PER_SAMPLE
from ..runtime import generator
from ..validation import check_choice, check_number

TIME = np.arange(BEAT_SAMPLES)
CHEST = [number for number, lead in enumerate(LEADS) if lead.startswith("V")]
PLACES = 16
REACH = 20  # samples (40 ms) from the middle of a bump to its foot
FOOT = 0.1  # of a bump's height, from which on it belongs to the mask
HEIGHT_UV = 300.0  # largest change, of either sign, that is added to a window
BUMP_UV = (400.0, 800.0)  # absolute height of bumps whose time matters
GAPS = (60, 240)  # samples (120 to 480 ms) between two bumps
NOISE_UV = 5.0  # SD of the noise in the otherwise silent lead of ``interval``
QT_MS = 400.0  # where the marker stands at its middle


@dataclass(frozen=True)
class Beats:
    """The inputs of a kind's function.

    beats: (record, 12, 600) floating µV, may be changed. draw: generator of the place. draws:
    a generator for each record. labels: (record,) QT in ms, for kinds that need it; shift_ms:
    added to the value that a marker shows.
    """

    beats: np.ndarray
    lead: int
    draw: np.random.Generator
    draws: list[np.random.Generator]
    labels: np.ndarray | None
    shift_ms: float = 0.0

    def uniform(self, low: float, high: float, size: int = 1) -> np.ndarray:
        """(record, size) independent numbers."""
        return np.reshape([d.uniform(low, high, size) for d in self.draws], (-1, size))

    def signs(self, size: int) -> np.ndarray:
        """(record, size) of -1 and 1."""
        return np.reshape([d.choice([-1.0, 1.0], size) for d in self.draws], (-1, size))

    def middle(self, low: int = 60, high: int = BEAT_SAMPLES - 60) -> int:
        """The sample in the middle of a window of this place."""
        return int(self.draw.integers(low, high))


@dataclass(frozen=True)
class Readout:
    """Beats with a known label.

    beats: (record, 12, 600) int16 µV; values: (record,), the label; mask: (record, 12, 600), what
    it is read from. sensitivity: (record, 12, 600), dy/dx in label unit per µV, and contribution,
    sensitivity × voltage in label unit; both None where they are not known exactly.
    """

    beats: np.ndarray
    values: np.ndarray
    mask: np.ndarray
    sensitivity: np.ndarray | None = None
    contribution: np.ndarray | None = None


def level(given: Beats) -> Readout:
    """y = Σ w·x over a window of one lead; a bump of either sign is added there."""
    weights = np.zeros(BEAT_SHAPE)
    window = _bump(given.middle())
    given.beats[:, given.lead] += given.uniform(-HEIGHT_UV, HEIGHT_UV) * window
    weights[given.lead] = window / window.sum()
    return _weighted(given.beats, weights)


def contrast(given: Beats) -> Readout:
    """The difference of two such windows, as the J and T amplitudes are defined."""
    weights = np.zeros(BEAT_SHAPE)
    first = given.middle()
    apart = int(given.draw.integers(*GAPS))
    span = BEAT_SAMPLES - 120
    windows = _bump(first), _bump((first + apart - 60) % span + 60)
    for window in windows:
        given.beats[:, given.lead] += given.uniform(-HEIGHT_UV, HEIGHT_UV) * window
    weights[given.lead] = windows[0] / windows[0].sum() - windows[1] / windows[1].sum()
    return _weighted(given.beats, weights)


def interval(given: Beats) -> Readout:
    """The time between two bumps of either sign in a lead that holds nothing but noise, in ms."""
    gap = np.floor(given.uniform(*GAPS)[:, 0])
    first = REACH + np.floor(given.uniform(0, 1)[:, 0] * (BEAT_SAMPLES - 2 * REACH - gap))
    heights = given.uniform(*BUMP_UV, 2) * given.signs(2)
    noise = [draw.normal(0, NOISE_UV, BEAT_SAMPLES) for draw in given.draws]
    given.beats[:, given.lead] = np.reshape(noise, (-1, BEAT_SAMPLES))
    bumps = [_bump(first[:, None]), _bump((first + gap)[:, None])]
    for height, bump in zip(heights.T, bumps, strict=True):
        given.beats[:, given.lead] += height[:, None] * bump
    mask = _in_lead(np.maximum(*bumps) >= FOOT, given.lead)
    return Readout(_stored(given.beats), gap * MS_PER_SAMPLE, mask)


def shortcut(given: Beats) -> Readout:
    """The beat's own QT, and a bump that moves 1 ms per ms of QT. Mask: the bump."""
    return _with_marker(given, given.labels)


def decoy(given: Beats) -> Readout:
    """The beat's own QT, and the same bump at a random time. Mask: the bump."""
    random = generator(0, "decoy").normal(QT_MS, 25.0, 4096)  # as wide as QT is among the ECGs
    rows = [int(draw.integers(len(random))) for draw in given.draws]
    return _with_marker(given, random[rows])


def _with_marker(given: Beats, shown_ms: np.ndarray) -> Readout:
    middle = given.middle(60, 100)  # 120 to 200 ms: before P
    height = given.draw.choice([-1, 1]) * given.draw.uniform(*BUMP_UV)
    places = middle + np.rint((shown_ms + given.shift_ms - QT_MS) / MS_PER_SAMPLE)
    bumps = _bump(np.clip(places, REACH, 200)[:, None])
    given.beats[:, given.lead] += height * bumps
    return Readout(_stored(given.beats), given.labels, _in_lead(bumps >= FOOT, given.lead))


def _bump(middle: np.ndarray | int) -> np.ndarray:
    """A raised cosine of height 1: (600,), or (record, 600) for middles (record, 1)."""
    return (1 + np.cos(np.pi * np.clip(np.abs(TIME - middle) / REACH, 0, 1))) / 2


def _stored(beats: np.ndarray) -> np.ndarray:
    limits = np.iinfo(np.int16)
    return np.rint(beats).clip(limits.min, limits.max).astype(np.int16)


def _in_lead(inside: np.ndarray, lead: int) -> np.ndarray:
    mask = np.zeros((len(inside), *BEAT_SHAPE), bool)
    mask[:, lead] = inside
    return mask


def _weighted(beats: np.ndarray, weights: np.ndarray) -> Readout:
    beats = _stored(beats)
    shares = weights * beats
    sensitivity = np.broadcast_to(weights, beats.shape)
    return Readout(beats, shares.sum((1, 2)), sensitivity != 0, sensitivity, shares)


@dataclass(frozen=True)
class Kind:
    """A row of the table: how it is made, the unit of its label, and whether it needs QT."""

    make: Callable[[Beats], Readout]
    unit: str
    needs_qt: bool = False


KINDS = {
    "level": Kind(level, "µV"),
    "contrast": Kind(contrast, "µV"),
    "interval": Kind(interval, "ms"),
    "shortcut": Kind(shortcut, "ms", True),
    "decoy": Kind(decoy, "ms", True),
}


def readout(
    kind: str,
    place: int,
    beats_uv: np.ndarray,
    record_id: Sequence[str],
    labels: np.ndarray | None = None,
    shift_ms: float = 0.0,
) -> Readout:
    """Beats (record, 12, 600) of a kind, with lead and time of the place-th of PLACES places.

    Lead and window depend on (kind, place) alone; differences between records depend on the id.
    labels: (record,) QT in ms; shift_ms: added to what the marker of ``shortcut`` and ``decoy``
    shows, with the label unchanged. Raises ValueError for an unknown kind or place, and for missing
    labels.
    """
    row = KINDS[check_choice("kind of readout", kind, KINDS)]
    check_number("place", place, 1, PLACES, whole=True)
    if row.needs_qt and (labels is None or not np.isfinite(labels).all()):
        raise ValueError(
            f"{kind} needs the QT interval of every record, in ms; choose such records"
        )
    draw = generator(0, "readout place", kind, str(place))
    draws = [generator(place, f"readout {kind}", record) for record in record_id]
    beats = np.array(beats_uv, float)
    values = None if labels is None else np.asarray(labels, float)
    return row.make(Beats(beats, CHEST[place % len(CHEST)], draw, draws, values, shift_ms))
