"""Validate the measurement and write the tables and figures of docs/measurement.md.

    python benchmarks/validate_measurement.py --ludb LUDB --folds FOLDER --machines FOLDER

LUDB: as for train_delineator.py. folds: networks fold0.safetensors, fold1.safetensors … of
train_delineator.py --fold 0 3 and so on; each is tried on the records that it was not trained on.
machines: ECG files that hold their electrocardiograph's own measurements. Tables whose files are
not given stay as they are. About four minutes on one core.
"""

import argparse
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.signal import butter, lfilter, sosfilt

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import simulated_ecg  # noqa: E402
from ludb import global_edges, is_sinus, odd_records, read_ecg  # noqa: E402

from ecghelpers.data.gan import record_ids, synthesize  # noqa: E402
from ecghelpers.data.readers import read_recording  # noqa: E402
from ecghelpers.ecg import FIDUCIALS, LEADS, MS_PER_SAMPLE, TARGETS  # noqa: E402
from ecghelpers.measurement import delineator, measure, measure_many, measure_median  # noqa: E402
from ecghelpers.measurement.median_beat import find_beats  # noqa: E402

DOCUMENT = ROOT / "docs" / "measurement.md"
SEED = 2024
INTERVALS = {"pr": ("ponset", "qonset"), "qrs": ("qonset", "qoffset"), "qt": ("qonset", "toffset")}
HIGH_PASS_HZ = (0.5, 0.67)
LOW_PASS_HZ = 150
V5 = LEADS.index("V5")


