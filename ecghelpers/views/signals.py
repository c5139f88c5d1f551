"""ECGs as curves: a recording, its beats on top of each other, median beats with their waves."""

import numpy as np
from matplotlib.axes import Axes

from ..ecg import BEAT_SAMPLES, FIDUCIALS, LEADS, MS_PER_SAMPLE
from .picture import Picture
from .plots import WAVE_COLORS

INK, PALE = "#1a1a1a", "#9a9a9a"
BEAT_MS = np.arange(BEAT_SAMPLES) * MS_PER_SAMPLE


def recording(
    ecg_uv: np.ndarray, r: np.ndarray, title: str = "", leads=("II", "V1", "V5")
) -> Picture:
    """A recording (12, time) in µV at 500 Hz with its beats at samples r, a strip a lead."""
    seconds = np.arange(ecg_uv.shape[1]) * MS_PER_SAMPLE / 1000
    picture = Picture(0.8 + 1.3 * len(leads))
    strips = picture.subplots(len(leads), 1, sharex=True, squeeze=False).ravel()
    for axes, lead in zip(strips, leads, strict=True):
        signal = ecg_uv[LEADS.index(lead)] / 1000
        axes.plot(seconds, signal, color=INK, lw=0.8)
        top = np.full(len(r), signal.max() + 0.1 * np.ptp(signal))
        axes.plot(seconds[np.asarray(r, int)], top, "v", color="#D55E00", ms=6)
        axes.set_ylabel(f"{lead} (mV)")
        axes.spines[["top", "right"]].set_visible(False)
    strips[-1].set_xlabel("Time (s)")
    strips[-1].set_xlim(0, seconds[-1])
    strips[0].set_title(f"{title} · triangles: beats found", fontsize=10, parse_math=False)
    return picture


def beats_and_median(windows: np.ndarray, median_uv: np.ndarray, fiducials, lead: str) -> Picture:
    """Aligned beats (beat, 600) of one lead in µV, and the median beat (12, 600) with its waves.

    fiducials: (6,) sample indices, NaN where missing.
    """
    picture = Picture(3.6)
    left, right = picture.subplots(1, 2, sharey=True)
    left.plot(BEAT_MS, windows.T / 1000, color=PALE, lw=0.8)
    left.plot(BEAT_MS, np.median(windows, axis=0) / 1000, color=INK, lw=1.5)
    left.set_title(f"{len(windows)} beats in {lead}, and their median (dark)", fontsize=10)
    _beat(right, median_uv, fiducials)
    for sample in np.asarray(fiducials, float)[np.isfinite(fiducials)]:
        right.axvline(sample * MS_PER_SAMPLE, color=INK, lw=0.6, ls=":")
    right.set_title("The median beat, all leads (II dark)", fontsize=10)
    for axes in (left, right):
        axes.set_xlabel("Time (ms)")
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("Voltage (mV)")
    return picture


def beats_with_fiducials(medians, fiducials, record_ids, *, columns: int = 3) -> Picture:
    """Median beats (record, 12, 600) in µV, leads on top of each other, with P, QRS and T shaded.

    fiducials: (record, 6) sample indices, NaN where missing. Lead II is drawn dark.
    """
    rows = -(-len(medians) // columns)
    picture = Picture(0.4 + 2.3 * rows)
    grid = picture.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(medians) :]:
        axes.set_axis_off()
    for axes, beat, marks, name in zip(grid.ravel(), medians, fiducials, record_ids, strict=False):
        _beat(axes, beat, marks)
        axes.set_title(str(name), fontsize=9, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("Time (ms)")
    for axes in grid[:, 0]:
        axes.set_ylabel("Voltage (mV)")
    return picture


def _beat(axes: Axes, beat_uv: np.ndarray, marks) -> None:
    """Twelve leads of a beat, lead II dark, with P, QRS and T shaded between their fiducials."""
    beat = np.asarray(beat_uv, float) / 1000
    axes.plot(BEAT_MS, beat.T, color=PALE, lw=0.6)
    axes.plot(BEAT_MS, beat[LEADS.index("II")], color=INK, lw=1)
    at = dict(zip(FIDUCIALS, np.asarray(marks, float) * MS_PER_SAMPLE, strict=True))
    for wave, letter in (("P", "p"), ("QRS", "q"), ("T", "t")):
        onset, end = at[f"{letter}onset"], at[f"{letter}offset"]
        if np.isfinite(onset) and np.isfinite(end):
            axes.axvspan(onset, end, color=WAVE_COLORS[wave], alpha=0.25, lw=0)
            place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
            axes.annotate(wave, ((onset + end) / 2, 0.99), fontsize=8, **place)
