"""Notebook 07 where truth is missing: sentences and empty cells, not an error."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from forked import forkserver, run_notebook

from ecghelpers.config import Results

FEW = {"truth_records": 3, "shuffled_records": 1, "target": "qt"}


@pytest.fixture(scope="module")
def run():
    """A function that runs 07_truth on a folder and returns its table."""
    context = forkserver()

    def start(root):
        given = FEW | {"results": str(root)}
        process = context.Process(target=run_notebook, args=("07_truth", given))
        process.start()
        process.join()
        assert process.exitcode == 0
        return pd.read_csv(Results(root).truth("qt", 1)), pd.read_csv(
            Results(root).effects("qt", 1)
        )

    return start


def _copy(smoke, root):
    """The data, network and maps of one target."""
    for part in ("data", "qt"):
        shutil.copytree(smoke.root / part, root / part)
    for name in ("truth.csv", "effects.csv"):
        (root / "qt" / "model1" / name).unlink(missing_ok=True)
    return root / "data" / "medians.h5"


def _forget_fiducials(path):
    """As of a source that brings its labels and no fiducials, such as 12SL without them."""
    fresh = path.with_suffix(".new")
    with h5py.File(path) as old, h5py.File(fresh, "w") as new:
        new.attrs.update(old.attrs)
        for name in old:
            old.copy(name, new)
        new["fiducials"][...] = np.nan
    fresh.replace(path)


def test_without_fiducials_the_definition_is_left_empty(smoke, run, tmp_path):
    _forget_fiducials(_copy(smoke, tmp_path))
    truth, effects = run(tmp_path)
    definition = truth[truth.part == "definition"]
    assert definition.value.isna().all()
    assert truth[truth.part == "weights"].value.notna().any()
    assert (effects.n == 0).all() and effects.predicted.isna().all()
