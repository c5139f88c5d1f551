"""Training: it learns, its weights stand alone, and stopping it costs nothing."""

import os
import signal

import numpy as np
import pytest
import torch
from small_networks import beats

from ecghelpers import files, training
from ecghelpers import trainer as trainer_module
from ecghelpers.prediction import predict
from ecghelpers.selection import Selection
from ecghelpers.training import Settings, Trainer, fit
from ecghelpers.training_state import Interrupted, save_state

BEATS = beats(40, seed=9, dtype=np.int16)[..., 200:264].copy()
VALUES = (400 + np.ptp(BEATS[:, 10], axis=1) / 10).astype(np.float32)
CPU = torch.device("cpu")


def trainer(**changes) -> Trainer:
    settings = Settings("qt", **({"epochs": 2, "batch_size": 10} | changes))
    return Trainer(settings, (BEATS[:30], VALUES[:30]), (BEATS[30:], VALUES[30:]), CPU)


def weights(network) -> np.ndarray:
    return torch.cat([v.flatten().double() for v in network.state_dict().values()]).numpy()


def test_beats_that_stay_in_a_file_give_the_same_weights_and_state(tmp_path):
    np.save(tmp_path / "beats.npy", BEATS)
    beats = np.load(tmp_path / "beats.npy", mmap_mode="r")
    rows = np.arange(40)
    training_data, validation = (
        (Selection(beats, part), VALUES[part]) for part in (rows[:30], rows[30:])
    )
    mine = Trainer(Settings("qt", epochs=1, batch_size=10), training_data, validation, CPU)
    in_memory = trainer(epochs=1)
    assert mine.identity == in_memory.identity
    np.testing.assert_array_equal(weights(fit(mine)), weights(fit(in_memory)))


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
    assert len(steps) == 6
    assert [h["epoch"] for h in continued.history] == [1, 2]


@pytest.fixture
def steps(monkeypatch):
    """A list that gets an entry with every step that is taken."""
    taken, step = [], Trainer.step

    def counted(self, rows):
        taken.append(rows)
        step(self, rows)

    monkeypatch.setattr(Trainer, "step", counted)
    return taken


def begun(path, **changes) -> Trainer:
    """Save the state of a training after its first of six steps."""
    mine = trainer(**changes)
    mine.step(mine.order()[:10])
    mine.batch = 1
    save_state(mine, path)
    return mine


@pytest.mark.parametrize("recipe", training.RECIPES)
def test_a_finished_training_is_kept_while_its_state_is(tmp_path, steps, recipe):
    state = tmp_path / "state"
    first = trainer(recipe=recipe)
    network = fit(first, state)
    again = trainer(recipe=recipe)
    np.testing.assert_array_equal(weights(fit(again, state)), weights(network))
    assert len(steps) == 6 and again.history == first.history
    state.unlink()
    fit(trainer(recipe=recipe), state)
    assert len(steps) == 12


def test_a_signal_in_the_last_epochs_end_is_not_lost_nor_the_training(tmp_path, monkeypatch):
    finish = Trainer.finish_epoch

    def interrupted(self, seconds):
        finish(self, seconds)
        os.kill(os.getpid(), signal.SIGUSR1)

    state = tmp_path / "state"
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "finish_epoch", interrupted)
        with pytest.raises(Interrupted, match="qt model 1: stopped by a signal, state kept"):
            fit(trainer(epochs=1), state)
    monkeypatch.setattr(Trainer, "step", None)
    fit(trainer(epochs=1), state)


def test_an_unchanged_training_goes_on_where_it_was(tmp_path, steps):
    begun(tmp_path / "state")
    fit(trainer(), tmp_path / "state")
    assert len(steps) == 6


def changed(place: int) -> Trainer:
    """A training of which one number in the data is another: of beats or values, for either use."""
    arrays = [a.copy() for a in (BEATS[:30], VALUES[:30], BEATS[30:], VALUES[30:])]
    arrays[place].flat[0] += 1
    settings = Settings("qt", epochs=2, batch_size=10)
    return Trainer(settings, tuple(arrays[:2]), tuple(arrays[2:]), CPU)


