"""Train the delineator on the odd-numbered records of LUDB, and cross-validate it.

    python benchmarks/train_delineator.py LUDB            # writes delineator.safetensors
    python benchmarks/train_delineator.py LUDB --fold 0 3 out.safetensors  # leaves a third out

LUDB: the folder with reference.csv and data/ (Kalyakulina et al., IEEE Access 8:186181, 2020; ODC
Attribution License). Cardiologists marked P, QRS and T in each lead. A training example is a median
beat of some of a record's beats, whose waves are moved, scaled, stretched to another rate, filtered
and disturbed at random. On one thread about seven minutes; the seed is fixed.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ludb import P_OFF, P_ON, Q_OFF, Q_ON, T_OFF, odd_records, read_ecg, read_marks
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, lfilter
from torch.nn import functional as F

from ecghelpers.ecg import BEAT_SAMPLES, LEADS, twelve_leads
from ecghelpers.measurement import delineator
from ecghelpers.measurement.median_beat import R_SAMPLE, find_beats, windows_at
from ecghelpers.measurement.pacing import remove_spikes, wide_pulses

SEED = 1
SOURCE = "LUDB 1.0.1, odd records (Kalyakulina et al., IEEE Access 8:186181, 2020; ODC-BY 1.0)"
STEPS, RECORDS, RATE = 2500, 6, 3e-3  # optimiser steps, records in each, highest learning rate
SPREAD = 1.5  # network samples: scale of the Laplace distribution about a mark
BEFORE, AFTER = 480, 720  # samples about R kept of each beat: 1.2 s more than a median beat
WIDE = BEFORE + AFTER
MARKED = 0.4  # of the beats must have an edge marked in a lead
HIGH_PASS_HZ = 0.67  # a first-order high-pass, mixed in at any strength


@dataclass
class Record:
    """Wide windows (beat, 8, WIDE) µV, plain and high-passed; marks (12, 6) in them; RR (samples).

    Windows have R at BEFORE; an edge that a lead does not show is NaN.
    """

    name: str
    plain: np.ndarray
    high_passed: np.ndarray
    marks: np.ndarray
    rr: float


def read_record(folder: Path, name: str) -> Record | None:
    """A record with at least three whole beats whose QRS complexes are marked, else None."""
    ecg, _ = remove_spikes(read_ecg(folder, name), 500)
    beats = find_beats(ecg)
    if len(beats.used_r) < 3 or wide_pulses(ecg, 500, beats.r):
        return None
    b, a = butter(1, HIGH_PASS_HZ, "highpass", fs=500)
    filtered = lfilter(b, a, ecg - ecg[:, :1], axis=1)
    whole = (beats.used_r >= BEFORE) & (beats.used_r < ecg.shape[1] - AFTER)
    at = beats.used_r[whole] if whole.sum() >= 3 else beats.used_r
    marks = np.stack([read_marks(folder, name, lead, beats.r) for lead in LEADS])
    used = marks[:, np.isin(beats.r, beats.used_r)]
    known = np.isfinite(used[:, :, Q_ON]).any(axis=0)  # cardiologists leave out some beats
    if not known.any():
        return None
    used = used[:, known]
    enough = np.isfinite(used).sum(axis=1) >= max(1, MARKED * known.sum())
    edges = np.where(enough, np.nanmedian(used, axis=1), np.nan) + BEFORE
    rr = float(np.median(np.diff(beats.r)))
    cut = [windows_at(e, at, BEFORE, AFTER) for e in (ecg, filtered)]
    return Record(name, *cut, edges, rr)


def example(record: Record, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A disturbed median beat as network input (12, 2, POINTS), and its edges (12, 6)."""
    beats = len(record.plain)
    some = rng.permutation(beats)[: rng.integers(2, beats + 1) if rng.random() < 0.7 else beats]
    mix = rng.uniform(0, 1.2) if rng.random() < 0.5 else 0
    eight = (1 - mix) * record.plain[some] + mix * record.high_passed[some]
    beat, marks = twelve_leads(np.median(eight, axis=0)), record.marks.copy()
    rr, edges = record.rr, outer_edges(marks)
    scale_waves(beat, marks, edges, rr, rng)
    if rng.random() < 0.25:
        move_p(beat, marks, edges, rr, rng)
    before, after = BEFORE - rr, BEFORE + rr
    if rng.random() < 0.75 and np.isfinite(edges[[Q_ON, Q_OFF, T_OFF]]).all():
        source, target = warp(edges, rr, rng)
        place = np.interp(np.arange(WIDE), target, source)
        beat = np.stack([np.interp(place, np.arange(WIDE), lead) for lead in beat])
        marks = np.where(np.isnan(marks), np.nan, np.interp(np.nan_to_num(marks), source, target))
        before, after = np.interp([before, after], source, target)
    shift = BEFORE - R_SAMPLE + int(rng.integers(-6, 7))
    beat = disturb(beat[:, shift : shift + BEAT_SAMPLES], rng)
    inputs = delineator.network_input(beat[None], *np.array([[before], [after]]) - shift)[0]
    return inputs, marks - shift


