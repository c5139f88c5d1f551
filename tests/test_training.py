"""Training: it learns, its weights stand alone, and stopping it costs nothing."""

import os
import signal

import numpy as np
import pytest
import torch
from networks import beats

from ecghelpers import training
from ecghelpers.prediction import predict
from ecghelpers.training import Interrupted, Settings, Trainer, fit

BEATS = beats(40, seed=9, dtype=np.int16)[..., 200:264].copy()
VALUES = (400 + np.ptp(BEATS[:, 10], axis=1) / 10).astype(np.float32)
CPU = torch.device("cpu")


def trainer(**changes) -> Trainer:
    settings = Settings("qt", **({"epochs": 2, "batch_size": 10} | changes))
    return Trainer(settings, (BEATS[:30], VALUES[:30]), (BEATS[30:], VALUES[30:]), CPU)


def weights(network) -> np.ndarray:
    return torch.cat([v.flatten().double() for v in network.state_dict().values()]).numpy()


def test_it_learns_what_the_beats_say():
    mine = trainer(epochs=8)
    network = fit(mine)
    error = np.abs(predict(network, BEATS[:30]) - VALUES[:30]).mean()
    by_mean = np.abs(VALUES[:30] - VALUES[:30].mean()).mean()
    assert error < 0.7 * by_mean
    assert mine.history[-1]["train_loss"] < 0.5 * mine.history[0]["train_loss"]


def test_the_best_epoch_is_kept_and_takes_microvolts():
    mine = trainer(epochs=3)
    network = fit(mine)
    found = np.abs(predict(network, BEATS[30:]) - VALUES[30:]).mean()
    np.testing.assert_allclose(found, min(h["validation_mae"] for h in mine.history), rtol=1e-4)


def test_the_original_recipe_keeps_the_last_epoch_and_scales_nothing():
    mine = trainer(recipe="original", epochs=2)
    assert isinstance(mine.optimiser, torch.optim.Adam)
    assert mine.optimiser.param_groups[0]["lr"] == 0.008
    network = fit(mine)
    np.testing.assert_array_equal(weights(network), weights(mine.network))
    found = np.abs(predict(network, BEATS[30:]) - VALUES[30:]).mean()
    np.testing.assert_allclose(found, mine.history[-1]["validation_mae"], rtol=1e-4)


def test_seed_and_model_number_decide_the_weights():
    first = weights(fit(trainer(epochs=1)))
    np.testing.assert_array_equal(weights(fit(trainer(epochs=1))), first)
    assert (weights(fit(trainer(epochs=1, seed=2))) != first).any()
    assert (weights(fit(trainer(epochs=1, model=2))) != first).any()


@pytest.mark.parametrize(("recipe", "batches"), [("default", 1), ("default", 3), ("original", 5)])
def test_stopped_by_a_signal_and_continued_equals_uninterrupted(
    tmp_path, monkeypatch, recipe, batches
):
    whole = fit(trainer(recipe=recipe))
    state, steps, step = tmp_path / "state", [], Trainer.step

    def stop_after(self, rows):
        step(self, rows)
        steps.append(rows)
        if len(steps) == batches:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "step", stop_after)
    with pytest.raises(Interrupted):
        fit(trainer(recipe=recipe), state)
    assert state.is_file() and len(steps) == batches
    continued = trainer(recipe=recipe)
    network = fit(continued, state)
    np.testing.assert_array_equal(weights(network), weights(whole))
    assert len(steps) == 6 and not state.exists()
    assert [h["epoch"] for h in continued.history] == [1, 2]


def test_a_state_of_other_settings_or_a_damaged_one_is_not_used(tmp_path):
    state = tmp_path / "state"
    other = trainer(seed=5)
    other.step(other.order()[:10])
    training.save_state(other, state)
    whole = weights(fit(trainer()))
    np.testing.assert_array_equal(weights(fit(trainer(), state)), whole)
    state.write_bytes(b"not a state")
    np.testing.assert_array_equal(weights(fit(trainer(), state)), whole)


def test_a_last_batch_of_one_is_left_out():
    settings = Settings("qt", epochs=1, batch_size=29)
    mine = Trainer(settings, (BEATS[:30], VALUES[:30]), (BEATS[30:], VALUES[30:]), CPU)
    fit(mine)
    assert mine.batches == 1 and np.isfinite(mine.history[0]["train_loss"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"recipe": "fast"}, "choose one of default, original"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 1}, "batch_size=1"),
    ],
)
def test_wrong_settings_are_named(wrong, told):
    with pytest.raises(ValueError, match=told):
        Settings("qt", **wrong)


def test_too_few_records_are_named():
    with pytest.raises(ValueError, match="1 validation records with a known qt"):
        Trainer(Settings("qt"), (BEATS, VALUES), (BEATS[:1], VALUES[:1]), CPU)
