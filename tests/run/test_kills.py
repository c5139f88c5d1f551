"""kill -9 at any moment costs only the piece it hit: the next run ends with the same results."""

import os
import random
import sys
import time

import h5py
import numpy as np
import pytest
import toy

from ecghelpers.data.hdf5 import opened

sys.path.insert(0, str(toy.ROOT / "tests"))
import forked

pytestmark = pytest.mark.long
KILLS = {"01_data": 5, "02_train": 7, "04_heatmaps": 4, "06_perturbation": 7}
SMALL = {
    "records": 40,
    "epochs": 2,
    "batch_size": 8,
    "heatmap_records": 2,
    "smoothgrad_draws": 2,
    "gradientshap_draws": 2,
    "integrated_gradients_steps": 32,
    "perturbation_records": 3,
    "perturbation_steps": 4,
    "intervention_donors": 2,
    "target": "qt",
}
MADE = ("data/medians.h5", "qt/model1/attributions.h5", "qt/model1/perturbation.h5")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function that starts a notebook for a results folder in a process of its own."""
    os.environ |= {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    context = forked.forkserver()

    def run(name, results):
        process = context.Process(
            target=forked.run_notebook, args=(name, SMALL | {"results": str(results)})
        )
        process.start()
        return process

    return run


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory):
    """The results of a run that nothing disturbs, and how long each of its steps took."""
    results, seconds = tmp_path_factory.mktemp("undisturbed"), {}
    for name in KILLS:
        began = time.monotonic()
        process = start(name, results)
        process.join()
        assert process.exitcode == 0
        seconds[name] = time.monotonic() - began
    return results, seconds


def _whole(results):
    for name in MADE:
        if (results / name).exists():
            with opened(results / name) as file:
                assert len(file["record_id"]) > 0


def _contents(path):
    """Every dataset of an HDF5 file by name."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def _names(results):
    return sorted(str(path.relative_to(results)) for path in results.rglob("*") if path.is_file())


def test_kills_end_in_the_results_of_an_undisturbed_run(start, undisturbed, tmp_path):
    expected, seconds = undisturbed
    chance = random.Random(20)
    for name, kills in KILLS.items():
        for _ in range(kills):
            process = start(name, tmp_path)
            time.sleep(chance.uniform(0, min(seconds[name], 4)))
            process.kill()
            process.join()
            _whole(tmp_path)
        process = start(name, tmp_path)
        process.join()
        assert process.exitcode == 0, f"{name} does not end after {kills} kills"
    for name in MADE:
        ours, theirs = _contents(tmp_path / name), _contents(expected / name)
        assert ours.keys() == theirs.keys()
        for key, values in theirs.items():
            np.testing.assert_array_equal(ours[key], values, err_msg=f"{name}: {key}")
    weights = "qt/model1/model.safetensors"
    assert (tmp_path / weights).read_bytes() == (expected / weights).read_bytes()
    assert _names(tmp_path) == _names(expected), "temporary files were left behind"
