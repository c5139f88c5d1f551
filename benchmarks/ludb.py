"""LUDB: ECGs of 10 s with the marks that cardiologists made in each lead.

Kalyakulina et al., IEEE Access 8:186181, 2020, doi 10.1109/ACCESS.2020.3029211; ODC Attribution
License. folder: that of reference.csv (derived global intervals, rhythm) and data/ (WFDB).
"""

import csv
import warnings
from pathlib import Path

import numpy as np
import wfdb

from ecghelpers.ecg import INDEPENDENT_LEADS, LEADS
from ecghelpers.measurement.median_beat import R_SAMPLE

NEAR = 75  # samples within which a marked QRS complex belongs to a beat
P_ON, P_OFF, Q_ON, Q_OFF, T_ON, T_OFF = range(6)


def odd_records(folder: Path) -> list[dict]:
    """The rows of reference.csv whose number is odd; the others are never used to choose
    anything."""
    with open(folder / "reference.csv") as table:
        return [row for row in csv.DictReader(table) if int(row["record"]) % 2]


def is_sinus(row: dict) -> bool:
    """Whether a record has a sinus rhythm without pacemaker and extrasystole."""
    plain = "True" not in (row["pacemaker"], row["extrasystole"])
    return plain and row["rhythm"].startswith("Sinus")


def read_ecg(folder: Path, name: str) -> np.ndarray:
    """The eight independent leads of a record in µV at 500 Hz."""
    read = wfdb.rdrecord(str(folder / "data" / name))
    names = [lead.lower() for lead in read.sig_name]
    return 1000 * read.p_signal.T[[names.index(lead.lower()) for lead in INDEPENDENT_LEADS]]


def read_marks(folder: Path, name: str, lead: str, r: np.ndarray) -> np.ndarray:
    """(beat, 6) edges marked in a lead, samples from the beats at r, NaN where there is none."""
    marks = wfdb.rdann(str(folder / "data" / name), lead.lower())
    symbol, sample = np.array(marks.symbol), marks.sample
    waves = {}
    for kind in "pNt":
        peak = np.flatnonzero(symbol == kind)
        peak = peak[(peak > 0) & (peak < len(symbol) - 1)]
        peak = peak[(symbol[peak - 1] == "(") & (symbol[peak + 1] == ")")]
        waves[kind] = sample[peak[:, None] + np.array([-1, 0, 1])].reshape(-1, 3)
    edges = np.full((len(r), 6), np.nan)
    for number, at in enumerate(r):
        rr = np.diff(r)[min(number, len(r) - 2)]
        for kind, first, low, high in (
            ("p", P_ON, -250, 0),
            ("N", Q_ON, -NEAR, NEAR),
            ("t", T_ON, 20, 0.75 * rr),
        ):
            peak = waves[kind][:, 1] - at
            inside = np.flatnonzero((peak > low) & (peak < high))
            if len(inside):
                wave = inside[-1] if kind == "p" else inside[0]
                edges[number, first : first + 2] = waves[kind][wave, [0, 2]] - at
    return edges


def global_edges(ludb: Path, name: str, r: np.ndarray) -> np.ndarray:
    """(6,) cardiologists' global edges, samples of a median beat, of beats at r.

    As reference.csv has them: over the leads that mark a wave (8 for QRS, 4 for P and T) the 10th
    percentile of onsets and the 90th of ends, and the median over beats.
    """
    marks = np.stack([read_marks(ludb, name, lead, r) for lead in LEADS])  # (lead, beat, edge)
    enough = np.isfinite(marks).sum(axis=0) >= np.array([4, 4, 8, 8, 4, 4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        early, late = np.nanpercentile(marks, (10, 90), axis=0)
        edges = np.where(np.arange(6) % 2, late, early)
        return np.nanmedian(np.where(enough, edges, np.nan), axis=0) + R_SAMPLE
