"""The notebooks from end to end on the profile smoke, and how viewers show them."""

import ast
import base64
import io
import json
import shutil
import subprocess
import sys

import forked
import h5py
import numpy as np
import pandas as pd
import papermill
import pytest
import toy
from nbconvert import HTMLExporter
from PIL import Image
from source_files import csv_text, write_table

from ecghelpers import parameters
from ecghelpers.data.medians import Medians, read_medians
from ecghelpers.ecg import TARGETS
from ecghelpers.fingerprint import code_cells
from ecghelpers.network import pretrained
from ecghelpers.paths import Results, from_project
from ecghelpers.run.workflow import parameter_names

SHOWN = {"image/png", "text/html", "application/vnd.jupyter.widget-view+json"}
QUICK = ("03_evaluate", "05_explore", "09_review")  # the others take minutes and run with --all
NBVAL = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in toy.NOTEBOOKS
]


def stored(name):
    return toy.ROOT / "notebooks" / f"{name}.ipynb"


@pytest.mark.parametrize("name", toy.NOTEBOOKS)
def test_the_executed_notebook_is_kept_and_whole(smoke, name):
    found = list((smoke.root / "notebooks").glob(f"{name}.*"))
    names = parameter_names(stored(name))
    assert len(found) == (3 if "plant" in names else 2 if "target" in names else 1)
    for path in found:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert all(cell["execution_count"] for cell in cells if "".join(cell["source"]).strip())
        outputs = [output for cell in cells for output in cell["outputs"]]
        assert not [o for o in outputs if o["output_type"] == "error"]
        shown = [output["data"] for output in outputs if "data" in output]
        assert {kind for data in shown for kind in data} & SHOWN, "neither figure, table nor widget"
        assert path.stat().st_size < 2**20, "large for what must be sent and opened everywhere"
        pictures = [data for data in shown if "image/png" in data]
        assert len(pictures) >= (name != "05_explore")
        for data in pictures:
            image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
            assert image.width <= 1060, "wider than a cell of JupyterLab in a window of 1280"
        page, _ = HTMLExporter().from_filename(str(path))
        assert page.count('src="data:image/png') == len(pictures), "nbconvert leaves figures out"


@pytest.mark.parametrize("name", NBVAL)
def test_the_notebook_passes_under_nbval(smoke, tmp_path, name):
    """On a copy of the results of smoke, with its parameters."""
    results = shutil.copytree(smoke.root, tmp_path / "results", ignore=shutil.ignore_patterns(".*"))
    given = parameters.load("smoke", ["qt"])["qt"].model_dump()
    given |= {"results": str(results), "device": "cpu"}
    chosen = {key: given[key] for key in parameter_names(stored(name)) if key in given}
    path = tmp_path / f"{name}.ipynb"
    papermill.execute_notebook(stored(name), path, parameters=chosen, prepare_only=True)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["-p", "no:cacheprovider", "--nbval-cell-timeout=300", f"--rootdir={tmp_path}"]
    done = subprocess.run(
        [*command, "-c", "/dev/null", path],
        cwd=tmp_path,
        env=toy.environment(PYTHONPATH=str(toy.ROOT), OMP_NUM_THREADS="2"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("name", toy.NOTEBOOKS)
def test_a_stored_notebook_has_short_cells_no_outputs_and_assertions_that_say_what_is_wrong(name):
    """./run_all.sh shows the text of a failed assertion as its only line."""
    cells, found = code_cells(stored(name)), []
    for cell in cells:
        source = "".join(cell["source"])
        assert len(source.splitlines()) <= 30 and cell["outputs"] == []
        assert cell["execution_count"] is None
        found += [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    assert found and all(node.msg for node in found)
    assert '"widgets"' not in stored(name).read_text(encoding="utf-8")


def test_smoke_again_has_nothing_to_do_and_its_notebooks_run_where_they_lie(smoke, tmp_path):
    flags = ("--profile", "smoke", "--target", "qt,pr", "--results", str(smoke.root))
    assert "Nothing to do" in toy.run(toy.ROOT, *flags, "--dry-run").stdout
    # An executed notebook runs where it lies: its relative paths start in the project's folder.
    results = shutil.copytree(smoke.root, tmp_path / "results", ignore=shutil.ignore_patterns(".*"))
    executed = results / "notebooks" / "03_evaluate.ipynb"
    papermill.execute_notebook(executed, executed, cwd=executed.parent, progress_bar=False)


def test_relative_paths_mean_the_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Results("results/smoke").root == toy.ROOT / "results" / "smoke"
    assert from_project("own") == toy.ROOT / "own"


def run_steps(names, results, **parameters):
    for name in names:
        process = forked.start(name, results=str(results), **parameters)
        process.join()
        assert process.exitcode == 0, name


def write_12sl(folder, data: Medians) -> dict:
    """A 12SL export of these records: a CSV file each, and a table with no label but QT."""
    (folder / "csv").mkdir()
    rows = []
    for number, (beat, qt) in enumerate(zip(data.medians, data.target("qt"), strict=True)):
        (folder / "csv" / f"{number:04d}.csv").write_text(csv_text(beat))
        rows.append({"patid": f"{number:04d}", "qt": f"{qt:.9g}"})
    table = write_table(folder / "labels.csv", rows)
    return {"source": "12sl", "source_path": str(folder / "csv"), "labels_path": str(table)}


def test_a_12sl_export_passes_through_the_notebooks(smoke, tmp_path):
    generated = read_medians(smoke.medians)
    results = Results(tmp_path / "results")
    steps = ("01_data", "02_train", "03_evaluate", "04_heatmaps", "06_perturbation")
    run_steps(steps, results.root, **write_12sl(tmp_path, generated))
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


def test_notebooks_take_a_pretrained_network_and_say_so(smoke, tmp_path):
    """02 to 04 of the profile reference, on the few records of the profile smoke."""
    (tmp_path / "data").mkdir()
    for path in (smoke.medians, smoke.events):
        shutil.copy(path, tmp_path / "data")
    run_steps(("02_train", "03_evaluate", "04_heatmaps"), tmp_path, network="pretrained")
    paths = Results(tmp_path)
    errors = pd.read_csv(paths.metrics).set_index("split").mae
    card = pretrained.read_card("qt")
    assert errors.test < 4 * card["test"]["mae"]  # of a dozen records
    history = json.loads((paths.model_dir("qt", 1) / "training.json").read_text())["history"]
    assert history == card["history"]
    assert paths.attributions("qt", 1).exists()
