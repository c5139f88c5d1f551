"""Training: it learns, its scaling is folded in, and an interruption changes nothing."""

import os
import signal

import numpy as np
import pytest
import torch
from refusals import refused
from small_networks import beats

from ecghelpers.lazy_rows import LazyRows
from ecghelpers.network.prediction import predict
from ecghelpers.network.trainer import RECIPES
from ecghelpers.network.training import Interrupted, Trainer, TrainingConfig, fit, save_state

BEATS = beats(40, seed=9, dtype=np.int16)[..., 200:264].copy()
VALUES = (400 + np.ptp(BEATS[:, 10], axis=1) / 10).astype(np.float32)
CPU = torch.device("cpu")
TRAINING, VALIDATION = (BEATS[:30], VALUES[:30]), (BEATS[30:], VALUES[30:])


def trainer(**changes) -> Trainer:
    config = TrainingConfig("qt", **({"epochs": 2, "batch_size": 10} | changes))
    return Trainer(config, TRAINING, VALIDATION, CPU)


def weights(network) -> np.ndarray:
    return torch.cat([v.flatten().double() for v in network.state_dict().values()]).numpy()


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    """The weights of a training that nothing interrupts."""
    return weights(fit(trainer()))


class Killed(BaseException):
    pass


def stopped_after(batches: int, monkeypatch, kill=False) -> list:
    """Let SIGTERM, or an end at once, come after so many steps; return the list of steps taken."""
    steps, step = [], Trainer.step

    def stop(self, rows):
        step(self, rows)
        steps.append(rows)
        if len(steps) == batches:
            if kill:
                raise Killed
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "step", stop)
    return steps


def begun(path) -> None:
    """Save the state of a training after the first of six steps."""
    mine = trainer()
    mine.step(mine.order()[:10])
    mine.batch = 1
    save_state(mine, path)


def test_it_learns_from_the_beats():
    mine = trainer(epochs=8)
    network = fit(mine)
    error = np.abs(predict(network, BEATS[:30]) - VALUES[:30]).mean()
    assert error < 0.7 * np.abs(VALUES[:30] - VALUES[:30].mean()).mean()
    assert mine.history[-1]["train_loss"] < 0.5 * mine.history[0]["train_loss"]


def test_beats_in_a_file_give_the_same_weights_and_key(tmp_path):
    np.save(tmp_path / "beats.npy", BEATS)
    beats, rows = np.load(tmp_path / "beats.npy", mmap_mode="r"), np.arange(40)
    data = [(LazyRows(beats, part), VALUES[part]) for part in (rows[:30], rows[30:])]
    mine = Trainer(TrainingConfig("qt", epochs=1, batch_size=10), *data, CPU)
    in_memory = trainer(epochs=1)
    assert mine.checkpoint_key == in_memory.checkpoint_key
    np.testing.assert_array_equal(weights(fit(mine)), weights(fit(in_memory)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_recipe_decides_which_epoch_is_kept(recipe):
    mine = trainer(recipe=recipe, epochs=3)
    found = np.abs(predict(fit(mine), BEATS[30:]) - VALUES[30:]).mean()
    errors = [row["validation_mae"] for row in mine.history]
    np.testing.assert_allclose(
        found, {"default": min(errors), "original": errors[-1]}[recipe], 1e-4
    )


def test_the_original_recipe_is_the_published_one():
    mine = trainer(recipe="original")
    assert type(mine.optimiser) is torch.optim.Adam
    assert mine.optimiser.param_groups[0]["lr"] == 0.008
    np.testing.assert_array_equal(weights(mine.model()), weights(mine.network))  # nothing scaled


def test_seed_and_model_number_decide_the_weights():
    first = weights(fit(trainer(epochs=1)))
    np.testing.assert_array_equal(weights(fit(trainer(epochs=1))), first)
    assert (weights(fit(trainer(epochs=1, seed=2))) != first).any()
    assert (weights(fit(trainer(epochs=1, model=2))) != first).any()


@pytest.mark.parametrize(
    ("recipe", "batches", "kill", "taken"),
    [("default", 1, False, 6), ("default", 5, True, 8), ("original", 5, False, 6)],
)
def test_stopped_and_continued_equals_uninterrupted(
    tmp_path, monkeypatch, whole, recipe, batches, kill, taken
):
    """A signal costs nothing; a kill costs what came after the last whole epoch."""
    wanted = whole if recipe == "default" else weights(fit(trainer(recipe=recipe)))
    state = tmp_path / "state"
    steps = stopped_after(batches, monkeypatch, kill)
    with pytest.raises(Killed if kill else Interrupted):
        fit(trainer(recipe=recipe), state)
    assert state.is_file() and len(steps) == batches
    continued = trainer(recipe=recipe)
    np.testing.assert_array_equal(weights(fit(continued, state)), wanted)
    assert len(steps) == taken
    assert [row["epoch"] for row in continued.history] == [1, 2]


def test_a_finished_training_is_not_repeated_while_its_state_exists(tmp_path, monkeypatch, whole):
    steps, first, again = stopped_after(-1, monkeypatch), trainer(), trainer()
    for mine in (first, again):
        np.testing.assert_array_equal(weights(fit(mine, tmp_path / "state")), whole)
    assert len(steps) == 6 and again.history == first.history


def with_another_value(place: int) -> Trainer:
    """A training in which one number of the data differs: beats or values, for either use."""
    arrays = [array.copy() for array in (*TRAINING, *VALIDATION)]
    arrays[place].flat[0] += 1
    config = TrainingConfig("qt", epochs=2, batch_size=10)
    return Trainer(config, tuple(arrays[:2]), tuple(arrays[2:]), CPU)


class Malicious:
    def __reduce__(self):
        return exec, ("raise SystemExit('code in a state was run')",)


def with_code(path):
    torch.save(torch.load(path, weights_only=True) | {"place": Malicious()}, path)


def without_best(path):
    state = torch.load(path, weights_only=True)
    del state["best"]
    torch.save(state, path)


# What happens to a state, the training that finds it, and why it is not used.
UNUSABLE = {
    "other beats": (lambda path: None, lambda: with_another_value(0), "other data"),
    "other values": (lambda path: None, lambda: with_another_value(3), "other data"),
    "another seed": (lambda path: None, lambda: trainer(seed=5), "other config"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-1]), trainer, "is not used"),
    "a missing part": (without_best, trainer, "is not used"),
    "code": (with_code, trainer, "is not used"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_state_of_another_training_or_a_damaged_one_is_discarded(
    tmp_path, monkeypatch, capsys, case
):
    damage, other, said = UNUSABLE[case]
    begun(tmp_path / "state")
    damage(tmp_path / "state")
    steps, wanted = stopped_after(-1, monkeypatch), weights(fit(other()))
    np.testing.assert_array_equal(weights(fit(other(), tmp_path / "state")), wanted)
    assert len(steps) == 12
    told = capsys.readouterr().err
    assert str(tmp_path / "state") in told and said in told and told.count("\n") == 1


def test_a_last_batch_of_one_is_left_out_and_too_few_records_are_named():
    mine = trainer(epochs=1, batch_size=29)
    fit(mine)
    assert mine.batches == 1 and np.isfinite(mine.history[0]["train_loss"])
    with refused("1 validation records", "qt"):
        Trainer(TrainingConfig("qt"), TRAINING, (BEATS[:1], VALUES[:1]), CPU)
