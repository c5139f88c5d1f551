"""Fitting a StevenNet to one target."""

import copy
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .config import check_choice, generator, progress
from .files import whole_file
from .model import StevenNet, fold_scaling
from .prediction import predict

MICROVOLT_TO_MILLIVOLT = 1e-3


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted. standardise: mV in, (target - mean) / SD out while training."""

    standardise: bool
    optimiser: type[torch.optim.Optimizer]
    learning_rate: float
    schedule: str  # "one cycle": a step a batch; "plateau": halved when validation stalls
    keep: str  # "best" validation error, or the "last" epoch


RECIPES = {
    "default": Recipe(True, torch.optim.AdamW, 3e-3, "one cycle", "best"),
    "original": Recipe(False, torch.optim.Adam, 8e-3, "plateau", "last"),
}


@dataclass(frozen=True)
class Settings:
    """Everything but the data that a training depends on. learning_rate 0 takes the recipe's."""

    target: str
    model: int = 1
    recipe: str = "default"
    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 0.0
    seed: int = 1

    def __post_init__(self):
        check_choice("recipe", self.recipe, RECIPES)
        if self.epochs < 1 or self.batch_size < 2 or self.learning_rate < 0:
            raise ValueError(
                f"got epochs={self.epochs}, batch_size={self.batch_size}, "
                f"learning_rate={self.learning_rate}; allowed: epochs >= 1, batch_size >= 2 "
                "(batch norm needs two), learning_rate >= 0 (0: the recipe's)"
            )


class Interrupted(RuntimeError):
    """The training was asked to stop; its state is saved and the next call goes on from there."""


