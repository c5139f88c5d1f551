"""Datasets of an HDF5 file, checked before they are read."""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from ..files import open_hdf5

# Nothing is packed here. Where another program packs a file, the maps of deconvolution shrink most,
# to a thirteenth.
MOST_COMPRESSION = 20
# Small files are let off: targets that are missing throughout shrink without end.
FREE_BYTES = 16 * 2**20
NUMBERS, TEXT = "numbers", "text"


def texts(values) -> np.ndarray:
    """A text dataset as an array of str."""
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)


def write_texts(group: h5py.Group, name: str, values) -> None:
    """Store strings as variable-length UTF-8."""
    group.create_dataset(name, data=list(map(str, values)), dtype=h5py.string_dtype())


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """Open a file as ``open_hdf5`` does; what HDF5 cannot read in it is a ValueError that names it.

    A file without a checksum may be damaged anywhere, so that any access may fail.
    """
    with open_hdf5(path) as file:
        try:
            yield file
        except (OSError, RuntimeError, LookupError, TypeError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:150]
            raise ValueError(
                f"{path} cannot be read ({reason}); delete it and run the step that makes it again"
            ) from None


def record_columns(
    path: str | Path, file: h5py.File, names: Sequence[str]
) -> dict[str, h5py.Dataset]:
    """The record ids, and the datasets with one number a record."""
    ids = dataset_of(path, file, "record_id", (None,), TEXT)
    return {"record_id": ids} | {name: dataset_of(path, file, name, ids.shape) for name in names}


def member(path: str | Path, group: h5py.Group, name: str, kind: type) -> h5py.HLObject:
    """What stands in the group under this name; a link that leads elsewhere is not followed."""
    where, what = repr(f"{group.name}/{name}".lstrip("/")), kind.__name__.lower()
    links, raw = group.id.links, os.fsencode(name)
    # Not `name in group`, which would open the file that an external link names.
    if links.exists(raw) and links.get_info(raw).type != h5py.h5l.TYPE_HARD:
        raise ValueError(f"{path}: {where} is a link; allowed: a {what} in the file itself")
    found = group[name] if links.exists(raw) else None
    if not isinstance(found, kind):
        raise ValueError(f"{path} has no {what} {where}; allowed: a {what} in the file itself")
    return found


def dataset_of(
    path: str | Path, group: h5py.Group, name: str, shape: tuple, kind: str = NUMBERS
) -> h5py.Dataset:
    """A dataset of the file itself, of this shape (None: any length) and kind; not read yet."""
    dataset = member(path, group, name, h5py.Dataset)
    where = repr(dataset.name.lstrip("/"))
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{path}: {where} lies in another file; allowed: in this one")
    found = dataset.shape  # None if it holds nothing
    same = found is not None and len(found) == len(shape)
    if not same or any(n not in (None, m) for n, m in zip(shape, found, strict=True)):
        allowed = str(shape).replace("None", "any")
        raise ValueError(f"{path}: {where} has shape {found}; allowed: {allowed}")
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    if not (is_text if kind == TEXT else dataset.dtype.kind in "iuf"):
        raise ValueError(f"{path}: {where} is {dataset.dtype}; allowed: {kind}")
    return dataset


def check_size(path: str | Path, datasets: Iterable[h5py.Dataset]) -> None:
    """Refuse, before it is read, what would take far more memory than the file can hold."""
    claimed, size = sum(map(_claimed, datasets)), Path(path).stat().st_size
    allowed = MOST_COMPRESSION * size + FREE_BYTES
    if claimed > allowed:
        raise ValueError(
            f"{path} of {size} bytes would take {claimed} bytes of memory; allowed: {allowed}; "
            "delete it and run the step that makes it again"
        )


def _claimed(dataset: h5py.Dataset) -> int:
    """The bytes that reading takes; one chunk, which is unpacked whole, may exceed the dataset."""
    items = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,)))
    return items * dataset.dtype.itemsize
