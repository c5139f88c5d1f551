"""Devices, processes, random generators and progress bars."""

import ctypes
import hashlib
import os
import signal
import sys

import numpy as np

from .validation import check_choice

DEVICES = ("auto", "cpu", "cuda")
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def resolve_device(device: str = "auto"):
    """The torch.device to compute on: ``auto`` is CUDA where there is one, the CPU otherwise."""
    import torch

    check_choice("device", device, DEVICES)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but torch finds no GPU; use auto or cpu")
    return torch.device(device)


def cores() -> int:
    """How many processors this process is bound to."""
    bound = hasattr(os, "sched_getaffinity")  # not on macOS
    return len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have Linux signal this process when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def generator(seed: int, *labels: str) -> np.random.Generator:
    """A random generator that depends on seed and labels alone: not on order, batch or machine."""
    text = "\x1f".join([str(int(seed)), *map(str, labels)])
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def progress(total: int, description: str, *, quiet: bool = False):
    """A tqdm bar to be updated by hand; TQDM_DISABLE=1 silences it, for logs."""
    from tqdm import tqdm

    silenced = {"disable": True} if quiet else {}  # else the environment decides
    return tqdm(total=total, desc=description, leave=False, **silenced)
