"""How a StevenNet is fitted: recipe, settings, one step, one epoch, and the state between them."""

import copy
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from .config import check_choice, generator
from .files import array_digest, provenance
from .fingerprint import code_digest
from .model import StevenNet, fold_scaling
from .prediction import predict

MICROVOLT_TO_MILLIVOLT = 1e-3
RECORDS_AT_ONCE = 4096  # on their way to another device


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


class Trainer:
    """A training that can be stopped after any batch and continued to the same weights.

    beats: (record, 12, 600) int16 µV and values: (record,) in target unit, for training and for
    validation. On CUDA the training beats live on the device; on the CPU they stay where they are,
    in a file perhaps, and are read a batch at a time.
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
        self.beats = training[0] if device.type == "cpu" else moved(training[0], device)
        self.values = torch.from_numpy(training[1].astype(np.float32)).to(device)
        self.validation = validation
        self.data = (*training, *validation)
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
            self.network = self.untrained().to(self.device)
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

    def untrained(self) -> StevenNet:
        """The network to begin with, its weights drawn from torch's generator."""
        return StevenNet()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What is made small: outputs (record, 1) against the scaled target (record,)."""
        return nn.functional.mse_loss(outputs.flatten(), targets)

    def order(self) -> Tensor:
        """The order of the records in this epoch, from the seed alone."""
        s = self.settings
        draw = generator(s.seed, "epoch", s.target, str(s.model), str(self.epoch))
        return torch.from_numpy(draw.permutation(len(self.beats))).to(self.device)

    def step(self, rows: Tensor) -> None:
        """One optimiser step on the records in rows."""
        self.network.train()
        beats = self.beats[rows if isinstance(self.beats, Tensor) else rows.numpy()]
        inputs = torch.as_tensor(beats).float() * self.input_scale
        targets = (self.values[rows] - self.mean) / self.std
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self.network(inputs), targets)
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

    @cached_property
    def identity(self) -> dict:
        """What a state must share with this training for it to go on from there."""
        return {
            "settings": asdict(self.settings),
            "data": array_digest(*self.data),
            "code": code_digest("training"),  # that of fit, and of what it rests on
            "version": provenance(),
        }

    def state(self) -> dict:
        """Everything that continuing needs, as torch.save takes it."""
        return {
            "identity": self.identity,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "place": (self.epoch, self.batch, self.loss_sum),
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: object) -> str:
        """Take up a state. Returns why not, with the training at its start, or "" if it did."""
        identity = state.get("identity") if isinstance(state, dict) else None
        if not isinstance(identity, dict):
            return "it is no state of a training"
        other = [name for name, value in self.identity.items() if identity.get(name) != value]
        if other:
            return f"it is of a training with other {', '.join(other)}"
        try:
            self._take_up(state)
        except Exception as error:  # what is missing or odd in it shows in many ways
            self._build()
            return f"it is damaged ({type(error).__name__}: {error})"
        return ""

    def _take_up(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        epoch, batch, loss_sum = state["place"]
        error, weights = state["best"]
        self.model(weights)  # raises unless they are this network's
        if not (0 <= batch <= self.batches and epoch == len(state["history"])):
            raise ValueError(f"epoch {epoch}, batch {batch} is no place in this training")
        self.epoch, self.batch, self.loss_sum = epoch, batch, loss_sum.to(self.device)
        self.history, self.best = state["history"], (error, weights)


def moved(beats: np.ndarray, device: torch.device) -> Tensor:
    """A copy on the device, made piece by piece."""
    dtype = torch.from_numpy(np.empty(0, beats.dtype)).dtype
    copy = torch.empty(beats.shape, dtype=dtype, device=device)
    for first in range(0, len(beats), RECORDS_AT_ONCE):
        part = slice(first, first + RECORDS_AT_ONCE)
        copy[part] = torch.from_numpy(np.ascontiguousarray(beats[part]))
    return copy
