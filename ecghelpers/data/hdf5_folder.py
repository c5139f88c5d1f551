"""A folder with one HDF5 file per record, the format of ecg-heatmapping-review."""

from pathlib import Path

import h5py
import numpy as np

from ..ecg import BEAT_SAMPLES, LEADS, SAMPLING_RATE_HZ
from .checks import MOST_BYTES, Rejected, as_int16, check_file, check_signal, one_line
from .folder import Entry, list_files, settle_ids
from .labels import LABELS, RATE_COLUMN, check_sampling_rate, label_row
from .reading import Reading, digest_of
from .tables import PATIENT_COLUMN, patient_key

DATASET = "median"
SHAPE = (BEAT_SAMPLES, len(LEADS))


def index(folder: str | Path, labels_path: str | Path = "") -> list[Entry]:
    """All records of a folder, sorted by id, which is the file's name."""
    if labels_path:
        raise ValueError("source hdf5 reads labels from its files; leave labels_path empty")
    return settle_ids(list_files(folder, (".h5", ".hdf5")))


def read(entry: Entry) -> Reading:
    """One record; raises Rejected."""
    check_file(entry.path)
    try:
        with h5py.File(entry.path, "r", locking=False) as file:
            dataset = _median_dataset(file)
            names = (RATE_COLUMN, PATIENT_COLUMN, *LABELS)
            given = {name: _attribute(dataset, name) for name in names}
            median = as_int16(dataset[:].T)
    except Rejected:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # damaged files
        raise Rejected(f"unreadable: {one_line(error)}") from None
    check_sampling_rate(given[RATE_COLUMN])
    check_signal(median.astype(np.float32), SAMPLING_RATE_HZ)
    who = _patient(given[PATIENT_COLUMN])
    rule = f"the attribute {PATIENT_COLUMN}" if who else ""
    return Reading(median, label_row(given), who, rule, digest=digest_of(median))


def _patient(value) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")  # keeps other encodings distinct
    if not isinstance(value, str | int | float | np.number):  # such as a boolean or a reference
        raise Rejected(f"patient unknown: {PATIENT_COLUMN} is {type(value).__name__}")
    return patient_key(str(value))


def _median_dataset(file: h5py.File) -> h5py.Dataset:
    """The dataset, after checking everything that makes reading it unsafe or meaningless."""
    if not isinstance(file.get(DATASET, getlink=True), h5py.HardLink):
        raise Rejected(f"no medians: no dataset {DATASET!r} in the file itself")
    dataset = file[DATASET]
    if not isinstance(dataset, h5py.Dataset):
        raise Rejected(f"no medians: {DATASET!r} is no dataset")
    if dataset.shape != SHAPE:
        raise Rejected(f"wrong shape: {DATASET!r} has {dataset.shape}; allowed {SHAPE}")
    if dataset.dtype.kind not in "iu":
        raise Rejected(f"wrong type: {DATASET!r} is {dataset.dtype}; allowed whole numbers (int16)")
    if dataset.is_virtual or dataset.external:
        raise Rejected(f"no medians: {DATASET!r} lies in another file")
    chunk_items = np.prod(dataset.chunks or (1,), dtype=float)
    if chunk_items * dataset.dtype.itemsize > MOST_BYTES:
        raise Rejected(f"too large: chunks of {DATASET!r} are {dataset.chunks}")
    return dataset


def _attribute(dataset: h5py.Dataset, name: str):
    """A label, "" if missing. Type and size are checked before the value is read."""
    if name not in dataset.attrs:
        return ""
    stored = dataset.attrs.get_id(name)
    if stored.shape is None:  # an empty attribute
        return ""
    if stored.shape not in ((), (1,)) or stored.dtype.kind not in "iufbSO":
        raise Rejected(f"label not a number: {name} is {stored.dtype} of shape {stored.shape}")
    value = dataset.attrs[name]
    return value[0] if stored.shape else value
