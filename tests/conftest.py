"""Fixtures that several test modules share."""

import pytest
import toy

from ecghelpers.config import Results


@pytest.fixture
def project(tmp_path):
    """A small project of its own: the real machinery with notebooks that take no time."""
    return toy.make_project(tmp_path / "project")


@pytest.fixture
def kernel_project(tmp_path):
    """The same with papermill and kernels."""
    return toy.make_project(tmp_path / "project", kernel=True)


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory):
    """A small project whose run for two targets is whole. Copy it before changing anything."""
    folder = toy.make_project(tmp_path_factory.mktemp("finished") / "project")
    done = toy.run(folder, "--target", "qt,pr")
    assert done.returncode == 0, done.stderr
    toy.runs(folder)
    return folder


@pytest.fixture(scope="session")
def smoke():
    """The results of ./run_all.sh --profile smoke for two targets, in tests/output/smoke."""
    results = toy.ROOT / "tests" / "output" / "smoke"
    flags = ("--profile", "smoke", "--target", "qt,pr", "--results", str(results))
    done = toy.run(toy.ROOT, *flags, timeout=900)
    assert done.returncode == 0, done.stderr
    return Results(results)
