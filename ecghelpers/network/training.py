"""Fitting a StevenNet to one target. The state is saved, so that an interrupted fit can resume."""

import io
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ..files import atomic_write, provenance, remove_temporaries, write_json
from ..runtime import progress
from .model import StevenNet, save_model
from .trainer import Trainer, TrainingConfig

__all__ = ["Interrupted", "Trainer", "TrainingConfig", "fit", "write_network"]

SAVE_EVERY_S = 600


class Interrupted(RuntimeError):
    """A signal stopped the training; its state is saved and the next call continues from there."""


def fit(trainer: Trainer, state_path: str | Path | None = None) -> StevenNet:
    """Train to the end and return the best network: µV in, target unit out.

    state_path: file for the state, written after every epoch, every ten minutes within one, and on
    SIGTERM or SIGUSR1. A state found there is continued, a finished one at no cost. Raises
    Interrupted after a signal, and OSError if the state cannot be written.
    """
    if state_path:
        continue_from(Path(state_path), trainer)
    c, saved = trainer.config, time.monotonic()
    name = f"{c.target} model {c.model}"
    with stop_signals() as stop, progress(c.epochs * trainer.batches, name) as bar:
        bar.update(trainer.epoch * trainer.batches + trainer.batch)
        while trainer.epoch < c.epochs:
            order, began = trainer.order(), time.monotonic()
            while trainer.batch < trainer.batches and not stop.is_set():
                first = trainer.batch * c.batch_size
                trainer.step(order[first : first + c.batch_size])
                trainer.batch += 1
                bar.update()
                if state_path and time.monotonic() - saved > SAVE_EVERY_S:
                    save_state(trainer, Path(state_path))
                    saved = time.monotonic()
            if trainer.batch == trainer.batches:
                trainer.finish_epoch(time.monotonic() - began)
            if state_path:
                save_state(trainer, Path(state_path), name if stop.is_set() else "")
            if stop.is_set():
                kept = "kept" if state_path else "not kept"
                raise Interrupted(f"{name}: stopped by a signal, state {kept}")
    return trainer.model(trainer.best[1])


def write_network(path: str | Path, network: StevenNet, config: dict, history: list[dict]) -> None:
    """Write weights, configuration and versions to path, and training.json beside it.

    config: JSON values that describe the training, such as the fields of a TrainingConfig. The
    history goes to training.json alone.
    """
    about = {"settings": config, "version": provenance()}
    save_model(path, network, {key: json.dumps(value) for key, value in about.items()})
    write_json(Path(path).with_name("training.json"), about | {"history": history})


def save_state(trainer: Trainer, path: Path, stopped: str = "") -> None:
    """Write the trainer's state in one atomic step.

    stopped: name of a training that a signal has stopped, for the message. Raises OSError.
    """
    packed = io.BytesIO()  # torch's own file writer hides the reason of a failure
    torch.save(trainer.state(), packed)
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(packed.getvalue())
    except OSError as error:
        prefix = f"{stopped}: stopped by a signal, state not kept: " if stopped else ""
        raise OSError(f"{prefix}{error}") from error


def continue_from(path: Path, trainer: Trainer) -> None:
    """Restore the state at path, or remove it and say why it cannot be used."""
    remove_temporaries(path)  # left by a run that was killed while saving
    if not path.exists():
        return
    try:
        # to the CPU, where Adam keeps its step count; load_state_dict copies the rest
        trainer.restore(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch documents no complete list
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"{path} is not used, the training starts again: {reason}", file=sys.stderr)
        path.unlink()


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGUSR1 set; outside the main thread nothing sets it."""
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
