"""Checks of arguments; the messages name the value and what is allowed."""

import math

import numpy as np

from .ecg import TARGETS


def check_choice(kind: str, value: str, allowed) -> str:
    """Return value if it is one of allowed, else raise ValueError naming all that are."""
    if value not in allowed:
        raise ValueError(f"unknown {kind} {value!r}; choose one of {', '.join(allowed)}")
    return value


def check_target(target: str) -> str:
    """Return target if it is one of TARGETS, else raise ValueError naming them."""
    return check_choice("target", target, TARGETS)


def check_number(name: str, value, low: float, high: float = math.inf, *, whole: bool = False):
    """Return value if it is a finite number from low to high, else raise ValueError saying so."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    right = isinstance(value, kinds) and not isinstance(value, bool)
    if not (right and math.isfinite(value) and low <= value <= high):
        kind = "a whole number" if whole else "a number"
        ends = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
        raise ValueError(f"{name} is {value!r}; allowed: {kind} {ends}")
    return value
