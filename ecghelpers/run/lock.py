"""One run per results folder, and no process that outlives the one that needs it."""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

LOCK, STEPS = ".lock", ".lock.steps"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class UsageError(Exception):
    """Something that the user can put right; its text is the one line that says so."""


def display_path(path: Path) -> str:
    """A path as people read it: relative to the current folder where it lies in it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@contextlib.contextmanager
def lock(results: Path) -> Iterator[None]:
    """Hold a results folder for one run; the system releases it when this process dies.

    Raises UsageError when another run holds the folder or it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            results.mkdir(parents=True, exist_ok=True)
            _take(stack.enter_context(open(results / LOCK, "a+")), results)
        except OSError as error:
            raise UsageError(
                f"{display_path(results)} cannot be written: {error.strerror}"
            ) from error
        yield


def await_steps(results: Path) -> None:
    """Wait for the steps of an earlier run that was killed, which may be saving their state."""
    with open(results / STEPS, "a+") as steps:
        try:
            fcntl.flock(steps, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for the steps of an earlier run to end", flush=True)
            fcntl.flock(steps, fcntl.LOCK_EX)


def _take(held: TextIO, results: Path) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.seek(0)
        owner = held.read().strip() or "one that has just started"
        raise UsageError(f"{display_path(results)} is in use by another run: {owner}") from None
    held.truncate(0)
    held.write(f"host {socket.gethostname()}, process {os.getpid()}")
    held.flush()


@contextlib.contextmanager
def working_in(results: Path) -> Iterator[None]:
    """Let the next run in a results folder wait while this step is at work."""
    with open(results / STEPS, "a+") as steps:
        fcntl.flock(steps, fcntl.LOCK_SH)
        yield


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask Linux to signal this process when the one that started it dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
