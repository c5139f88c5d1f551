"""HDF5 files of a results folder: written atomically, checked when read.

The error for a damaged file names the file and the step that makes it again.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from ..files import atomic_write, remedy


def write_texts(group: h5py.Group, name: str, values) -> None:
    """Store strings as variable-length UTF-8."""
    group.create_dataset(name, data=list(map(str, values)), dtype=h5py.string_dtype())


@contextlib.contextmanager
def created(path: str | Path) -> Iterator[h5py.File]:
    """Write an HDF5 file atomically."""
    with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
        yield file


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises FileNotFoundError if it is missing, and ValueError for read errors, here or in the block.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist; {remedy(path)}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, LookupError, TypeError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise ValueError(f"{path} cannot be read ({reason}); {remedy(path)}") from None


def dataset_of(path: str | Path, file: h5py.File, name: str, shape: tuple, text: bool = False):
    """A dataset of numbers or text and of this shape (None: any length); not read yet.

    Raises ValueError for any other.
    """
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{path} has no dataset {name!r}; {remedy(path)}")
    got = dataset.shape  # None for an empty dataset
    same = got is not None and len(got) == len(shape)
    if not same or any(n not in (None, m) for n, m in zip(shape, got, strict=True)):
        allowed = str(shape).replace("None", "any")
        raise ValueError(f"{path}: {name!r} has shape {got}; allowed: {allowed}")
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    if not (is_text if text else dataset.dtype.kind in "iuf"):
        allowed = "text" if text else "numbers"
        raise ValueError(f"{path}: {name!r} is {dataset.dtype}; allowed: {allowed}")
    return dataset.asstr() if text else dataset
