"""Fixtures that several test modules share."""

import pytest
import toy


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
