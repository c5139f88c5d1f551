"""Validate the measurement: LUDB, the generator against 12SL, robustness, speed.

Writes the tables into docs/measurement.md and the figures beside it. LUDB is looked for in
../shared/ludb; NeuroKit2 must be installed for its row. About three minutes on two cores:

    OMP_NUM_THREADS=1 python benchmarks/validate_measurement.py
"""

import csv
import itertools
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import wfdb

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import simulated_ecg  # noqa: E402

from ecghelpers.data.gan import record_ids, synthesize  # noqa: E402
from ecghelpers.ecg import INDEPENDENT_LEADS, LEADS, TARGETS  # noqa: E402
from ecghelpers.measurement import delineation, measure, measure_median  # noqa: E402
from ecghelpers.measurement.median_beat import R_SAMPLE, find_beats  # noqa: E402

LUDB = ROOT.parent / "shared" / "ludb"
DOCUMENT = ROOT / "docs" / "measurement.md"
EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
REFERENCED = ("VentRate", "pr", "qrs", "qt")
SEED = 2024
# What each constant could as well be; five-fold validation chooses among these.
CHOICES = {
    "QRS_ONSET": (0.03, 0.035, 0.04),
    "P_RISE": (27, 29, 32),
    "P_LEVEL": (0.6, 0.7),
    "T_REACH": (28, 34, 40),
    "T_LOBE": (0.12, 0.15, 0.2),
}


def p_edges_marked(path: str, r: np.ndarray) -> tuple[float, float]:
    """Cardiologists' onset and end of P (ms from R): over leads the 10th and 90th percentile, and
    then the median over beats, as the reference intervals were made."""
    marks = [wfdb.rdann(path, lead.lower()) for lead in LEADS]
    edges = []
    for beat in r:
        leads = np.array([edge for lead in marks if (edge := _p_before(lead, beat))])
        if len(leads) >= 4:
            edges.append((np.percentile(leads[:, 0], 10), np.percentile(leads[:, 1], 90)))
    return tuple(2 * np.median(edges, axis=0)) if edges else (np.nan, np.nan)


def _p_before(marks, beat: int) -> tuple[int, int] | None:
    """Onset and end (samples from the beat) of the last P marked in the 400 ms before it."""
    pairs = enumerate(zip(marks.symbol, marks.sample, strict=True))
    at = [i for i, (symbol, peak) in pairs if symbol == "p" and 0 < beat - peak < 200]
    if not at or not 0 < at[-1] < len(marks.symbol) - 1:
        return None
    return marks.sample[at[-1] - 1] - beat, marks.sample[at[-1] + 1] - beat


def read_ludb() -> list[dict]:
    """Every record: id, rhythm, ecg (12, 5000) µV, reference (4,), whether it counts as sinus."""
    records = []
    with open(LUDB / "reference.csv") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        read = wfdb.rdrecord(str(LUDB / "data" / row["record"]))
        order = [[n.lower() for n in read.sig_name].index(lead.lower()) for lead in LEADS]
        plain = row["pacemaker"] == "False" and row["extrasystole"] == "False"
        records.append(
            {
                "id": row["record"],
                "rhythm": row["rhythm"],
                "ecg": 1000 * read.p_signal.T[order],
                "reference": [float(row[name] or "nan") for name in REFERENCED],
                "sinus": plain and row["rhythm"].startswith("Sinus"),
            }
        )
    return records


def neurokit(ecg: np.ndarray) -> list[float]:
    """Rate, PR, QRS, QT by NeuroKit2's DWT: median over beats and over leads I, II, V2, V4, V5."""
    import neurokit2

    found = []
    for lead in ("I", "II", "V2", "V4", "V5"):
        try:
            raw = ecg[LEADS.index(lead)] / 1000
            clean = neurokit2.ecg_clean(raw, sampling_rate=500)
            peaks = neurokit2.ecg_peaks(clean, sampling_rate=500)[1]["ECG_R_Peaks"]
            # The cleaned trace delineates worse: its QRS onsets lie 50 ms early.
            waves = neurokit2.ecg_delineate(raw, peaks, sampling_rate=500, method="dwt")[1]
        except (ValueError, IndexError, ZeroDivisionError, TypeError):
            continue
        at = {name: np.array(where, float) for name, where in waves.items()}
        q, s = at["ECG_R_Onsets"], at["ECG_R_Offsets"]
        p, t = at["ECG_P_Onsets"], at["ECG_T_Offsets"]
        rate = 30000 / np.median(np.diff(peaks))
        found.append([rate, *(2 * np.nanmedian(d) for d in (q - p, s - q, t - q))])
    return list(np.nanmedian(found, axis=0)) if found else [np.nan] * len(REFERENCED)


