"""Some records of an array that stays where it is, so that choosing them takes no memory."""

import numpy as np


class LazyRows:
    """Rows of an array, read where they are looked at: as good as ``array[rows]``, without a copy.

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
        """The chosen of these rows, as NumPy would choose them, in memory."""
        return self.array[self.rows[chosen]]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self.array[self.rows], dtype)