def outer_edges(marks: np.ndarray) -> np.ndarray:
    """(6,) early onsets and late ends over the leads, NaN where fewer than four leads show it."""
    enough = np.isfinite(marks).sum(axis=0) >= 4
    share = np.array([0.15, 0.85] * 3)
    pairs = zip(marks.T, share, strict=True)
    return np.where(enough, [np.nanquantile(m, q) for m, q in pairs], np.nan)


def above_line(beat: np.ndarray, first: int, last: int) -> np.ndarray:
    """The part of (lead, time) above the straight line between two samples."""
    ends = beat[:, [first, last - 1]]
    part = np.linspace(0, 1, last - first)
    return beat[:, first:last] - ends[:, :1] - (ends[:, 1:] - ends[:, :1]) * part


def scale_waves(beat, marks, edges, rr, rng) -> None:
    """Scale or remove P; scale, flatten or bend T; in place, in this beat and its neighbours."""
    remove_p = rng.random() < 0.07
    p_gain = -1.0 if remove_p else np.exp(rng.uniform(-1.2, 0.5)) - 1
    if np.isfinite(edges[:2]).all() and (remove_p or rng.random() < 0.5):
        for first, last in places(edges[P_ON] - 8, min(edges[P_OFF] + 6, edges[Q_ON] - 2), rr, 15):
            beat[:, first:last] += p_gain * above_line(beat, first, last)
        if remove_p:
            marks[:, :2] = edges[:2] = np.nan
    if np.isfinite(edges[[Q_OFF, T_OFF]]).all() and rng.random() < 0.6:
        gain = np.exp(rng.uniform(-1.5, 0.4) + rng.normal(0, 0.3, (12, 1))) - 1
        bend = rng.normal(0, 0.5, (12, 1)) * (rng.random() < 0.3)  # makes it biphasic
        for first, last in places(edges[Q_OFF] + 8, edges[T_OFF] + 12, rr, 60):
            wave = above_line(beat, first, last)
            slope = np.gradient(gaussian_filter1d(wave, 4, axis=1), axis=1)
            size = np.abs(wave).max(axis=1) / (np.abs(slope).max(axis=1) + 1e-6)
            beat[:, first:last] += gain * wave + (1 + gain) * bend * size[:, None] * slope


def places(first: float, last: float, rr: float, least: int) -> list[tuple[int, int]]:
    """An interval of the beat, and the same one of the beats before and after, where whole."""
    found = [(round(first + shift), round(last + shift)) for shift in (-rr, 0, rr)]
    return [(a, b) for a, b in found if a >= 0 and b <= WIDE and b - a >= least]


def move_p(beat, marks, edges, rr, rng) -> None:
    """Move P towards the T wave before it, or into it, where the edges in between are unknown."""
    if not np.isfinite(edges[[P_ON, P_OFF, Q_ON, T_OFF]]).all():
        return
    room, length = edges[P_ON] - (edges[T_OFF] - rr), edges[P_OFF] - edges[P_ON]
    distance = round(rng.uniform(0, max(room, 0) + 0.9 * length))
    for first, last in places(edges[P_ON] - 8, min(edges[P_OFF] + 6, edges[Q_ON] - 2), rr, 15):
        wave = above_line(beat, first, last)
        beat[:, first:last] -= wave
        to = max(first - distance, 0)
        beat[:, to : to + last - first] += wave[:, : WIDE - to]
    marks[:, :2] -= distance
    edges[:2] -= distance
    if distance > room + 10:
        marks[:, [P_ON, T_OFF]] = np.nan
        edges[:2] = np.nan  # the warp keeps P and T as one