def ours(ecg: np.ndarray) -> list[float]:
    return list(measure(ecg).targets.values())


def median_and_rr(ecg: np.ndarray):
    measured = measure(ecg)
    return measured.median_uv, 60000 / measured.targets["VentRate"]


def five_fold(beats: list, reference: np.ndarray) -> np.ndarray:
    """Intervals of each record with constants chosen on the other four fifths of the records."""
    shipped = {name: getattr(delineation, name) for name in CHOICES}
    tried = []
    for values in itertools.product(*CHOICES.values()):
        for name, value in zip(CHOICES, values, strict=True):
            setattr(delineation, name, value)
        found = [list(measure_median(*beat)[1].values())[1:4] for beat in beats]
        tried.append(np.array(found) - reference[:, 1:])
    for name, value in shipped.items():
        setattr(delineation, name, value)
    tried = np.array(tried)  # (choice, record, interval)
    fold = np.random.default_rng(SEED).permutation(len(beats)) % 5
    errors = np.empty(tried.shape[1:])
    for number in range(5):
        rest = tried[:, fold != number]
        score = np.abs(rest[..., [0, 2]]).mean(axis=(1, 2)) * 2 + rest[..., 1].std(axis=1)
        errors[fold == number] = tried[score.argmin(), fold == number]
    return errors


def ludb_row(name: str, errors: np.ndarray) -> str:
    """One line of the table: errors (record, 3) of PR, QRS, QT."""
    cells = [name]
    for column in errors.T:
        known = column[np.isfinite(column)]
        spread = f"{known.mean():+.1f} / {np.abs(known).mean():.1f} / "
        spread += f"{np.median(np.abs(known)):.1f} / {known.std():.1f}"
        cells += [spread, f"{len(known) / len(column):.0%}"]
    return "| " + " | ".join(cells) + " |"


def validate_ludb(pool) -> None:
    records = read_ludb()
    sinus = [record for record in records if record["sinus"]]
    ecgs = [record["ecg"] for record in sinus]
    reference = np.array([record["reference"] for record in sinus])
    found = np.array(list(pool.map(ours, ecgs, chunksize=8)))[:, :4]
    kit = np.array(list(pool.map(neurokit, ecgs)))
    beats = list(pool.map(median_and_rr, ecgs, chunksize=8))
    rows = [
        f"| bias / MAE / median / SD (ms), {len(sinus)} records | PR | measured "
        "| QRS | measured | QT | measured |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        ludb_row("as shipped", (found - reference)[:, 1:]),
        ludb_row("five-fold", five_fold(beats, reference)),
        ludb_row("NeuroKit2 DWT", (kit - reference)[:, 1:]),
    ]
    rate = np.abs(found - reference)[:, 0], np.abs(kit - reference)[:, 0]
    fibrillating = [r for r in records if "fibrillation" in r["rhythm"] or "flutter" in r["rhythm"]]
    withheld = sum(np.isnan(measure(r["ecg"]).targets["pr"]) for r in fibrillating)
    for record in records:
        measure(record["ecg"])  # none may crash
    rows += ["", p_sentence(sinus)]
    rows += [
        "",
        f"Heart rate: median absolute error {np.median(rate[0]):.2f} /min "
        f"(NeuroKit2 {np.nanmedian(rate[1]):.2f}). PR withheld in {withheld} of "
        f"{len(fibrillating)} records with atrial fibrillation or flutter. All "
        f"{len(records)} records run.",
    ]
    write_table("ludb", rows)
    draw_ludb(found, kit, reference)


def p_sentence(sinus: list[dict]) -> str:
    """How far onset and end of P lie from the cardiologists' marks."""
    errors = []
    for record in sinus:
        beats = find_beats(record["ecg"][EIGHT])
        fiducials = measure(record["ecg"]).fiducials
        edges = [2 * (fiducials[name] - R_SAMPLE) for name in ("ponset", "poffset")]
        marked = p_edges_marked(str(LUDB / "data" / record["id"]), beats.r)
        errors.append(np.array(edges) - marked)
    onset, end = np.array(errors).T
    return (
        f"P onset: bias {np.nanmean(onset):+.1f}, MAE {np.nanmean(np.abs(onset)):.1f} ms; "
        f"P end: bias {np.nanmean(end):+.1f}, MAE {np.nanmean(np.abs(end)):.1f} ms."
    )


