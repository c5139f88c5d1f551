"""Selected rows of an array, read on access, so that selecting takes no memory."""

import numpy as np


class LazyRows:
    """``array[rows]`` without the copy: rows are read when they are indexed.

    array: (record, …), for example mapped from a file. rows: (record,) positions.
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray):
        self.array, self.rows = array, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.array.shape[1:])

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def __getitem__(self, chosen) -> np.ndarray:
        """A copy of the chosen rows, indexed as in NumPy."""
        return self.array[self.rows[chosen]]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self.array[self.rows], dtype)
