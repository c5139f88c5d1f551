"""Fitting a StevenNet: recipes, configuration, one step, one epoch and the state between steps."""

import copy
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from ..files import array_digest
from ..runtime import generator
from .model import StevenNet, fold_scaling
from .prediction import predict

MICROVOLT_TO_MILLIVOLT = 1e-3
STATE_VERSION = 1  # to be raised when a saved state can no longer be continued


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted. standardise: mV in, (target − mean) / SD out during training."""

    standardise: bool
    optimiser: type[torch.optim.Optimizer]
    learning_rate: float
    schedule: str  # "one cycle": a step per batch; "plateau": halved when validation stalls
    keep: str  # "best" validation error, or the "last" epoch


RECIPES = {
    "default": Recipe(True, torch.optim.AdamW, 3e-3, "one cycle", "best"),
    "original": Recipe(False, torch.optim.Adam, 8e-3, "plateau", "last"),
}


@dataclass(frozen=True)
class TrainingConfig:
    """Everything but the data that a training depends on.

    recipe: a key of RECIPES; batch_size: at least two, for batch norm; learning_rate 0: the
    recipe's.
    """

    target: str
    model: int = 1
    recipe: str = "default"
    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 0.0
    seed: int = 1


class Trainer:
    """A training that can stop after any batch and continue to the same weights.

    training, validation: beats (record, 12, 600) int16 in µV and values (record,) in target unit.
    On CUDA the training beats are copied to the device; on the CPU they are read batch by batch,
    possibly from a file. Raises ValueError for fewer than two records or values that are not
    finite.
    """

    def __init__(
        self,
        config: TrainingConfig,
        training: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        device: torch.device,
    ):
        self.config, self.recipe, self.device = config, RECIPES[config.recipe], device
        for name, (beats, values) in {"training": training, "validation": validation}.items():
            if len(beats) < 2 or not np.isfinite(values).all():
                raise ValueError(
                    f"{len(beats)} {name} records with a known {config.target}; at least 2 are "
                    "needed, none NaN: use more records"
                )
        self.training, self.validation = training, validation
        beats = training[0]
        on_cpu = device.type == "cpu"
        self.beats = beats if on_cpu else torch.from_numpy(np.asarray(beats)).to(device)
        self.values = torch.from_numpy(training[1].astype(np.float32)).to(device)
        scaled = self.recipe.standardise
        self.sd = float(training[1].std(dtype=np.float64)) or 1.0
        self.mean = float(training[1].mean(dtype=np.float64)) if scaled else 0.0
        self.std = self.sd if scaled else 1.0
        self.input_scale = MICROVOLT_TO_MILLIVOLT if scaled else 1.0
        self._build()

    def _build(self) -> None:
        c = self.config
        seed = generator(c.seed, "weights", c.target, str(c.model)).integers(2**62)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed))
            self.network = StevenNet().to(self.device)
        rate = c.learning_rate or self.recipe.learning_rate
        self.optimiser = self.recipe.optimiser(self.network.parameters(), lr=rate, fused=True)
        self.batches = -(-len(self.beats) // c.batch_size)
        if len(self.beats) % c.batch_size == 1:
            self.batches -= 1  # batch norm cannot learn from a single beat
        if self.recipe.schedule == "one cycle":
            self.schedule = torch.optim.lr_scheduler.OneCycleLR(
                self.optimiser, rate, total_steps=c.epochs * self.batches
            )
        else:
            self.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimiser, factor=0.5)
        self.epoch = self.batch = 0
        self.loss_sum = torch.zeros((), device=self.device)
        self.history: list[dict] = []
        self.best = (float("inf"), None)  # validation error, weights

    def order(self) -> Tensor:
        """The order of the records in this epoch, which depends on the seed alone."""
        c = self.config
        draw = generator(c.seed, "epoch", c.target, str(c.model), str(self.epoch))
        return torch.from_numpy(draw.permutation(len(self.beats))).to(self.device)

    def step(self, rows: Tensor) -> None:
        """Take one optimiser step on the records in rows."""
        self.network.train()
        beats = self.beats[rows if isinstance(self.beats, Tensor) else rows.numpy()]
        inputs = torch.as_tensor(beats).float() * self.input_scale
        targets = (self.values[rows] - self.mean) / self.std
        self.optimiser.zero_grad(set_to_none=True)
        loss = nn.functional.mse_loss(self.network(inputs).flatten(), targets)
        loss.backward()
        self.optimiser.step()
        if self.recipe.schedule == "one cycle":
            self.schedule.step()
        self.loss_sum += loss.detach()

    def finish_epoch(self, seconds: float) -> None:
        """Measure the validation error, record it, and keep the weights if they are the best.

        Losses in the history are mean squared errors divided by the target's variance.
        """
        error = predict(self.model(), self.validation[0]) - self.validation[1]
        mae, mse = float(np.abs(error).mean()), float(np.square(error).mean())
        loss = float(self.loss_sum) / self.batches * self.std**2
        rate = self.optimiser.param_groups[0]["lr"]
        if self.recipe.schedule == "plateau":
            self.schedule.step(mse)
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "train_loss": loss / self.sd**2,
                "validation_loss": mse / self.sd**2,
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
        """Return a StevenNet that takes µV and gives the target's unit, by default as it is now."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(weights or network.state_dict())
        return fold_scaling(network.eval(), self.input_scale, self.mean, self.std)

    @cached_property
    def checkpoint_key(self) -> dict:
        """What a saved state must share with this training to be continued by it."""
        return {
            "config": asdict(self.config),
            "recipe": str(self.recipe),
            "data": array_digest(*self.training, *self.validation),
            "version": f"{STATE_VERSION}, torch {torch.__version__}",
        }

    def state(self) -> dict:
        """Everything needed to continue, in a form that torch.save accepts."""
        return {
            "key": self.checkpoint_key,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "place": (self.epoch, self.batch, self.loss_sum),
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: dict) -> None:
        """Continue from a state. Raises ValueError if it belongs to another training."""
        mine, key = self.checkpoint_key, state["key"]
        if other := [name for name in mine if key.get(name) != mine[name]]:
            raise ValueError(f"it belongs to a training with other {', '.join(other)}")
        try:
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.epoch, self.batch, loss_sum = state["place"]
            self.loss_sum = loss_sum.to(self.device)
            self.history, self.best = state["history"], state["best"]
            self.model(self.best[1])  # raises unless the weights are this network's
        except Exception:
            self._build()  # nothing of a damaged state may remain
            raise
