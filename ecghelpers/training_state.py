"""The state of a training on disk, and the signals that ask a training to stop."""

import io
import signal
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch

from .files import pieces_folder, remove_temporaries, whole_file


class Continuable(Protocol):
    """What has a state: a Trainer."""

    def state(self) -> dict: ...
    def restore(self, state: object) -> str: ...


class Interrupted(RuntimeError):
    """The training was asked to stop; its state is saved and the next call goes on from there."""


def state_of(output: str | Path) -> Path:
    """Where the state of the training lies that makes a file: with what is kept of it."""
    return pieces_folder(output) / "training.state"


def save_state(trainer: Continuable, path: str | Path) -> None:
    """Write the trainer's state, whole or not at all. Raises OSError."""
    packed = io.BytesIO()  # torch's own writing to files hides why it fails
    torch.save(trainer.state(), packed)
    with whole_file(path) as temporary:
        temporary.write_bytes(packed.getvalue())


def keep_state(trainer: Continuable, path: Path | None, stopped: str) -> None:
    """Save the state where it has a place; raise Interrupted if stopped names a training."""
    sentence = f"{stopped}: stopped by a signal"
    try:
        if path:
            save_state(trainer, path)
    except OSError as error:
        raise OSError(f"{sentence}, state not kept: {error}" if stopped else str(error)) from error
    if stopped:
        raise Interrupted(f"{sentence}, state {'kept' if path else 'not kept'}")


def take_up_state(trainer: Continuable, path: Path) -> None:
    """Take up the state at path; say why, and remove it, if that cannot be."""
    remove_temporaries(path)  # of a run that was killed while it saved
    if not path.exists():
        return
    try:
        reason = trainer.restore(_unpacked(path))
    except Exception as error:  # neither torch nor zipfile documents a list
        reason = f"it is damaged ({(str(error).splitlines() or [type(error).__name__])[0]})"
    if reason:
        print(f"{path} is not taken up, the training begins anew: {reason}", file=sys.stderr)
        path.unlink()


def _unpacked(path: Path) -> object:
    """A state as it was saved. Raises an error of zipfile, pickle or torch if it is damaged."""
    with zipfile.ZipFile(path) as packed:  # whose checksums torch does not look at
        if broken := packed.testzip():
            raise ValueError(f"checksum of {broken}")
    # to the CPU, where Adam counts its steps; the rest is copied to its place
    return torch.load(path, map_location="cpu", weights_only=True)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
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