def draw_ludb(found: np.ndarray, kit: np.ndarray, reference: np.ndarray) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
    for number, (axis, name) in enumerate(zip(axes, REFERENCED[1:], strict=True), start=1):
        truth = reference[:, number]
        axis.plot(truth, kit[:, number], "x", color="#c0702a", ms=5, label="NeuroKit2 DWT")
        axis.plot(truth, found[:, number], "o", color="#1f5a92", ms=4, label="measured here")
        margin = 0.15 * np.ptp(truth)
        ends = truth.min() - margin, truth.max() + margin
        axis.plot(ends, ends, color="0.6", lw=1, zorder=0)
        axis.set(xlim=ends, ylim=ends, title=TARGETS[name].label)
        axis.set(xlabel="cardiologists' marks (ms)", ylabel="measured (ms)")
    axes[0].legend(loc="upper left", fontsize=8)
    figure.tight_layout()
    figure.savefig(DOCUMENT.with_name("measurement_ludb.png"), dpi=110)


def validate_gan(pool, ecgs: np.ndarray) -> None:
    found = np.array(list(pool.map(ours, ecgs, chunksize=25)))
    rows = ["| | 12SL, 121 977 normal ECGs | measured here, 1000 ECGs | measured | SD / 12SL's |"]
    rows += ["| --- | --- | --- | --- | --- |"]
    for column, target in zip(found.T, TARGETS.values(), strict=True):
        known = column[np.isfinite(column)]
        here = f"{known.mean():.2f} ± {known.std():.2f}"
        published, ratio = "—", "—"
        if target.published:
            published = f"{target.published[0]:.2f} ± {target.published[1]:.2f}"
            ratio = f"{known.std() / target.published[1]:.2f}"
        share = f"{len(known) / len(column):.1%}"
        rows.append(f"| {target.title} | {published} | {here} | {share} | {ratio} |")
    p_wave, segment = np.array(list(pool.map(p_lengths, ecgs, chunksize=25))).T
    rows += [
        "",
        f"P lasts {np.nanmean(p_wave):.0f} ± {np.nanstd(p_wave):.0f} ms, over 140 ms in "
        f"{np.nanmean(p_wave > 140):.1%}; the PR segment is shorter than 10 ms in "
        f"{np.nanmean(segment < 10):.1%}.",
    ]
    write_table("gan", rows)


def p_lengths(ecg: np.ndarray) -> tuple[float, float]:
    """P wave and PR segment in ms."""
    at = measure(ecg).fiducials
    return 2 * (at["poffset"] - at["ponset"]), 2 * (at["qonset"] - at["poffset"])


SHAPES = {
    "normal": {},
    "short PR": {"pr": 120},
    "long PR": {"pr": 226},
    "very long PR, slow": {"pr": 340, "rr": 1000},
    "fast": {"rr": 460, "qt": 280, "pr": 130},
    "P 34 ms after T": {"pr": 226, "rr": 600, "qt": 340},
    "P at the end of T": {"pr": 280, "rr": 640, "qt": 360},
    "P in the fall of T": {"pr": 300, "rr": 620, "qt": 360},
    "P in the top of T": {"pr": 360, "rr": 620, "qt": 360},
    "bundle branch block": {"qrs": 140, "slow": 70, "qt": 430},
    "slower terminal part": {"qrs": 160, "slow": 90, "qt": 440},
    "incomplete block": {"qrs": 112, "slow": 45},
    "notched P": {"pr": 180, "p_ms": 130, "notch": True},
    "atrial T wave": {"ta": 0.3},
    "quarter voltage": {"scale": 0.25},
    "no PR segment": {"pr": 110, "p_ms": 105},
}


def validate_simulated() -> None:
    """Beats whose edges are known exactly, with 5 µV of noise; – where nothing is claimed."""
    rows = ["| simulated | PR: true, measured | QRS: true, measured | QT: true, measured |"]
    rows += ["| --- | --- | --- | --- |"]
    for name, shape in SHAPES.items():
        targets = measure(simulated_ecg.ecg(**shape) + simulated_ecg.noise((8, 5000))).targets
        usual = {"pr": 160, "qrs": 92, "qt": 400} | shape
        cells = [
            f"{usual[key]}, " + ("–" if np.isnan(targets[key]) else f"{targets[key]:.0f}")
            for key in REFERENCED[1:]
        ]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    write_table("simulated", rows)


