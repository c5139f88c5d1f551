"""The notebooks from end to end on the profile smoke, and what is seen of them anywhere."""

import ast
import base64
import io
import json
import shutil
import subprocess
import sys

import pandas as pd
import papermill
import pytest
import toy
from nbconvert import HTMLExporter
from PIL import Image

from ecghelpers.config import Results
from ecghelpers.run import parameter_files
from ecghelpers.run.notebook_cells import code_cells, notebook_parameters
from ecghelpers.run.steps import WITH_NOTEBOOK

PLOTLY = "application/vnd.plotly.v1+json"
SHOWN = {"image/png", "text/html", "application/vnd.jupyter.widget-view+json"}
BY_HAND = ("03_evaluate", "05_explore", "08_review")  # that people run again; the rest takes long
EACH = {"target": "qt", "model": 1}


@pytest.fixture(scope="module")
def prepared(smoke, tmp_path_factory):
    """The notebooks with smoke's parameters set, for a copy of its results, not executed."""
    folder = tmp_path_factory.mktemp("prepared")
    results = shutil.copytree(smoke.root, folder / "results", ignore=shutil.ignore_patterns(".*"))
    values = parameter_files.load("smoke", ["qt"])["notebooks"]
    for step in [step for step in WITH_NOTEBOOK if step.notebook in BY_HAND]:
        own = notebook_parameters(step.path)
        given = values[step.notebook]["qt"] | EACH | {"results": str(results), "device": "cpu"}
        papermill.execute_notebook(
            step.path,
            folder / step.path.name,
            parameters={key: value for key, value in given.items() if key in own},
            prepare_only=True,
        )
    return folder


def test_smoke_leaves_every_result(smoke):
    assert set(smoke.models()) == {("pr", 1), ("qt", 1)}
    for target in ("qt", "pr"):
        for name in ("model.safetensors", "metrics.json", "attributions.h5", "perturbation.h5"):
            assert (smoke.model_dir(target, 1) / name).exists(), (target, name)
    assert {"target", "model", "split", "mae"} <= set(pd.read_csv(smoke.metrics))
    assert set(pd.read_csv(smoke.aopc).target) == {"qt", "pr"}
    assert smoke.site.stat().st_size > 0


@pytest.mark.parametrize("step", WITH_NOTEBOOK, ids=lambda step: step.notebook)
def test_the_executed_notebook_is_kept_and_whole(smoke, step):
    found = list((smoke.root / "notebooks").glob(f"{step.notebook}*.ipynb"))
    targets_or_plants = {"planted": 3} | dict.fromkeys(
        ("train", "heatmaps", "perturbation", "truth"), 2
    )
    assert len(found) == targets_or_plants.get(step.rule, 1)
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
        assert len(pictures) >= (step.notebook != "05_explore")
        assert all("image/png" in data for data in shown if PLOTLY in data), "only plotly shows it"
        for data in pictures:
            image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
            assert image.width <= 1060, "wider than a cell of JupyterLab in a window of 1280"
        page, _ = HTMLExporter().from_filename(str(path))
        assert page.count('src="data:image/png') == len(pictures), "nbconvert leaves figures out"


@pytest.mark.parametrize("name", BY_HAND)
def test_the_notebook_passes_under_nbval(prepared, name):
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["-p", "no:cacheprovider", "--nbval-cell-timeout=300", f"--rootdir={prepared}"]
    done = subprocess.run(
        [*command, "-c", "/dev/null", prepared / f"{name}.ipynb"],
        cwd=prepared,
        env=toy.environment(PYTHONPATH=str(toy.ROOT), OMP_NUM_THREADS="2"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("step", WITH_NOTEBOOK, ids=lambda step: step.notebook)
def test_the_stored_notebook_has_no_outputs(step):
    for cell in code_cells(step.path):
        assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.parametrize("step", WITH_NOTEBOOK, ids=lambda step: step.notebook)
def test_cells_are_plain_and_every_assertion_says_what_is_wrong(step):
    """An assertion's text is the one line that ./run_all.sh shows of it."""
    plumbing = ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.For | ast.While
    for cell in code_cells(step.path):
        nodes = list(ast.walk(ast.parse("".join(cell["source"]))))
        assert not [node for node in nodes if isinstance(node, plumbing)], cell["id"]
        assert all(node.msg for node in nodes if isinstance(node, ast.Assert)), cell["id"]


def test_smoke_again_has_nothing_to_do(smoke):
    again = toy.run(
        toy.ROOT,
        "--profile",
        "smoke",
        "--target",
        "qt,pr",
        "--results",
        str(smoke.root),
        "--dry-run",
    )
    assert "Nothing to do" in again.stdout


def test_results_are_found_from_the_notebooks_folder(monkeypatch):
    monkeypatch.chdir(toy.ROOT / "notebooks")
    assert Results("results/smoke").root == toy.ROOT / "results" / "smoke"
    monkeypatch.chdir(toy.ROOT)
    assert Results("results/smoke").root.resolve() == toy.ROOT / "results" / "smoke"