@pytest.mark.parametrize("place", range(4))
def test_a_state_of_other_data_is_not_used(tmp_path, steps, place):
    begun(tmp_path / "state")
    network = fit(changed(place), tmp_path / "state")
    assert len(steps) == 7
    np.testing.assert_array_equal(weights(network), weights(fit(changed(place))))


def test_a_state_of_other_code_is_not_used(tmp_path, steps, monkeypatch, capsys):
    begun(tmp_path / "state")
    monkeypatch.setattr(trainer_module, "code_digest", lambda module: f"another {module}")
    fit(trainer(), tmp_path / "state")
    assert len(steps) == 7
    assert "begins anew: it is of a training with other code\n" in capsys.readouterr().err


def test_a_state_of_other_settings_is_not_used(tmp_path, steps, capsys):
    begun(tmp_path / "state", seed=5)
    fit(trainer(), tmp_path / "state")
    assert len(steps) == 7
    assert "begins anew: it is of a training with other settings\n" in capsys.readouterr().err


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # among the weights: torch would load it
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a state"),
    ],
    ids=["flipped bit", "truncated", "empty", "other file"],
)
def test_a_damaged_state_is_discarded_and_named(tmp_path, steps, damage, capsys):
    state, whole = tmp_path / "state", weights(fit(trainer()))
    begun(state)
    damage(state)
    steps.clear()
    np.testing.assert_array_equal(weights(fit(trainer(), state)), whole)
    assert len(steps) == 6
    told = capsys.readouterr().err
    assert f"{state} is not taken up" in told and "damaged" in told and told.count("\n") == 1


ODD = {
    "a list": lambda state: [state],
    "no keys": lambda state: {},
    "no best": lambda state: {k: v for k, v in state.items() if k != "best"},
    "no network": lambda state: state | {"network": {}},
    "odd optimiser": lambda state: state | {"optimiser": 3},
    "odd schedule": lambda state: state | {"schedule": None},
    "odd place": lambda state: state | {"place": ("0", None, 3)},
    "no such batch": lambda state: state | {"place": (0, 99, state["place"][2])},
    "odd history": lambda state: state | {"history": [1, 2, 3]},
    "odd best": lambda state: state | {"best": (1.0, {"weights": torch.ones(2)})},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_state_is_discarded_whole(tmp_path, steps, odd):
    """Nothing of it is left in the training, whatever was taken up before it turned out odd."""
    state, whole = tmp_path / "state", weights(fit(trainer()))
    torch.save(odd(begun(state).state()), state)
    steps.clear()
    np.testing.assert_array_equal(weights(fit(trainer(), state)), whole)
    assert len(steps) == 6


def test_a_state_that_would_run_code_is_discarded(tmp_path, steps):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save(begun(tmp_path / "state").state() | {"place": Malicious()}, tmp_path / "state")
    fit(trainer(), tmp_path / "state")
    assert len(steps) == 7 and not (tmp_path / "ran").exists()


def test_what_a_kill_while_saving_left_is_removed_at_the_start(tmp_path, monkeypatch):
    left, seen, step = tmp_path / ".state.abcd1234.part", [], Trainer.step

    def look(self, rows):
        seen.append(left.exists())
        step(self, rows)

    begun(tmp_path / "state")  # the kill was in the second saving: this one is continued
    left.write_bytes(b"half")
    monkeypatch.setattr(Trainer, "step", look)
    fit(trainer(), tmp_path / "state")
    assert seen == [False] * 5


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_named_where_a_stopped_training_cannot_be_kept(tmp_path, monkeypatch):
    step = Trainer.step

    def stop(self, rows):
        step(self, rows)
        os.kill(os.getpid(), signal.SIGTERM)

    def full(prefix, suffix, dir):
        name = str(dir / f"{prefix}abcd1234{suffix}")
        os.symlink("/dev/full", name)
        return os.open(name, os.O_WRONLY), name

    monkeypatch.setattr(Trainer, "step", stop)
    monkeypatch.setattr(files.tempfile, "mkstemp", full)
    with pytest.raises(OSError) as caught:
        fit(trainer(), tmp_path / "state")
    text = str(caught.value)
    assert text.startswith("qt model 1: stopped by a signal, state not kept: cannot write")
    assert str(tmp_path / "state") in text and "No space left on device" in text
    assert "\n" not in text and list(tmp_path.iterdir()) == []


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
