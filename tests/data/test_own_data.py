"""Own records pass through the notebooks like generated ones."""

import forked
import h5py
import numpy as np
from source_files import csv_text, write_table

from ecghelpers.data.medians import Medians, read_medians
from ecghelpers.ecg import TARGETS
from ecghelpers.paths import Results

STEPS = ("01_data", "02_train", "03_evaluate", "04_heatmaps", "06_perturbation")


def write_12sl(folder, data: Medians) -> dict:
    """A 12SL export of these records: a CSV file each, and a table with no label but QT."""
    (folder / "csv").mkdir(parents=True)
    rows = []
    for number, (beat, qt) in enumerate(zip(data.medians, data.target("qt"), strict=True)):
        (folder / "csv" / f"{number:04d}.csv").write_text(csv_text(beat))
        rows.append({"patid": f"{number:04d}", "qt": f"{qt:.9g}"})
    table = write_table(folder / "labels.csv", rows)
    return {"source": "12sl", "source_path": str(folder / "csv"), "labels_path": str(table)}


def test_a_12sl_export_passes_through_the_notebooks(smoke, tmp_path):
    generated = read_medians(smoke.medians)
    results = Results(tmp_path / "results")
    own = write_12sl(tmp_path, generated)
    for name in STEPS:
        process = forked.start(name, results=str(results.root), **own)
        process.join()
        assert process.exitcode == 0, name
    data = read_medians(results.medians)
    assert data.attributes["source"] == "12sl"
    np.testing.assert_array_equal(data.medians, generated.medians)
    np.testing.assert_allclose(data.target("qt"), generated.target("qt"), rtol=1e-6)
    assert np.isnan(data.fiducials).all()
    assert [n for n in TARGETS if np.isfinite(data.target(n)).any()] == ["qt"]
    folder = results.model_dir("qt", 1)
    assert (folder / "metrics.json").is_file()
    for name in ("attributions.h5", "perturbation.h5"):
        with h5py.File(folder / name) as file:
            assert "deeplift" in file
