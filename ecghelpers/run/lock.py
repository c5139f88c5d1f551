"""One run a results folder, and no process that outlives the one that needs it."""

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


class Refusal(Exception):
    """Something that the user can put right; its text is the one line that says so."""


def short(path: Path) -> str:
    """A path as people read it: relative to where they stand, when that is shorter."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


@contextlib.contextmanager
def lock(results: Path) -> Iterator[None]:
    """Hold a results folder for one run. The system lets go of it when this process dies.

    Raises Refusal when another run holds it or nothing can be written there.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        handle = os.open(results / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise Refusal(f"{short(results)} cannot be written: {error.strerror}") from error
    try:
        _take(handle, results)
        yield
    finally:
        os.close(handle)


def _take(handle: int, results: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.write(handle, f"host {socket.gethostname()}, process {os.getpid()}\n".encode())
    except BlockingIOError:
        owner = os.read(handle, 200).decode(errors="replace").strip()
        owner = owner or "a process that has not said its name yet"
        raise Refusal(f"{short(results)} is in use by another run: {owner}") from None
    except OSError as error:
        raise Refusal(f"{short(results)} cannot be used: {error}") from error


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask Linux to signal this process when the one that started it dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
