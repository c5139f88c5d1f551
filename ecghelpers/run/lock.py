"""One run per results folder, and its steps."""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO

from ..paths import shown


class UsageError(Exception):
    """A mistake that the user can correct; its text is the one line to print."""


def lock(results: Path) -> IO:
    """Lock a results folder for one run, until the file that is returned is closed.

    The system closes it when this process ends. Raises UsageError if another run holds the folder
    or it cannot be written.
    """
    folder = shown(results, Path.cwd())
    try:
        results.mkdir(parents=True, exist_ok=True)
        file = open(results / ".lock", "a+", buffering=1)  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(f"host {socket.gethostname()}, process {os.getpid()}\n")
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "one that has just started"
        raise UsageError(f"{folder} is in use by another run: {owner}") from None
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    return file


def hold_steps(results: Path) -> IO:
    """Tell the next run that a step is still running, until this process ends."""
    file = open(results / ".steps", "a")  # noqa: SIM115
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def wait_for_steps(results: Path) -> None:
    """Wait until the steps of a run that was killed have saved their state."""
    with open(results / ".steps", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting: the steps of a killed run save their state", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
