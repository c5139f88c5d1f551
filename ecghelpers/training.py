"""Fitting a StevenNet to one target, from the first step to the file of weights."""

import json
import time
from pathlib import Path

from .config import progress
from .files import provenance, write_json
from .model import StevenNet, save_model
from .trainer import RECIPES, Settings, Trainer
from .training_state import keep_state, state_of, stop_signals, take_up_state

__all__ = ["RECIPES", "Settings", "Trainer", "fit", "write_network"]


def fit(
    trainer: Trainer,
    state_path: str | Path | None = None,
    save_every_s: float = 60,
    *,
    output: str | Path | None = None,
) -> StevenNet:
    """Train to the end and return the network to use: µV in, target unit out.

    state_path: where the state is kept, every save_every_s seconds, when SIGTERM or SIGUSR1 comes,
    and at the end; output: the file that the step makes, beside which it is kept instead. A state
    found there is continued. While it is there, doing this again ends at once with the same
    weights. Raises Interrupted after such a signal, and OSError if the state cannot be written.
    """
    state_path = state_of(output) if output else state_path and Path(state_path)
    if state_path:
        take_up_state(trainer, state_path)
    s = trainer.settings
    saved, name = time.monotonic(), f"{s.target} model {s.model}"
    with (
        stop_signals() as stop,
        progress(s.epochs * trainer.batches, name) as bar,
    ):
        bar.update(trainer.epoch * trainer.batches + trainer.batch)
        while trainer.epoch < s.epochs:
            order, began = trainer.order(), time.monotonic()
            while trainer.batch < trainer.batches:
                first = trainer.batch * s.batch_size
                trainer.step(order[first : first + s.batch_size])
                trainer.batch += 1
                bar.update()
                if stop.is_set() or time.monotonic() - saved > save_every_s:
                    keep_state(trainer, state_path, name if stop.is_set() else "")
                    saved = time.monotonic()
            trainer.finish_epoch(time.monotonic() - began)
            if trainer.epoch == s.epochs:
                keep_state(trainer, state_path, name if stop.is_set() else "")
    return trainer.model(trainer.best[1])


def write_network(
    path: str | Path, network: StevenNet, settings: dict, history: list[dict]
) -> None:
    """Write weights, settings and versions to path, and the same with the history beside it.

    settings: JSON values, as ``asdict(Settings)`` gives them. The history goes to training.json.
    """
    about = {"settings": settings, "version": provenance()}
    save_model(path, network, {key: json.dumps(value) for key, value in about.items()})
    write_json(Path(path).with_name("training.json"), about | {"history": history})