def write_table(name: str, columns: list[str], rows: list[list[str]], after: str = "") -> None:
    """Put a table between the markers of that name in docs/measurement.md, and print it."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    lines += ["", after] if after else []
    print("\n".join(lines), "\n", flush=True)
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def values(measured: list) -> dict[str, np.ndarray]:
    """Target or fiducial to (record,)."""
    rows = [m.targets | m.fiducials for m in measured]
    return {name: np.array([row[name] for row in rows]) for name in (*TARGETS, *FIDUCIALS)}


def sizes(after: np.ndarray, before: np.ndarray, most: int) -> str:
    """Median and a high percentile of the absolute change where both are known."""
    half, high = np.nanpercentile(np.abs(after - before), (50, most))
    return f"{half:.1f} ({high:.0f})"


def high_pass(ecg_uv: np.ndarray, hz: float) -> np.ndarray:
    b, a = butter(1, hz, "highpass", fs=500)
    return lfilter(b, a, ecg_uv - ecg_uv[:, :1], axis=1)


def held_out(models: list, numbers: list[int], measured: list) -> tuple[np.ndarray, dict]:
    """Edges (record, 6) and intervals by networks that were not trained on the record.

    By the cardiologists' definition; NaN without a median beat.
    """
    edges = np.full((len(measured), 6), np.nan)
    known = np.array([np.isfinite(m.median_uv).all() for m in measured])
    for fold, model in enumerate(models):
        mine = np.flatnonzero(known & (np.array(numbers) % len(models) == fold))
        beats = np.stack([measured[k].median_uv for k in mine]).astype(float)
        rr_ms = np.array([60000 / measured[k].targets["VentRate"] for k in mine])
        usable = np.ptp(beats, axis=2) > 10
        edges[mine] = delineator.delineate(beats, usable, rr_ms, model)[0] - delineator.SHIFT
    column = dict(zip(FIDUCIALS, edges.T, strict=True))
    return edges, {k: (column[b] - column[a]) * MS_PER_SAMPLE for k, (a, b) in INTERVALS.items()}


def validate_ludb(folder: Path, networks: Path) -> list[list[str]]:
    """Errors against the cardiologists. Returns the rows of the high-pass table."""
    rows = odd_records(folder)
    ecgs = [read_ecg(folder, row["record"]) for row in rows]
    measured = measure_many(ecgs)
    atrial = [k for k, r in enumerate(rows) if "fibril" in r["rhythm"] or "flut" in r["rhythm"]]
    withheld = sum(np.isnan(measured[k].targets["pr"]) for k in atrial)
    sinus = [k for k, row in enumerate(rows) if is_sinus(row)]
    rows, ecgs, measured = ([x[k] for k in sinus] for x in (rows, ecgs, measured))
    models = [delineator.read_network(path) for path in sorted(networks.glob("fold*.safetensors"))]
    edges, found = held_out(models, sinus, measured)
    reference = {n: np.array([float(row[n] or "nan") for row in rows]) for n in [*TARGETS][:4]}
    pairs = zip(rows, ecgs, strict=True)
    marked = [global_edges(folder, row["record"], find_beats(ecg).r) for row, ecg in pairs]
    errors = {TARGETS[name].label: ms - reference[name] for name, ms in found.items()}
    apart = (edges - marked).T * MS_PER_SAMPLE
    errors |= {f"`{name}`": ms for name, ms in zip(FIDUCIALS, apart, strict=True)}
    table = []
    for name, ms in errors.items():
        known = ms[np.isfinite(ms)]
        error = f"{known.mean():+.1f} / {np.abs(known).mean():.1f} / {np.median(np.abs(known)):.1f}"
        table.append([name, f"{error} / {known.std():.1f}", f"{len(known)} of {len(ms)}"])
    rate = np.median(np.abs(values(measured)["VentRate"] - reference["VentRate"]))
    columns = [f"{len(rows)} records, held out", "bias / MAE / median / SD (ms)", "measured"]
    after = f"Heart rate: median absolute error {rate:.2f} /min. PR withheld in {withheld} of "
    after += f"{len(atrial)} records with atrial fibrillation or flutter."
    write_table("ludb", columns, table, after)
    draw_ludb(found, reference)
    filtered = []
    for hz in HIGH_PASS_HZ:
        moved = held_out(models, sinus, measure_many(high_pass(ecg, hz) for ecg in ecgs))[1]
        filtered.append(high_pass_row("LUDB, held out", hz, moved, found))
    return filtered


def high_pass_row(name: str, hz: float, filtered: dict, plain: dict) -> list[str]:
    apart = np.abs(filtered["qt"] - plain["qt"])
    large = f"{np.sum(apart > 40)} of {np.isfinite(apart).sum()}"
    return [name, f"{hz} Hz", *(sizes(filtered[k], plain[k], 95) for k in INTERVALS), large]


def validate_high_pass(ecgs: np.ndarray, plain: dict, rows: list[list[str]]) -> None:
    for hz in HIGH_PASS_HZ:
        filtered = values(measure_many(high_pass(ecg, hz) for ecg in ecgs))
        rows.append(high_pass_row("generated", hz, filtered, plain))
    head = ["ECGs", "high-pass", "PR: median (95th percentile) ms", "QRS", "QT", "QT > 40 ms"]
    write_table("highpass", head, rows)


def draw_ludb(found: dict, reference: dict) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
    for axis, name in zip(axes, INTERVALS, strict=True):
        truth = reference[name]
        axis.plot(truth, found[name], "o", color="#1f5a92", ms=4)
        ends = np.array([np.nanmin(truth), np.nanmax(truth)])
        ends = ends + 0.15 * np.ptp(ends) * np.array([-1, 1])
        axis.plot(ends, ends, color="0.6", lw=1, zorder=0)
        axis.set(xlim=ends, ylim=ends, title=TARGETS[name].label)
        axis.set(xlabel="cardiologists' marks (ms)", ylabel="measured, held out (ms)")
    figure.tight_layout()
    figure.savefig(DOCUMENT.with_name("measurement_ludb.png"), dpi=110)


def validate_generated(found: dict) -> None:
    rows = []
    for name, target in TARGETS.items():
        known = found[name][np.isfinite(found[name])]
        here = f"{known.mean():.2f} ± {known.std():.2f}"
        published = difference = ratio = "—"
        if target.published:
            mean, sd = target.published[:2]
            published = f"{mean:.2f} ± {sd:.2f}"
            difference, ratio = f"{known.mean() - mean:+.2f}", f"{known.std() / sd:.2f}"
        share = f"{len(known) / len(found[name]):.1%}"
        rows.append([target.title, published, here, difference, ratio, share])
    head = ["", "12SL, 121 977 normal ECGs", f"measured here, {len(found['qt'])} ECGs"]
    write_table("gan", [*head, "difference", "SD ratio", "measured"], rows)


def validate_j_point(measured: list) -> None:
    rows = []
    for label, samples in (("10 ms sooner", -5), ("10 ms later", 5)):
        moved = []
        for m in measured:
            at = m.fiducials["qoffset"] + np.array([0, samples])
            moved.append(np.diff(np.interp(at, range(600), m.median_uv[V5])))
        half, most = np.percentile(np.abs(moved), (50, 90))
        change = f"{np.mean(moved):+.0f} ± {np.std(moved):.0f}"
        rows.append([label, change, f"{half:.0f}", f"{most:.0f}"])
    head = ["QRS ends", "change of `STJ_v5` (µV): mean ± SD", "median size", "90th percentile"]
    write_table("jpoint", head, rows)


def validate_pacing(ecgs: np.ndarray, plain: dict) -> None:
    rows, random = [], np.random.default_rng(SEED)
    beats = [find_beats(ecg).r for ecg in ecgs]
    one, both = [1], [1, -1]  # 2 ms, and 2 ms in each direction
    settings = [(b, uv, one, order) for b in (70, 180) for uv in (500, 2000) for order in (0, 2)]
    settings += [(70, 5000, both, order) for order in (2, 4, 8)]
    for before_ms, uv, shape, order in settings:
        paced, spikes = [], 0
        for ecg, r in zip(ecgs, beats, strict=True):
            at = np.rint(r - before_ms / 2).astype(int)
            pulse = np.zeros(ecg.shape[1])
            for later, sign in enumerate(shape):
                pulse[at[at > 50] + later] = sign
            if order:
                pulse = sosfilt(butter(order, LOW_PASS_HZ, fs=500, output="sos"), pulse)
            paced.append(ecg + random.choice((-1, 1)) * uv * random.uniform(0.3, 1, (8, 1)) * pulse)
            spikes += np.sum(at > 50)
        measured = measure_many(paced)
        found, moved = sum(m.spikes_removed for m in measured) / spikes, values(measured)
        name = f"{uv} µV, {before_ms} ms before R"
        name += ", then as much the other way" * (shape == both)
        name += f", low-pass of order {order}" * bool(order)
        shares = [f"{share:.0%}" for share in (found, np.isnan(moved["qrs"]).mean())]
        cells = [sizes(moved[n], plain[n], 95) for n in TARGETS]
        rows.append([name, *shares, *("–" if "nan" in cell else cell for cell in cells)])
    write_table("pacing", ["spikes", "found", "withheld", *TARGETS], rows)


def beat_rms_uv(theirs: np.ndarray, ours: np.ndarray) -> float:
    """RMS difference of two median beats (12, 600) from 180 ms before to 420 ms after the middle.

    The beats are shifted onto each other, and each lead's level is removed.
    """

    def level(beat):
        return beat[:, 150:450] - np.median(beat[:, 150:450], axis=1, keepdims=True)

    shifted = (np.roll(theirs, shift, axis=1) for shift in range(-150, 151))
    return min(float(np.sqrt(np.mean((level(beat) - level(ours)) ** 2))) for beat in shifted)


def validate_machines(folder: Path) -> None:
    """Compare with electrocardiographs' stored values, and with 12SL's edges on its beats."""
    rows, apart, edges = [], {}, []
    for path in sorted(folder.glob("*/*.*")):
        try:
            recording = read_recording(path)
        except ValueError:
            continue
        if recording.ecg_uv is None or not recording.machine:
            continue
        machine = recording.machine | recording.targets  # with the rate of an RR interval
        measurement = measure(recording.ecg_uv, recording.rate_hz)
        found, beat = measurement.targets, recording.median_uv
        # an ECG in several formats counts once
        apart[tuple(found.values())] = [found[name] - machine[name] for name in TARGETS]
        cells = [
            "" if np.isnan(machine[n]) else f"{machine[n]:.0f}, {found[n]:.0f}".replace("nan", "–")
            for n in TARGETS
        ]
        cells.append("" if beat is None else f"{beat_rms_uv(beat, measurement.median_uv):.0f}")
        rows.append([f"{path.parent.name}/{path.name}", recording.program, *cells])
        if recording.program.startswith("GE 12SL") and "ponset" in machine:
            at = measure_median(beat, 60000 / machine["VentRate"])[2]
            edges.append([(at[n] - machine.get(n, np.nan)) * MS_PER_SAMPLE for n in FIDUCIALS])
    values = list(apart.values())
    mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    cells = [f"{m:+.1f} ± {s:.1f}" for m, s in zip(mean, sd, strict=True)]
    rows.append(["**measured here − machine, mean ± SD**", "", *cells, ""])
    write_table("machines", ["ECG", "program", *TARGETS, "beat (RMS µV)"], rows)
    shift = [f"{2 * samples:+.1f}" for samples in delineator.SHIFT]
    left = [", ".join(f"{ms:+.0f}" for ms in c).replace("+nan", "–") for c in np.transpose(edges)]
    rows = [["shift from the cardiologists' edges (ms)", *shift]]
    rows.append(["then left to 12SL's edges on its own beats (ms)", *left])
    write_table("shift", ["", *(f"`{name}`" for name in FIDUCIALS)], rows)


SHAPES = {
    "normal": {},
    "short PR": {"pr": 120},
    "very long PR, slow": {"pr": 340, "rr": 1000},
    "103 beats/min": {"rr": 583, "qt": 330, "pr": 140},
    "130 beats/min": {"rr": 460, "qt": 280, "pr": 130},
    "150 beats/min": {"rr": 400, "qt": 265, "pr": 110, "p_ms": 80},
    "P 34 ms after T": {"pr": 226, "rr": 600, "qt": 340},
    "P in the fall of T": {"pr": 300, "rr": 620, "qt": 360},
    "P in the top of T": {"pr": 360, "rr": 620, "qt": 360},
    "bundle branch block": {"qrs": 140, "slow": 70, "qt": 430},
    "notched P": {"pr": 180, "p_ms": 130, "notch": True},
    "atrial T wave": {"ta": 0.3},
    "quarter voltage": {"scale": 0.25},
    "no PR segment": {"pr": 110, "p_ms": 105},
    "flat T": {"t": 0.1},
}


def validate_simulated() -> None:
    """Beats whose edges are known exactly, with 5 µV of noise; – where nothing is measured."""
    rows = []
    for name, shape in SHAPES.items():
        found = measure(simulated_ecg.ecg(**shape) + simulated_ecg.noise((8, 5000))).targets
        usual = {"pr": 160, "qrs": 92, "qt": 400} | shape
        cells = [f"{usual[k]}, {found[k]:.0f}".replace("nan", "–") for k in INTERVALS]
        rows.append([name, *cells])
    head = [f"{name}: true, measured" for name in ("PR", "QRS", "QT")]
    write_table("simulated", ["simulated", *head], rows)


STRENGTHS = {
    "white noise": (0, 5, 10, 20, 40, 80, 160),
    "baseline wander": (0, 50, 100, 200, 400, 800, 1600),
    "50 Hz hum": (0, 25, 50, 100, 200, 400, 800),
}


def disturb(kind: str, strength_uv: float, number: int) -> np.ndarray:
    """(8, 5000) µV of white noise (SD), baseline wander or 50 Hz hum (both amplitude)."""
    random = np.random.default_rng([SEED, number])
    if kind == "white noise":
        return random.normal(0, strength_uv, (8, 5000))
    time_s, phase = np.arange(5000) / 500, random.uniform(0, 2 * np.pi, (8, 1))
    hz = 50 + random.normal(0, 0.05) if kind == "50 Hz hum" else random.uniform(0.1, 0.5)
    return strength_uv * np.sin(2 * np.pi * hz * time_s + phase)


def validate_robustness(ecgs: np.ndarray, plain: dict) -> None:
    """Change of each target from the undisturbed ECG's."""
    rows = []
    figure, axes = plt.subplots(3, 3, figsize=(12, 9), sharex="col")
    for column, (kind, strengths) in zip(axes.T, STRENGTHS.items(), strict=True):
        changes = {name: [] for name in TARGETS}
        for uv in strengths:
            found = values(measure_many(e + disturb(kind, uv, i) for i, e in enumerate(ecgs)))
            for name, apart in changes.items():
                apart.append(np.nanpercentile(np.abs(found[name] - plain[name]), (50, 90)))
            if uv in strengths[3:6]:
                cells = [sizes(found[name], plain[name], 90) for name in TARGETS]
                rows.append([f"{kind}, {uv} µV", *cells])
        draw_robustness(column, kind, strengths, changes)
    for axis in axes[:, 0]:
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(DOCUMENT.with_name("measurement_robustness.png"), dpi=110)
    write_table("robustness", ["median (90th percentile) of the absolute change", *TARGETS], rows)


