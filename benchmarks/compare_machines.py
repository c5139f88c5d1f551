"""Our measurement beside what electrocardiographs printed: a Markdown table of a folder's files.

    python -m benchmarks.compare_machines FOLDER

One row per file with values of its machine: machine / ours for rate, PR, QRS, QT and the amplitudes
in V5, and where the file holds the machine's median beat, its RMS difference from ours in µV after
alignment (all leads, from 180 ms before to 420 ms after the middle of the beat, level removed).
"""

import sys

import numpy as np

from ecghelpers.data.exports import index, recording_of
from ecghelpers.data.reading import measured
from ecghelpers.ecg import TARGETS

SHIFTS = range(-150, 151)
AROUND = slice(150, 450)


def rms_uv(theirs: np.ndarray, ours: np.ndarray) -> float:
    """RMS difference of two median beats (12, 600), shifted onto each other."""

    def level(beat):
        return beat[:, AROUND] - np.median(beat[:, AROUND], axis=1, keepdims=True)

    shifted = (np.roll(theirs, shift, axis=1) for shift in SHIFTS)
    return min(float(np.sqrt(np.mean((level(beat) - level(ours)) ** 2))) for beat in shifted)


def main(folder: str) -> None:
    names = [target.label for target in TARGETS.values()]
    print(f"| file | program | {' | '.join(names)} | median beat (RMS µV) |")
    print(f"| --- | --- | {' | '.join('---' for _ in names)} | --- |")
    differences = []
    for entry in index(folder):
        try:
            recording = recording_of(entry)
        except ValueError:
            continue
        theirs = np.array(list(recording.targets.values()))
        if recording.ecg_uv is None or not np.isfinite(theirs).any():
            continue
        found = measured(recording)
        ours = np.array([found.targets[name] for name in TARGETS])
        differences.append(ours - theirs)
        cells = [f"{m:.0f} / {o:.0f}" for m, o in zip(theirs, ours, strict=True)]
        cells = [cell.replace("nan", "–") for cell in cells]
        beat = recording.median_uv
        rms = "–" if beat is None else f"{rms_uv(beat, found.median_uv):.0f}"
        print(f"| {entry.record_id} | {recording.program} | {' | '.join(cells)} | {rms} |")
    table = np.array(differences)
    both = np.isfinite(table)
    cells = [
        f"{c[k].mean():+.1f} ± {c[k].std(ddof=1):.1f}" for c, k in zip(table.T, both.T, strict=True)
    ]
    print(f"| ours − theirs, mean ± SD | | {' | '.join(cells)} | |")


if __name__ == "__main__":
    main(*sys.argv[1:])
