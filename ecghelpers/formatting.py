"""Numbers as people read them: with a true minus sign, and an interval as its two ends."""

import numpy as np


def format_number(value: float) -> str:
    """A number with two decimals, a minus sign as U+2212, and no sign if it rounds to zero."""
    return f"{value:z.2f}".replace("-", "\N{MINUS SIGN}")


def interval(low: float, high: float, unknown: str = "") -> str:
    """Both ends; unknown where one is not finite."""
    finite = np.isfinite([low, high]).all()
    return f"{format_number(low)} to {format_number(high)}" if finite else unknown
