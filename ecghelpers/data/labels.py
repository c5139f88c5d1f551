"""Labels: values of targets and fiducials from a table, an attribute or a machine."""

import math
import re
from collections.abc import Mapping

import numpy as np

from ..ecg import BEAT_SAMPLES, FIDUCIALS, SAMPLING_RATE_HZ, TARGETS
from .checks import Rejected

LABELS = (*TARGETS, *FIDUCIALS)
RATE_COLUMN = "samplerate_ECG"
MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", ".", "none", "null")
MOST_UV = 32767
# Allowed values: no interval is longer than a beat of 1.2 s, and one below 10 is in seconds.
RANGES = {"VentRate": (10, 600)} | dict.fromkeys(("pr", "qrs", "qt"), (10, 1200))
RANGES |= dict.fromkeys(FIDUCIALS, (0, BEAT_SAMPLES - 1))

# The names of values in DICOM and HL7 aECG: RATE, or the wave and the end of its code in MDC.
RATE = r"(ventricular|mean)?\s*(heart|ventricular) rate|mdc_ecg_heart_rate|2:16770|8867-4"
INTERVAL = r"(mean )?({0})[ -](interval|duration|time period)([, ]+global)?"
INTERVAL += r"|mdc_ecg_time_pd_({0})(_gl|_global)?|2:({1})"
WAVES = {"pr": ("p-?[rq]", "15872|16144"), "qrs": ("qrs", "16156"), "qt": ("qt", "16160")}
WAVES |= {"rr": ("r-?r", "16000|16168")}
VALUES = {name: re.compile(INTERVAL.format(*each)) for name, each in WAVES.items()}
VALUES |= {"VentRate": re.compile(RATE)}


def label_row(given: Mapping) -> np.ndarray:
    """(13,) float32 in the order of LABELS, NaN = missing; raises Rejected as parse_label."""
    return np.array([parse_label(name, given.get(name, "")) for name in LABELS], np.float32)


def parse_label(name: str, value) -> float:
    """A label as a number, NaN for missing.

    Rates, intervals and fiducials of zero or less mean that the wave was not found, so they are
    missing. A decimal comma is accepted. Raises Rejected for text and for impossible values.
    """
    number = parse_number(name, value)
    low, high = RANGES.get(name, (-MOST_UV, MOST_UV))
    if name in RANGES and number <= 0:
        return math.nan
    if number > high or number < low:
        unit = TARGETS[name].unit if name in TARGETS else "samples"
        raise Rejected(f"label out of range: {name} is {number:g}; allowed {low} to {high} {unit}")
    return number


def possible(name: str, value) -> float:
    """As parse_label, but NaN for text and for impossible values."""
    try:
        return parse_label(name, value)
    except Rejected:
        return math.nan


def value_of_name(name: str) -> str | None:
    """The target or ``rr`` for a name such as ``QT Interval`` or ``MDC_ECG_TIME_PD_QT``."""
    plain = name.strip().casefold()
    return next((value for value, known in VALUES.items() if known.fullmatch(plain)), None)


def parse_number(name: str, value) -> float:
    """A number from a table or an attribute, NaN for missing; raises Rejected."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        number = float(text if "." in text else text.replace(",", ".", 1))
    except ValueError:
        number = math.inf
    if math.isinf(number) or "_" in text:
        raise Rejected(f"label not a number: {name}")  # the text could name a patient
    return number


def check_order(labels: np.ndarray) -> None:
    """Raise Rejected unless the waves of labels (13,) end after their onset and are in order."""
    of = dict(zip(LABELS, labels, strict=True))
    pairs = [("ponset", "qonset"), ("qonset", "tonset"), ("qoffset", "toffset")]
    for onset, later in (*pairs, *zip(FIDUCIALS[::2], FIDUCIALS[1::2], strict=True)):
        if of[later] <= of[onset]:
            raise Rejected(f"fiducials: {later} {of[later]:g} is not after {onset} {of[onset]:g}")


def given_labels(given: Mapping) -> dict[str, float]:
    """Labels by name from a table's row or from attributes, NaN = missing; raises Rejected.

    Also for another sampling rate than 500 Hz: fiducials count samples, so beats at that rate would
    need other fiducials too.
    """
    rate = parse_number(RATE_COLUMN, given.get(RATE_COLUMN, ""))
    if not (math.isnan(rate) or rate == SAMPLING_RATE_HZ):
        raise Rejected(f"sampling rate: {rate:g} Hz; allowed {SAMPLING_RATE_HZ}")
    return dict(zip(LABELS, label_row(given), strict=True))
