"""Fixtures that several test modules share."""

import os

import numpy as np
import pytest
import slurm
import source_files
import torch
import toy
from filelock import FileLock

from ecghelpers.data import gan
from ecghelpers.paths import Results


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also tests that take minutes")


def pytest_collection_modifyitems(config, items):
    """Skip the tests whose marker needs something that is not there."""
    reasons = {
        "long": "" if config.getoption("--all") else "takes minutes: --all",
        "gpu": "" if torch.cuda.is_available() else "no CUDA device",
        "slurm": slurm.missing(),
    }
    for item in items:
        for reason in filter(None, (reasons.get(mark.name) for mark in item.iter_markers())):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_configure():
    """Processes that test side by side share the cores: threads that wait for each other stall."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    torch.set_num_threads(max(1, torch.get_num_threads() // beside))


@pytest.fixture
def project(tmp_path):
    """A small project of its own: the real front and runner with notebooks that take no time."""
    return toy.make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory):
    """A small project whose run for one target is complete. Copy it before changing anything."""
    folder = toy.make_project(tmp_path_factory.mktemp("finished") / "project")
    done = toy.run(folder, "--target", "qt")
    assert done.returncode == 0, done.stderr
    toy.runs(folder)
    return folder


@pytest.fixture(scope="session")
def smoke():
    """The results of ./run_all.sh --profile smoke for two targets, in tests/output/smoke."""
    results = toy.ROOT / "tests" / "output" / "smoke"
    results.parent.mkdir(exist_ok=True)
    flags = ("--profile", "smoke", "--target", "qt,pr", "--results", str(results))
    with FileLock(f"{results}.lock"):  # of the processes that test, one makes it
        done = toy.run(toy.ROOT, *flags, timeout=900)
    assert done.returncode == 0, done.stderr
    return Results(results)


@pytest.fixture
def export(tmp_path):
    """A 12SL export of three whole records: (folder, label table)."""
    folder, rows = tmp_path / "csv", []
    folder.mkdir()
    for number in (1, 2, 10):
        (folder / f"{number}.csv").write_text(source_files.csv_text(source_files.beat(number)))
        rows.append({"patid": number, **source_files.VALUES, "samplerate_ECG": 500})
    return folder, source_files.write_table(tmp_path / "labels.csv", rows)


@pytest.fixture(scope="session")
def gan_beats():
    """Generated records of which all targets and fiducials are known."""
    block, _ = gan.GanSource(48, seed=21, device="cpu").block(0)
    return block.subset(np.isfinite(np.hstack([block.targets, block.fiducials])).all(1))
