"""Numbers as people read them: with a true minus sign, and an interval as its two ends."""

import numpy as np


def format_number(value: float, form: str = "z.2f") -> str:
    """A number in a format of Python's (z: zero has no sign), its minus signs as U+2212."""
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def significant(value: float) -> str:
    """Two significant digits, or all whole ones: never with an exponent above 1."""
    return format_number(value, ".2g" if abs(value) < 99.5 else ".0f")


def interval(low: float, high: float, form: str | None = None, unknown: str = "") -> str:
    """Both ends in a format, by default significant; unknown where one is not finite."""
    if not np.isfinite([low, high]).all():
        return unknown
    ends = [format_number(end, form) if form else significant(end) for end in (low, high)]
    return " to ".join(ends)
