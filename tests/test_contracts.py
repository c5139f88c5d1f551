"""What a results folder promises to those who read it from outside, and how notebooks are kept."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest

from ecghelpers.attribution import METHODS
from ecghelpers.data.maps_and_curves import read_attributions, read_intervention, read_perturbation
from ecghelpers.data.medians import read_medians
from ecghelpers.ecg import FIDUCIALS, LEADS, TARGETS
from ecghelpers.evaluation.controls import CONTROLS
from ecghelpers.evaluation.readouts import KINDS
from ecghelpers.network import pretrained
from ecghelpers.network.model import StevenNet, load_model


def test_medians(smoke):
    with h5py.File(smoke.medians) as file:
        count = len(file["record_id"])
        assert file["medians"].shape == (count, 12, 600) and file["medians"].dtype == np.int16
        for name, columns in (("targets", TARGETS), ("fiducials", FIDUCIALS)):
            assert list(file[name].attrs["columns"]) == list(columns)
            assert file[name].shape == (count, len(columns)) and file[name].dtype == np.float32
        assert set(file["split"].asstr()[:]) == {"train", "validation", "test"}
        assert list(file.attrs["leads"]) == list(LEADS) and file.attrs["units"] == "µV"
        assert file.attrs["sampling_rate"] == 500 and file.attrs["source"] == "gan"
        assert {"version", "seed", "generator"} <= set(file.attrs)


@pytest.mark.parametrize("target", ["qt", "pr"])
def test_a_network_and_what_explains_it(smoke, target):
    folder, data = smoke.model_dir(target, 1), read_medians(smoke.medians)
    assert type(load_model(folder / "model.safetensors")) is StevenNet
    maps = read_attributions(folder / "attributions.h5")
    curves = read_perturbation(folder / "perturbation.h5")
    effects = read_intervention(folder / "intervention.h5")
    assert set(maps.maps) == set(METHODS)
    assert set(curves.prediction) == {*METHODS, *CONTROLS}
    for content in (maps, curves, effects):
        rows = np.isin(data.record_id, content.record_id)
        assert (data.split[rows] == "test").all() and rows.sum() == len(content.record_id)
    with h5py.File(folder / "attributions.h5") as file:
        for method in METHODS:
            assert file[method].dtype == np.float32 and file[method].shape[1:] == (12, 600)
            assert json.loads(file[method].attrs["parameters"])["multiply_by_inputs"] is True
            assert {"unit", "seconds"} <= set(file[method].attrs)
    with h5py.File(folder / "perturbation.h5") as file:
        shape = (len(curves.record_id), len(file["points"]))
        assert len(file["points"]) == file.attrs["steps"] + 1
        for method in (*METHODS, *CONTROLS):
            assert file[method]["prediction"].shape == shape
        assert {"seed", "noise_fraction", "order", "operator", "version"} <= set(file.attrs)
    with h5py.File(folder / "intervention.h5") as file:
        count = len(file["record_id"])
        assert file["effect"].shape == (count, 2, 12, 30) and file["effect"].dtype == np.float32
        assert file["effect_flat"].shape == file["effect_mean"].shape == (count, 12, 30)
        assert {"segment_ms", "crossfade_samples", "seed", "network"} <= set(file.attrs)
        assert file.attrs["network"] == h5py.File(folder / "attributions.h5").attrs["network"]


def test_known_readouts(smoke):
    for kind in KINDS:
        folder = smoke.root / "planted" / kind / "model1"
        with h5py.File(folder / "attributions.h5") as file:
            assert file["beats"].dtype == np.int16 and file["mask"].dtype == np.uint8
            exact = kind in ("level", "contrast")
            assert ("sensitivity" in file) == ("contribution" in file) == exact
        assert type(load_model(folder / "model.safetensors")) is StevenNet
    scores = pd.read_csv(smoke.root / "planted" / "scores.csv")
    assert list(scores) == ["kind", "model", "method", "score", "value", "n"]
    against_mean = {f"{method}@mean" for method in METHODS}
    assert {"oracle", *METHODS, *CONTROLS} == set(scores.method) - against_mean
    shipped = pd.read_csv(pretrained.folder() / "benchmark.csv")
    assert list(shipped) == list(scores)


def test_tables(smoke):
    metrics, aopc = pd.read_csv(smoke.metrics), pd.read_csv(smoke.aopc)
    assert list(metrics) == ["target", "model", "split", "n", "mae", "rmse", "r2"]
    assert set(aopc.method) == {*METHODS, *CONTROLS} and set(aopc.target) == {"qt", "pr"}
    review = pd.read_csv(smoke.review)
    assert " ".join(review) == "target method test value low high chance verdict n unit_of_n"
    assert set(CONTROLS) <= set(review.method) and set(review.target) >= {"all", "qt", "pr"}
    errors = json.loads((smoke.model_dir("qt", 1) / "metrics.json").read_text())
    assert errors["version"]["torch"] and errors["training"]["seed"] == 1


def test_the_page_is_there_and_nothing_is_left_behind_nor_kept_of_widgets(smoke):
    assert smoke.site.stat().st_size > 0 and set(smoke.models()) == {("pr", 1), ("qt", 1)}
    assert not [p for p in smoke.root.rglob("*") if p.suffix == ".part" or ".pieces" in p.name]
    assert not list(smoke.root.rglob("training.state"))
    for path in (smoke.root / "notebooks").glob("*.ipynb"):
        assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