def draw_robustness(axes, kind: str, strengths: tuple, changes: dict) -> None:
    """One column: rate, intervals, amplitudes; changes by target: [(median, 90th percentile)]."""
    for axis, names in zip(axes, (["VentRate"], [*INTERVALS], [*TARGETS][4:]), strict=True):
        for color, name in zip(("#1f5a92", "#c0702a", "#3c8d53"), names, strict=False):
            half, most = np.array(changes[name]).T
            axis.plot(strengths, half, "o-", ms=4, color=color, label=TARGETS[name].label)
            axis.plot(strengths, most, "--", lw=1, color=color)
        axis.set_xscale("symlog", linthresh=strengths[1])
        axis.set(xlim=(0, strengths[-1]), ylim=(0, None))
        axis.set_xticks(strengths, [str(strength) for strength in strengths])
        axis.minorticks_off()
        axis.set_ylabel(f"|change| ({TARGETS[names[0]].unit})")
        axis.grid(alpha=0.3)
    axes[0].set_title(kind)
    axes[2].set_xlabel("SD (µV)" if kind == "white noise" else "amplitude (µV)")


def report_speed(ecgs: np.ndarray) -> None:
    """Speed on one core: processor time, which the load of other programs changes less."""
    rows = []
    for name, run in (("measure_many", measure_many), ("measure", lambda e: [*map(measure, e)])):
        times = []
        for _ in range(3):
            start = time.process_time()
            run(ecgs)
            times.append(time.process_time() - start)
        rows.append([f"`{name}`", f"{len(ecgs) / min(times):.0f}"])
    write_table("speed", ["one core", "ECGs of 10 s a second"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("--ludb", "--folds", "--machines"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    validate_simulated()
    if arguments.machines:
        validate_machines(arguments.machines)
    ecgs = synthesize(record_ids(0, 1000, SEED))
    measured = measure_many(ecgs)
    validate_generated(values(measured))
    validate_j_point(measured)
    few, plain = ecgs[:100].astype(float), values(measured[:100])
    validate_pacing(few, plain)
    if arguments.ludb and arguments.folds:
        validate_high_pass(few, plain, validate_ludb(arguments.ludb, arguments.folds))
    validate_robustness(few, plain)
    report_speed(few)


if __name__ == "__main__":
    main()
