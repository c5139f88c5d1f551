"""Records from a 12SL export go through the notebooks as generated ones do."""

import numpy as np
import papermill
import toy

from ecghelpers.config import Results
from ecghelpers.data import store
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.run import parameter_files

STEPS = ("01_data", "02_train", "03_evaluate", "04_heatmaps", "06_perturbation")


def write_12sl(folder, data: store.Medians) -> None:
    """What 12SL would have exported for these records: a CSV a record, and the label table."""
    (folder / "csv").mkdir(parents=True)
    names = [f"{number:04d}" for number in range(len(data.record_id))]
    for name, beat in zip(names, data.medians, strict=True):
        lines = [",".join(map(str, row)) + "," for row in beat.T]
        text = "\n".join(["header", "12 lead medians", *lines, ""])
        (folder / "csv" / f"{name}.csv").write_text(text)
    rows = [";".join(("patid", *TARGETS, *FIDUCIALS))]
    values = np.hstack([data.targets, data.fiducials])
    for name, row in zip(names, values, strict=True):
        rows.append(";".join([name, *("" if np.isnan(v) else f"{v:.9g}" for v in row)]))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def test_a_12sl_export_passes_through_the_notebooks(smoke, tmp_path):
    generated = store.read_medians(smoke.medians)
    write_12sl(tmp_path, generated)
    results = Results(tmp_path / "results")
    own = {"source": "12sl", "source_path": str(tmp_path / "csv")}
    own |= {"labels_path": str(tmp_path / "labels.csv"), "target": "qt", "model": 1}
    values = parameter_files.load("smoke", ["qt"])["notebooks"]
    for step in (step for step in parameter_files.STEPS if step.notebook in STEPS):
        known = parameter_files.notebook_parameters(step.path)
        given = values[step.notebook]["qt"] | own | {"results": str(results.root), "device": "cpu"}
        papermill.execute_notebook(
            step.path,
            tmp_path / step.path.name,
            parameters={key: value for key, value in given.items() if key in known},
            kernel_name="python3",
            cwd=toy.ROOT,
            progress_bar=False,
        )
    data = store.read_medians(results.medians)
    assert data.attributes["source"] == "12sl"
    np.testing.assert_array_equal(data.medians, generated.medians)
    np.testing.assert_allclose(data.targets, generated.targets, rtol=1e-6)
    np.testing.assert_allclose(data.fiducials, generated.fiducials, rtol=1e-6)
    folder = results.model_dir("qt", 1)
    for name in ("metrics.json", "attributions.h5", "perturbation.h5"):
        assert (folder / name).is_file()
