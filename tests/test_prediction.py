"""Batches: memory that runs out halves them, and nothing is lost or done twice."""

import numpy as np
import pytest
import torch
from small_networks import Linear

from ecghelpers.lazy_rows import LazyRows
from ecghelpers.network.prediction import predict

WEIGHTS = np.random.default_rng(0).normal(size=(12, 40))
BEATS = np.random.default_rng(1).normal(size=(37, 12, 40))


class Small(Linear):
    """Runs out of memory beyond `room` beats, as a GPU does."""

    def __init__(self, room: int):
        super().__init__(WEIGHTS)
        self.room, self.seen = room, 0

    def forward(self, x):
        if len(x) > self.room:
            raise torch.cuda.OutOfMemoryError("no room")
        self.seen += len(x)
        return super().forward(x)


def test_out_of_memory_halves_the_batch_and_continues():
    model = Small(room=10)
    with pytest.warns(UserWarning, match="continuing with batches of 8"):
        found = predict(model, BEATS, batch_size=16)
    np.testing.assert_allclose(found, (BEATS * WEIGHTS).sum((1, 2)))
    assert model.seen == len(BEATS)


def test_without_room_for_one_beat_the_error_is_the_devices():
    with pytest.raises(torch.cuda.OutOfMemoryError), pytest.warns(UserWarning):
        predict(Small(room=0), BEATS, batch_size=2)


@pytest.mark.parametrize("size", [0, 2.5])
def test_impossible_batch_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"batch_size is {size}"):
        predict(Linear(WEIGHTS), BEATS, batch_size=size)


def test_lazy_rows_are_read_batch_by_batch():
    rows, whole = np.array([30, 2, 2, 36]), (1000 * BEATS).astype(np.int16)
    chosen = LazyRows(whole, rows)
    found = predict(Linear(WEIGHTS).float(), chosen, batch_size=3)
    np.testing.assert_allclose(found, (whole[rows] * WEIGHTS).sum((1, 2)), rtol=1e-4)
    assert isinstance(found, np.ndarray) and chosen.shape == (4, 12, 40)


def test_a_record_that_is_not_finite_is_named_whichever_batch_it_is_in():
    beats = BEATS.copy()
    beats[20, 3, 7] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in record 20 "):
        predict(Linear(WEIGHTS), beats, batch_size=16)


@pytest.mark.parametrize("kind", [object, bool, complex])
def test_values_that_are_no_numbers_are_refused_in_one_line(kind):
    with pytest.raises(ValueError, match="beats_uv holds .*real numbers") as caught:
        predict(Linear(WEIGHTS), np.zeros((1, 12, 40), int).astype(kind))
    assert "\n" not in str(caught.value)
