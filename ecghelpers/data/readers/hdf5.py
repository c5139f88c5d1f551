"""HDF5 with a dataset ``median`` and labels as attributes, as in ecg-heatmapping-review."""

import io

import h5py
import numpy as np

from ...ecg import BEAT_SAMPLES, LEADS
from ..checks import Rejected, rejecting
from ..labels import LABELS, RATE_COLUMN, given_labels
from ..recording import Recording, Source
from ..tables import PATIENT_COLUMN

SIGNATURE = b"\x89HDF\r\n\x1a\n"
DATASET = "median"
SHAPE = (BEAT_SAMPLES, len(LEADS))


def is_hdf5(data: bytes) -> bool:
    """Whether a file is HDF5, which may begin with a block of another program."""
    return SIGNATURE in data[:4096]


def read(source: Source) -> Recording:
    """The median beat and the labels of a file; raises Rejected."""
    names = (RATE_COLUMN, PATIENT_COLUMN, *LABELS)
    with (
        rejecting("unreadable: damaged HDF5; truncated?", Exception),
        h5py.File(io.BytesIO(source.data), "r") as file,
    ):
        dataset = _median_dataset(file)
        given = {name: _attribute(dataset, name) for name in names}
        median_uv = dataset[:].T.astype(float)
    machine, patient = given_labels(given), str(given[PATIENT_COLUMN])
    return Recording("HDF5", None, median_uv=median_uv, machine=machine, patient=patient)


def _median_dataset(file: h5py.File) -> h5py.Dataset:
    """The dataset, which must lie in the file itself: other files are not read."""
    link, dataset = file.get(DATASET, getlink=True), file.get(DATASET)
    whole = isinstance(link, h5py.HardLink) and isinstance(dataset, h5py.Dataset)
    if not whole or dataset.is_virtual or dataset.external:
        raise Rejected(f"no medians: no dataset {DATASET!r} in the file itself")
    if dataset.shape != SHAPE:
        raise Rejected(f"wrong shape: {DATASET!r} has {dataset.shape}; allowed {SHAPE}")
    if dataset.dtype.kind not in "iu":
        raise Rejected(f"wrong type: {DATASET!r} is {dataset.dtype}; allowed whole numbers (int16)")
    return dataset


def _attribute(dataset: h5py.Dataset, name: str):
    """A number or a text, "" if missing."""
    value = dataset.attrs.get(name, "")
    if isinstance(value, h5py.Empty):
        return ""
    value = value[0] if np.shape(value) == (1,) else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")  # keeps other encodings distinct
    if not isinstance(value, str | np.integer | np.floating):  # such as a boolean or an array
        raise Rejected(f"label not a number: {name} is {type(value).__name__}")
    return value