def disturb(kind: str, strength_uv: float, number: int) -> np.ndarray:
    """(8, 5000) µV of white noise (SD), baseline wander or 50 Hz hum (both amplitude)."""
    random = np.random.default_rng([SEED, number])
    if kind == "white noise":
        return random.normal(0, strength_uv, (8, 5000))
    time_s, phase = np.arange(5000) / 500, random.uniform(0, 2 * np.pi, (8, 1))
    hz = 50 + random.normal(0, 0.05) if kind == "50 Hz hum" else random.uniform(0.1, 0.5)
    return strength_uv * np.sin(2 * np.pi * hz * time_s + phase)


STRENGTHS = {
    "white noise": (0, 5, 10, 20, 40, 80, 160),
    "baseline wander": (0, 50, 100, 200, 400, 800, 1600),
    "50 Hz hum": (0, 25, 50, 100, 200, 400, 800),
}


def validate_robustness(pool, ecgs: np.ndarray) -> None:
    """Figure: error of each target, truth being what is measured on the undisturbed ECG."""
    truth = np.array(list(pool.map(ours, ecgs)))
    rows = ["| median (90th percentile) of the absolute error | " + " | ".join(TARGETS) + " |"]
    rows += ["| --- |" + " --- |" * len(TARGETS)]
    figure, axes = plt.subplots(3, 3, figsize=(12, 9), sharex="col")
    for column, (kind, strengths) in zip(axes.T, STRENGTHS.items(), strict=True):
        errors = []
        for uv in strengths:
            disturbed = [ecg + disturb(kind, uv, i) for i, ecg in enumerate(ecgs)]
            found = np.array(list(pool.map(ours, disturbed, chunksize=10)))
            errors.append(np.nanpercentile(np.abs(found - truth), (50, 90), axis=0))
        errors = np.array(errors)  # (strength, percentile, target)
        for line in (3, 4, 5):
            cells = " | ".join(f"{half:.1f} ({most:.1f})" for half, most in errors[line].T)
            rows.append(f"| {kind}, {strengths[line]} µV | {cells} |")
        draw_robustness(column, kind, strengths, errors)
    for axis in axes[:, 0]:
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(DOCUMENT.with_name("measurement_robustness.png"), dpi=110)
    write_table("robustness", rows)


def draw_robustness(axes, kind: str, strengths: tuple, errors: np.ndarray) -> None:
    """One column: rate, intervals, amplitudes; errors (strength, percentile, target)."""
    for axis, names in zip(axes, (("VentRate",), REFERENCED[1:], tuple(TARGETS)[4:]), strict=True):
        for color, name in zip(("#1f5a92", "#c0702a", "#3c8d53"), names, strict=False):
            half, most = errors[..., list(TARGETS).index(name)].T
            axis.plot(strengths, half, "o-", ms=4, color=color, label=TARGETS[name].label)
            axis.plot(strengths, most, "--", lw=1, color=color)
        axis.set_xscale("symlog", linthresh=strengths[1])
        axis.set_xlim(0, strengths[-1])
        axis.set_xticks(strengths, [str(strength) for strength in strengths])
        axis.minorticks_off()
        axis.set_ylabel(f"|error| ({TARGETS[names[0]].unit})")
        axis.set_ylim(0, None)
        axis.grid(alpha=0.3)
    axes[0].set_title(kind)
    axes[2].set_xlabel("SD (µV)" if kind == "white noise" else "amplitude (µV)")


def report_speed(ecgs: np.ndarray) -> None:
    """Speed on one core: processor time, which the load of other programs leaves alone."""
    measure(ecgs[0])
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        for ecg in ecgs:
            measure(ecg)
        best = min(best, time.process_time() - start)
    write_table("speed", [f"{len(ecgs) / best:.0f} ECGs of 10 s a second on one core."])


def write_table(name: str, lines: list[str]) -> None:
    """Put lines between the two markers of that name in docs/measurement.md, and print them."""
    print("\n".join(lines), "\n", flush=True)
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def main() -> None:
    ecgs = synthesize(record_ids(0, 1000, SEED))
    with ProcessPoolExecutor(2) as pool:
        validate_simulated()
        validate_gan(pool, ecgs)
        validate_robustness(pool, ecgs[:100])
        if LUDB.is_dir():
            validate_ludb(pool)
        else:
            print(f"no LUDB in {LUDB}: its table and figure stay as they are")
    report_speed(ecgs[:300])


if __name__ == "__main__":
    main()
