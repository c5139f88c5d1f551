"""What a results folder promises to those who read it from outside, and how notebooks are kept."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from ecghelpers.attribution import METHODS
from ecghelpers.data.hdf5 import texts
from ecghelpers.data.maps_and_curves import read_attributions, read_perturbation
from ecghelpers.data.medians import read_medians
from ecghelpers.ecg import FIDUCIALS, LEADS, TARGETS
from ecghelpers.model import StevenNet, load_model
from ecghelpers.perturbation import OPERATORS, ORDERS

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_short_cells_and_checks_its_results(notebook):
    content = json.loads(notebook.read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
    assert all(len(source.splitlines()) <= 30 for source in sources)
    assert any("assert " in source for source in sources)
    assert "widgets" not in content["metadata"]


def test_medians(smoke):
    with h5py.File(smoke.medians) as file:
        count = len(file["record_id"])
        assert file["medians"].shape == (count, 12, 600) and file["medians"].dtype == np.int16
        assert file["targets"].shape == (count, 7) and file["targets"].dtype == np.float32
        assert file["fiducials"].shape == (count, 6) and file["fiducials"].dtype == np.float32
        assert list(file["targets"].attrs["columns"]) == list(TARGETS)
        assert list(file["fiducials"].attrs["columns"]) == list(FIDUCIALS)
        assert set(texts(file["split"][:])) == {"train", "validation", "test"}
        assert list(file.attrs["leads"]) == list(LEADS) and file.attrs["units"] == "µV"
        assert file.attrs["sampling_rate"] == 500 and file.attrs["source"] == "gan"
        assert {"version", "seed", "generator"} <= set(file.attrs)


@pytest.mark.parametrize("target", ["qt", "pr"])
def test_a_network_and_what_explains_it(smoke, target):
    folder, data = smoke.model_dir(target, 1), read_medians(smoke.medians)
    assert type(load_model(folder / "model.safetensors")) is StevenNet
    maps = read_attributions(folder / "attributions.h5")
    curves = read_perturbation(folder / "perturbation.h5")
    assert set(maps.maps) == set(curves.prediction) == set(METHODS)
    for content in (maps, curves):
        rows = np.isin(data.record_id, content.record_id)
        assert (data.split[rows] == "test").all() and rows.sum() == len(content.record_id)
    with h5py.File(folder / "attributions.h5") as file:
        for method in METHODS:
            assert file[method].dtype == np.float32 and file[method].shape[1:] == (12, 600)
            assert json.loads(file[method].attrs["parameters"])["multiply_by_inputs"] is True
            assert {"unit", "seconds"} <= set(file[method].attrs)
    with h5py.File(folder / "perturbation.h5") as file:
        shape = (3, len(file["points"]))
        assert len(file["points"]) == file.attrs["steps"] + 1
        for method in METHODS:
            assert file[method]["prediction"].shape == shape
            for operator in OPERATORS:
                for order in ORDERS:
                    assert file[method][operator][order]["prediction"].shape == shape
        assert {"seed", "noise_fraction", "order", "operator", "version"} <= set(file.attrs)


def test_tables(smoke):
    metrics, aopc = pd.read_csv(smoke.metrics), pd.read_csv(smoke.aopc)
    assert list(metrics) == ["target", "model", "split", "n", "mae", "rmse", "r2"]
    assert set(aopc.method) == set(METHODS) and set(aopc.target) == {"qt", "pr"}
    errors = json.loads((smoke.model_dir("qt", 1) / "metrics.json").read_text())
    assert errors["version"]["torch"] and errors["training"]["seed"] == 1


def test_nothing_is_left_behind_nor_kept_of_widgets(smoke):
    assert not [p for p in smoke.root.rglob("*") if p.suffix == ".part" or ".pieces" in p.name]
    assert not list(smoke.root.rglob("training.state"))
    for path in (smoke.root / "notebooks").glob("*.ipynb"):
        assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
