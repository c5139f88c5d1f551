"""The real notebooks on the smoke profile: through ./run_all.sh, and again under nbval."""

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import toy

from ecghelpers import store
from ecghelpers.attribution import METHODS
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.model import StevenNet, load_model

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHOSEN = ("qt", "pr")


def cells(notebook: Path, kind: str = "code") -> list[dict]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    """The results of ./run_all.sh --profile smoke for two targets."""
    results = tmp_path_factory.mktemp("smoke") / "results"
    flags = ("--profile", "smoke", "--target", ",".join(CHOSEN), "--results", str(results))
    done = toy.run(ROOT, *flags, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return results


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_lean(notebook):
    assert notebook.stem[:2] in ("01", "02", "03", "04", "05", "06")
    for cell in cells(notebook):
        source = "".join(cell["source"])
        assert not cell["outputs"] and cell["execution_count"] is None
        assert not re.search(r"^\s*(def|class|for|while) ", source, re.M), source
        assert len(source.splitlines()) <= 30
    tagged = [c for c in cells(notebook) if "parameters" in c["metadata"].get("tags", ())]
    assert len(tagged) == 1
    assert "assert " in "".join(cells(notebook)[-1]["source"])


def test_the_results_keep_their_contracts(smoke):
    data = store.read_medians(smoke / "data" / "medians.h5")
    with h5py.File(smoke / "data" / "medians.h5") as file:
        count = len(file["record_id"])
        assert file["medians"].shape == (count, 12, 600) and file["medians"].dtype == np.int16
        assert file["targets"].shape == (count, 7) and file["targets"].dtype == np.float32
        assert list(file["targets"].attrs["columns"]) == list(TARGETS)
        assert list(file["fiducials"].attrs["columns"]) == list(FIDUCIALS)
        assert {"source", "sampling_rate", "leads", "units", "version"} <= set(file.attrs)
    for target in CHOSEN:
        folder = smoke / target / "model1"
        assert isinstance(load_model(folder / "model.safetensors"), StevenNet)
        assert json.loads((folder / "metrics.json").read_text())["errors"][2]["split"] == "test"
        _check_maps(folder, data)
    metrics, aopc = pd.read_csv(smoke / "metrics.csv"), pd.read_csv(smoke / "aopc.csv")
    assert list(metrics)[:7] == ["target", "model", "split", "n", "mae", "rmse", "r2"]
    assert set(metrics.target) == set(aopc.target) == set(CHOSEN)
    assert set(aopc.method) == set(METHODS)
    assert (smoke / "site" / "index.html").stat().st_size > 1000


def _check_maps(folder: Path, data: store.Medians) -> None:
    maps = store.read_attributions(folder / "attributions.h5")
    curves = store.read_perturbation(folder / "perturbation.h5")
    assert set(maps.maps) == set(curves.prediction) == set(METHODS)
    assert maps.details["integrated_gradients"]["parameters"]["multiply_by_inputs"] is True
    for content in (maps, curves):
        splits = data.split[np.isin(data.record_id, content.record_id)]
        assert (splits == "test").all() and len(splits) == len(content.record_id)


def test_nothing_is_left_behind(smoke):
    left = [p for p in smoke.rglob("*") if p.suffix == ".part" or ".pieces" in p.name]
    assert not left and not list(smoke.rglob(".training.state"))


def test_executed_notebooks_stay_small_and_hold_no_widget_state(smoke):
    executed = sorted((smoke / "notebooks").glob("*.ipynb"))
    assert len(executed) == 3 + 3 * len(CHOSEN)
    for path in executed:
        assert path.stat().st_size < 4 * 2**20, f"{path.name}: {path.stat().st_size} bytes"
        assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]


def test_a_second_run_does_nothing(smoke):
    flags = ("--profile", "smoke", "--target", ",".join(CHOSEN), "--results", str(smoke))
    before = {p: p.stat().st_mtime_ns for p in smoke.rglob("*.h5")}
    done = toy.run(ROOT, *flags)
    assert done.returncode == 0 and "starts" not in done.stdout
    assert {p: p.stat().st_mtime_ns for p in smoke.rglob("*.h5")} == before


def test_the_notebooks_run_again_under_nbval(smoke):
    """nbval runs the executed copies, with the parameters injected into them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax"]
    command += ["--nbval-current-dir", "--nbval-cell-timeout=600", "--rootdir", str(ROOT)]
    executed = sorted((smoke / "notebooks").glob("*.ipynb"))
    chosen = [path for path in executed if ".pr." not in path.name]
    done = subprocess.run(
        [*command, *map(str, chosen)],
        cwd=ROOT,
        env=toy.environment(TQDM_DISABLE="1"),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:]