def warp(edges, rr, rng) -> tuple[np.ndarray, np.ndarray]:
    """Knots (source, target) of a piecewise linear time warp that repeats with every beat.

    P, PR segment, QRS, ST-T and the rest are stretched apart, half of the time to a new rate.
    """
    p_on, p_off, q_on, q_off, _, t_off = edges
    middle = q_off + 0.4 * (t_off - q_off)
    rate = np.exp(rng.uniform(np.log(170), np.log(600))) / rr if rng.random() < 0.5 else 0
    qt = min(rate ** rng.uniform(0.4, 1), 1) if rate else 1
    knots = [q_on, q_off, middle, t_off]
    factor = np.array([rng.uniform(0.75, 1.5), rng.uniform(0.7, 1.3), rng.uniform(0.8, 1.2)])
    factor[1:] *= qt
    if np.isfinite(p_on) and p_on < p_off - 5 < q_on - 5:
        knots = [p_on, min(p_off, q_on - 1), *knots]
        p = min(rate ** rng.uniform(0.2, 0.6), 1) if rate else 1
        factor = [p * rng.uniform(0.7, 1.3), p * np.exp(rng.uniform(-1.5, 0.9)), *factor]
    knots, factor = np.array(knots), np.array(factor)
    lengths = np.diff(knots)
    rest = max(rr - lengths.sum(), 1)
    wanted = rate * rr - (factor * lengths).sum() if rate else rest * np.exp(rng.uniform(-0.7, 0.4))
    factor = np.append(factor, np.clip(wanted / rest, 0.05, 4))
    source = np.concatenate([knots + beat * rr for beat in range(-4, 5)])
    step = np.diff(source)
    keep = step > 0.5
    target = np.concatenate(([0], np.cumsum(step * np.tile(factor, 9)[: len(step)])))
    source, target = source[np.append(True, keep)], target[np.append(True, keep)]
    return source, target - np.interp(BEFORE, source, target) + BEFORE


def disturb(beat: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scale and turn leads, low-pass, add a wandering baseline and noise."""
    size = np.exp(rng.uniform(-0.8, 0.6) + rng.normal(0, 0.2, (12, 1)))
    beat = beat * size * rng.choice((-1, 1), (12, 1))
    if rng.random() < 0.3:
        beat = gaussian_filter1d(beat, rng.uniform(0.5, 2), axis=1)
    if rng.random() < 0.5:
        beat = beat + np.cumsum(rng.normal(0, 1, beat.shape), axis=1) * rng.uniform(0, 1)
    if rng.random() < 0.4:
        cycles = rng.uniform(0.1, 0.8) * np.arange(BEAT_SAMPLES) / 500
        phase = 2 * np.pi * (cycles + rng.random((12, 1)))
        beat = beat + rng.exponential(40) * rng.normal(0, 1, (12, 1)) * np.sin(phase)
    if rng.random() < 0.6:
        beat = beat + rng.normal(0, 1, beat.shape) * rng.exponential(4)
    return beat


def wanted(edges: np.ndarray) -> torch.Tensor:
    """Edges (lead, 6) as distributions (lead, 6, POINTS + 1)."""
    place = (edges - (delineator.STEP - 1) / 2) / delineator.STEP + delineator.PAD
    valid = (place > 1) & (place < delineator.POINTS - 2)
    apart = np.abs(np.arange(delineator.POINTS) - np.where(valid, place, 0)[..., None])
    near = np.exp(-apart / SPREAD)
    near *= valid[..., None] / near.sum(axis=-1, keepdims=True)
    return torch.from_numpy(np.concatenate((near, ~valid[..., None]), axis=-1).astype(np.float32))


def train(records: list[Record], steps: int = STEPS, seed: int = SEED) -> delineator.Delineator:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = delineator.Delineator()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.1)
    start, total = time.process_time(), 0.0
    for step in range(1, steps + 1):
        chosen = rng.integers(len(records), size=RECORDS)
        inputs, edges = zip(*(example(records[i], rng) for i in chosen), strict=True)
        logits = model(torch.from_numpy(np.concatenate(inputs)))
        loss = -(wanted(np.concatenate(edges)) * F.log_softmax(logits, -1)).sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 200 == 0:
            print(f"{step} loss {total / 200:.3f}, {time.process_time() - start:.0f} s", flush=True)
            total = 0.0
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ludb", type=Path)
    parser.add_argument("output", type=Path, nargs="?", default=delineator.WEIGHTS)
    parser.add_argument("--fold", type=int, nargs=2, metavar=("FOLD", "FOLDS"))
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    names = [row["record"] for row in odd_records(arguments.ludb)]
    if arguments.fold:
        fold, folds = arguments.fold
        names = [name for number, name in enumerate(names) if number % folds != fold]
    records = [read_record(arguments.ludb, name) for name in names]
    records = [record for record in records if record is not None]
    print(f"{len(records)} records", flush=True)
    torch.set_num_threads(1)
    model = train(records, arguments.steps)
    weights = {name: w.half().contiguous() for name, w in model.state_dict().items()}
    save_file(weights, arguments.output, {"trained_on": SOURCE})


if __name__ == "__main__":
    main()
