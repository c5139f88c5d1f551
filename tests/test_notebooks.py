"""The notebooks from end to end on the profile smoke, and how viewers show them."""

import ast
import base64
import io
import json
import shutil
import subprocess
import sys

import papermill
import pytest
import toy
from nbconvert import HTMLExporter
from PIL import Image

from ecghelpers import parameters
from ecghelpers.fingerprint import code_cells
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
def test_the_stored_notebook_has_no_outputs_and_its_assertions_say_what_is_wrong(name):
    """./run_all.sh shows the text of a failed assertion as its only line."""
    for cell in code_cells(stored(name)):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        nodes = ast.walk(ast.parse("".join(cell["source"])))
        assert all(node.msg for node in nodes if isinstance(node, ast.Assert)), cell["id"]


def test_smoke_again_has_nothing_to_do(smoke):
    flags = ("--profile", "smoke", "--target", "qt,pr", "--results", str(smoke.root))
    assert "Nothing to do" in toy.run(toy.ROOT, *flags, "--dry-run").stdout


def test_an_executed_notebook_runs_again_where_it_lies(smoke, tmp_path):
    """Its relative paths start in the project's folder, as those of all notebooks do."""
    results = shutil.copytree(smoke.root, tmp_path / "results", ignore=shutil.ignore_patterns(".*"))
    executed = results / "notebooks" / "03_evaluate.ipynb"
    papermill.execute_notebook(executed, executed, cwd=executed.parent, progress_bar=False)


def test_relative_paths_mean_the_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Results("results/smoke").root == toy.ROOT / "results" / "smoke"
    assert from_project("own") == toy.ROOT / "own"