class Trainer:
    """A training that can be stopped after any batch and continued to the same weights.

    beats: (record, 12, 600) int16 µV and values: (record,) in target unit, for training and for
    validation; both live on the device, and batches are gathered there.
    """

    def __init__(
        self,
        settings: Settings,
        training: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        device: torch.device,
    ):
        self.settings, self.recipe = settings, RECIPES[settings.recipe]
        self.device = device
        for name, (beats, values) in {"training": training, "validation": validation}.items():
            if len(beats) < 2 or not np.isfinite(values).all():
                raise ValueError(
                    f"{len(beats)} {name} records with a known {settings.target}; at least 2 are "
                    "needed, none NaN: use more records"
                )
        self.beats = torch.from_numpy(training[0]).to(device)
        self.values = torch.from_numpy(training[1].astype(np.float32)).to(device)
        self.validation = validation
        scaled = self.recipe.standardise
        self.sd = float(training[1].std(dtype=np.float64)) or 1.0
        self.mean = float(training[1].mean(dtype=np.float64)) if scaled else 0.0
        self.std = self.sd if scaled else 1.0
        self.input_scale = MICROVOLT_TO_MILLIVOLT if scaled else 1.0
        self._build()

    def _build(self) -> None:
        s = self.settings
        seed = generator(s.seed, "weights", s.target, str(s.model)).integers(2**62)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed))
            self.network = StevenNet().to(self.device)
        rate = s.learning_rate or self.recipe.learning_rate
        self.optimiser = self.recipe.optimiser(self.network.parameters(), lr=rate)
        self.batches = -(-len(self.beats) // s.batch_size)
        if len(self.beats) % s.batch_size == 1:
            self.batches -= 1  # batch norm cannot learn from a single beat
        if self.recipe.schedule == "one cycle":
            self.schedule = torch.optim.lr_scheduler.OneCycleLR(
                self.optimiser, rate, total_steps=s.epochs * self.batches
            )
        else:
            self.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimiser, factor=0.5)
        self.epoch = self.batch = 0
        self.loss_sum = torch.zeros((), device=self.device)
        self.history: list[dict] = []
        self.best = (float("inf"), None)  # validation error, weights

    def order(self) -> Tensor:
        """The order of the records in this epoch, from the seed alone."""
        s = self.settings
        draw = generator(s.seed, "epoch", s.target, str(s.model), str(self.epoch))
        return torch.from_numpy(draw.permutation(len(self.beats))).to(self.device)

    def step(self, rows: Tensor) -> None:
        """One optimiser step on the records in rows."""
        self.network.train()
        inputs = self.beats[rows].float() * self.input_scale
        wanted = (self.values[rows] - self.mean) / self.std
        self.optimiser.zero_grad(set_to_none=True)
        loss = nn.functional.mse_loss(self.network(inputs).flatten(), wanted)
        loss.backward()
        self.optimiser.step()
        if self.recipe.schedule == "one cycle":
            self.schedule.step()
        self.loss_sum += loss.detach()

    def finish_epoch(self, seconds: float) -> None:
        """Measure the validation error, note it, and keep the weights if they are the best.

        Losses are noted as mean squared errors divided by the target's variance.
        """
        error = predict(self.model(), self.validation[0]) - self.validation[1]
        mae, mse = float(np.abs(error).mean()), float(np.square(error).mean())
        loss = float(self.loss_sum) / self.batches * self.std**2
        variance = self.sd**2
        rate = self.optimiser.param_groups[0]["lr"]
        if self.recipe.schedule == "plateau":
            self.schedule.step(mse)
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "train_loss": loss / variance,
                "validation_loss": mse / variance,
                "validation_mae": mae,
                "learning_rate": rate,
                "seconds": seconds,
            }
        )
        if mae < self.best[0] or self.recipe.keep == "last":
            self.best = (mae, copy.deepcopy(self.network.state_dict()))
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss_sum = torch.zeros_like(self.loss_sum)

    def model(self, weights: dict | None = None) -> StevenNet:
        """A StevenNet that takes µV and gives the target's unit; of the present weights."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(weights or network.state_dict())
        return fold_scaling(network.eval(), self.input_scale, self.mean, self.std)

    def state(self) -> dict:
        """Everything that continuing needs, as torch.save takes it."""
        return {
            "settings": asdict(self.settings) | {"records": len(self.beats)},
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "place": (self.epoch, self.batch, self.loss_sum),
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: dict) -> bool:
        """Take up a state; False, and nothing changed, if it belongs to another training."""
        if state.get("settings") != asdict(self.settings) | {"records": len(self.beats)}:
            return False
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch, self.batch, self.loss_sum = state["place"]
        self.history, self.best = state["history"], tuple(state["best"])
        return True


def fit(
    trainer: Trainer, state_path: str | Path | None = None, save_every_s: float = 60
) -> StevenNet:
    """Train to the end and return the network to use: µV in, target unit out.

    state_path: where the state is kept, every save_every_s seconds and when SIGTERM or SIGUSR1
    comes; a state found there is continued, and deleted at the end. Raises Interrupted after such
    a signal.
    """
    state_path = Path(state_path) if state_path else None
    _continue(trainer, state_path)
    s = trainer.settings
    saved = time.monotonic()
    with (
        _stop_signals() as stop,
        progress(s.epochs * trainer.batches, f"{s.target} model {s.model}") as bar,
    ):
        bar.update(trainer.epoch * trainer.batches + trainer.batch)
        while trainer.epoch < s.epochs:
            order, began = trainer.order(), time.monotonic()
            while trainer.batch < trainer.batches:
                first = trainer.batch * s.batch_size
                trainer.step(order[first : first + s.batch_size])
                trainer.batch += 1
                bar.update()
                if state_path and (stop.is_set() or time.monotonic() - saved > save_every_s):
                    save_state(trainer, state_path)
                    saved = time.monotonic()
                if stop.is_set():
                    raise Interrupted(
                        f"{s.target} model {s.model}: stopped by a signal, state kept"
                    )
            trainer.finish_epoch(time.monotonic() - began)
    if state_path:
        state_path.unlink(missing_ok=True)
    return trainer.model(trainer.best[1])


def save_state(trainer: Trainer, path: Path) -> None:
    """Write the trainer's state, whole or not at all."""
    with whole_file(path) as temporary:
        torch.save(trainer.state(), temporary)


def _continue(trainer: Trainer, path: Path | None) -> None:
    if path is None or not path.is_file():
        return
    try:
        state = torch.load(path, map_location=trainer.device, weights_only=True)
    except Exception:  # torch documents no list; a state that cannot be read is made anew
        state = {}
    if not trainer.restore(state):
        path.unlink()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGUSR1 set, where signals can be caught (the main thread)."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    caught = (signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in caught}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
