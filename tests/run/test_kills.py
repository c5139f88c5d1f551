"""kill -9 at any moment costs only the piece it hit: the next run ends with the same results."""

import random
import time

import forked
import h5py
import numpy as np
import pytest

from ecghelpers.data.hdf5 import opened

pytestmark = pytest.mark.long
KILLS = {"01_data": 5, "02_train": 7, "04_heatmaps": 4, "06_perturbation": 7}
MADE = ("data/medians.h5", "qt/model1/attributions.h5", "qt/model1/perturbation.h5")


def start(name, results):
    return forked.start(name, results=str(results), records=40, epochs=2)


def finish(name, results):
    process = start(name, results)
    process.join()
    assert process.exitcode == 0, f"{name} does not end"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The results of a run that nothing disturbs, and how long each of its steps took."""
    results, seconds = tmp_path_factory.mktemp("undisturbed"), {}
    for name in KILLS:
        began = time.monotonic()
        finish(name, results)
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
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item}))
        return {name: item[()] for name, item in found.items() if isinstance(item, h5py.Dataset)}


def _names(results):
    return sorted(str(path.relative_to(results)) for path in results.rglob("*") if path.is_file())


def test_kills_end_in_the_results_of_an_undisturbed_run(undisturbed, tmp_path):
    expected, seconds = undisturbed
    chance = random.Random(20)
    for name, kills in KILLS.items():
        for _ in range(kills):
            process = start(name, tmp_path)
            time.sleep(chance.uniform(0, min(seconds[name], 4)))
            process.kill()
            process.join()
            _whole(tmp_path)
        finish(name, tmp_path)
    for name in MADE:
        np.testing.assert_equal(_contents(tmp_path / name), _contents(expected / name), name)
    weights = "qt/model1/model.safetensors"
    assert (tmp_path / weights).read_bytes() == (expected / weights).read_bytes()
    assert _names(tmp_path) == _names(expected), "temporary files were left behind"
