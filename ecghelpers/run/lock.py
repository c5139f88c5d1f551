"""One run per results folder, and no process that outlives its parent."""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class UsageError(Exception):
    """A mistake that the user can correct; its text is the one line to print."""


def display_path(path: Path) -> str:
    """A path for messages: relative to the current folder if it lies inside."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@contextlib.contextmanager
def lock(results: Path) -> Iterator[None]:
    """Lock a results folder for one run; the system releases it when this process ends.

    Raises UsageError if another run holds the folder or it cannot be written.
    """
    folder = display_path(results)
    with contextlib.ExitStack() as stack:
        try:
            results.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(results / LOCK, "a+"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            file.write(f"host {socket.gethostname()}, process {os.getpid()}")
            file.flush()
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "one that has just started"
            raise UsageError(f"{folder} is in use by another run: {owner}") from None
        except OSError as error:
            raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
        yield


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have Linux signal this process when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
