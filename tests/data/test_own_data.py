"""Own records pass through the notebooks like generated ones."""

import csv
import sys

import h5py
import numpy as np
import pytest
import toy
from source_files import (
    VALUES,
    ecg_mv,
    only_block,
    reason_of,
    write_export,
    write_table,
    write_wfdb,
)

sys.path.insert(0, str(toy.ROOT / "tests"))
import forked

from ecghelpers.data.medians import Medians, read_medians
from ecghelpers.ecg import FIDUCIALS, TARGETS, twelve_leads
from ecghelpers.paths import Results

STEPS = ("01_data", "02_train", "03_evaluate", "04_heatmaps", "06_perturbation")
SMALL = {
    "epochs": 1,
    "batch_size": 16,
    "heatmap_records": 2,
    "smoothgrad_draws": 2,
    "gradientshap_draws": 2,
    "integrated_gradients_steps": 32,
    "perturbation_records": 3,
    "perturbation_steps": 4,
    "target": "qt",
}


def write_12sl(folder, data: Medians, columns) -> dict:
    """A 12SL export of these records: a CSV file each, and the label table."""
    (folder / "csv").mkdir(parents=True)
    names = [f"{number:04d}" for number in range(len(data.record_id))]
    for name, beat in zip(names, data.medians, strict=True):
        lines = [",".join(map(str, row)) + "," for row in beat.T]
        text = "\n".join(["header", "12 lead medians", *lines, ""])
        (folder / "csv" / f"{name}.csv").write_text(text)
    rows = [";".join(("patid", *columns))]
    places = [(*TARGETS, *FIDUCIALS).index(name) for name in columns]
    values = np.hstack([data.targets, data.fiducials])[:, places]
    for name, row in zip(names, values, strict=True):
        rows.append(";".join([name, *("" if np.isnan(v) else f"{v:.9g}" for v in row)]))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    paths = {"source_path": str(folder / "csv"), "labels_path": str(folder / "labels.csv")}
    return {"source": "12sl", **paths}


def run(names, parameters) -> int:
    context = forked.forkserver()
    for name in names:
        process = context.Process(target=forked.run_notebook, args=(name, parameters))
        process.start()
        process.join()
        if process.exitcode:
            return process.exitcode
    return 0


@pytest.mark.parametrize("columns", [(*TARGETS, *FIDUCIALS), ("qt",)], ids=["all", "qt alone"])
def test_a_12sl_export_passes_through_the_notebooks(smoke, tmp_path, columns):
    generated = read_medians(smoke.medians)
    own = write_12sl(tmp_path, generated, columns)
    results = Results(tmp_path / "results")
    assert run(STEPS, SMALL | own | {"results": str(results.root)}) == 0
    data = read_medians(results.medians)
    assert data.attributes["source"] == "12sl"
    np.testing.assert_array_equal(data.medians, generated.medians)
    np.testing.assert_allclose(data.target("qt"), generated.target("qt"), rtol=1e-6)
    others = [name for name in TARGETS if np.isfinite(data.target(name)).any()]
    assert others == [name for name in TARGETS if name in columns]
    np.testing.assert_allclose(
        data.fiducials, generated.fiducials if len(columns) > 1 else np.nan, rtol=1e-6
    )
    folder = results.model_dir("qt", 1)
    assert (folder / "metrics.json").is_file()
    for name in ("attributions.h5", "perturbation.h5"):
        with h5py.File(folder / name) as file:
            assert "deeplift" in file


def odd_signals() -> dict:
    """Complete files without a usable ECG: name → (signal in mV, options of the writer)."""
    rng = np.random.default_rng(5)
    ecg, still = ecg_mv(), twelve_leads(rng.normal(0, 0.003, (8, 5000))).T
    return {
        "asystole": (still, {}),
        "one_beat": (np.roll(np.vstack([ecg[:400], still[400:]]), 2000, axis=0), {}),
        "gain_7000": (ecg, {"gain": 7000.0}),
        "low_voltage": (ecg / ecg.max() * 0.08, {}),
        "huge": (ecg * 30, {"unit": "V", "gain": 10.0}),
        "noise": (twelve_leads(rng.normal(0, 1, (8, 5000))).T, {}),
        "upside_down": (-ecg, {}),
    }


def test_an_odd_record_costs_only_itself(tmp_path):
    folder = tmp_path / "ecgs"
    for number in range(6):
        write_wfdb(folder, f"good{number}", ecg_mv(heart_rate=61 + 4 * number))
    for name, (signal, how) in odd_signals().items():
        write_wfdb(folder, name, signal, **how)
    results = Results(tmp_path / "results")
    own = {"source": "wfdb", "source_path": str(folder), "results": str(results.root)}
    assert run(["01_data"], own) == 0
    kept = set(read_medians(results.medians).record_id)
    with open(results.medians.with_name("rejected.csv"), newline="", encoding="utf-8") as file:
        rejected = {row["record_id"]: row["reason"] for row in csv.DictReader(file)}
    assert kept | set(rejected) == {path.stem for path in folder.glob("*.hea")}
    assert {f"good{number}" for number in range(6)} <= kept
    assert {"asystole", "one_beat", "noise", "huge"} <= set(rejected)
    for reason in rejected.values():
        assert reason.startswith(("not measurable: ", "out of range: ")) and "\n" not in reason


def test_waves_that_end_where_they_begin_are_a_line_in_rejected_csv(tmp_path):
    folder, table = write_export(tmp_path)
    rows = [{"patid": n, **VALUES} for n in (1, 2, 10)]
    rows[1]["qoffset"] = rows[1]["qonset"]
    rows[2] |= {"ponset": 0, "poffset": 0, "tonset": ""}  # not found, which is allowed
    block = only_block("12sl", folder, write_table(table, rows))
    assert block.record_id == ["1", "10"]
    assert reason_of(block, "2") == "fiducials: qoffset 210 is not after qonset 210"
