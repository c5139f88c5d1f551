"""Intervals of means (Student's t) and tests of paired differences (sign flips, Holm).

Sign flips: without an effect each difference is as likely positive as negative, so flipping signs
gives the distribution under chance (Fisher, The Design of Experiments, 1935; Good, Permutation
Tests, 2000). A normal distribution is not assumed, but symmetry is. Below LEAST groups there is no
interval and no verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # quantiles of Student's t; scipy.stats takes long to import

from ..runtime import generator

ALPHA = 0.05
CONFIDENCE = 0.95
EXACT_UP_TO = 14  # groups, up to which all sign patterns are counted
FLIPS = 20_000  # sign patterns drawn for more groups
SIGNS_AT_ONCE = 2**24  # held in memory: the signs of thousands of records would not fit
LEAST = 6  # groups: with five, the smallest two-sided p is 2 / 2^5 > ALPHA
HALVINGS = 32  # steps of bisection for an end of the interval
STEADY = 3.0  # standard errors: a drawn p closer to a limit leaves the verdict unclear


@dataclass(frozen=True)
class PairedTest:
    """Mean difference, its 95 % interval, two-sided p, p's own standard error (0 where exact)."""

    mean: float
    low: float
    high: float
    p: float
    p_error: float


def sign_flip_test(differences: np.ndarray, groups: Sequence | None = None) -> PairedTest:
    """Test whether paired differences (record,) have mean zero.

    groups: (record,) patient of each record; records of one are flipped together. Records that are
    NaN do not count. The interval holds every mean that the test would not reject; it is infinite
    below LEAST groups. The same patterns are drawn every time, whatever the seed. Raises ValueError
    for groups of another length.
    """
    differences = np.asarray(differences, dtype=np.float64)
    groups = np.arange(len(differences)) if groups is None else np.asarray(groups)
    if len(groups) != len(differences):
        raise ValueError(f"{len(groups)} groups for {len(differences)} differences; give one each")
    finite = np.isfinite(differences)
    differences, groups = differences[finite], groups[finite]
    if not len(differences):
        return PairedTest(np.nan, -np.inf, np.inf, 1.0, 0.0)
    _, number = np.unique(groups, return_inverse=True)
    sums = np.bincount(number, differences)
    sizes = np.bincount(number).astype(float)
    (flipped, counted), exact = _flipped(sums, sizes)
    mean = float(differences.mean())

    def p_of(shift: float) -> float:
        """p if the true mean were shift; a hair of tolerance keeps ties of equal sums together."""
        actual = abs(sums.sum() - shift * sizes.sum())
        reached = np.abs(flipped - shift * counted) >= actual * (1 - 1e-12)
        return float(reached.mean()) if exact else float((reached.sum() + 1) / (len(reached) + 1))

    p = p_of(0.0)
    error = 0.0 if exact else float(np.sqrt(p * (1 - p) / len(flipped)))
    if len(sums) < LEAST:
        return PairedTest(mean, -np.inf, np.inf, p, error)
    reach = 4 * np.abs(differences - mean).max() + 1e-12
    low, high = (_limit(p_of, mean, mean + side * reach) for side in (-1, 1))
    return PairedTest(mean, low, high, p, error)


def _flipped(*values: np.ndarray) -> tuple[np.ndarray, bool]:
    """(value, pattern) sums of values (group,) each, the groups' signs flipped together by every
    pattern, and whether these are all patterns there are, up to a common sign."""
    columns, groups = np.stack(values, 1), len(values[0])
    if groups <= EXACT_UP_TO:
        patterns = np.arange(2 ** (groups - 1))[:, None]
        negative, exact = [(patterns >> np.arange(groups)) & 1], True
    else:
        draw, exact = generator(0, "sign flips", str(groups)), False
        rows = max(1, SIGNS_AT_ONCE // groups)
        counts = [min(rows, FLIPS - first) for first in range(0, FLIPS, rows)]
        negative = (draw.integers(0, 2, (count, groups), np.int8) for count in counts)
    return columns.sum(0)[:, None] - 2 * np.vstack([part @ columns for part in negative]).T, exact


def _limit(p_of, inside: float, outside: float) -> float:
    """Where p falls to ALPHA between a mean that is not rejected and one that is, by halving."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_of(middle) > ALPHA else (inside, middle)
    return inside


def holm(p: Sequence[float]) -> np.ndarray:
    """p values corrected for multiple tests (Holm, Scand J Stat 6:65, 1979), in the given order."""
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def verdicts(tests: Sequence[PairedTest]) -> list[str]:
    """``yes`` (above zero), ``no`` (below) or ``unclear`` for tests that belong together (Holm).

    A drawn p that lies so near its limit that other draws could decide otherwise is unclear.
    """
    surest = holm([test.p + STEADY * test.p_error for test in tests])
    return [
        "unclear" if p > ALPHA else "yes" if test.mean > 0 else "no"
        for test, p in zip(tests, surest, strict=True)
    ]


def summary(values: np.ndarray, groups: Sequence | None = None) -> dict[str, float]:
    """n, value (mean), low and high (95 % interval over records) of the finite values (record,).

    The interval holds every mean that a sign-flip test does not reject, because verdicts rest on
    it. groups: (record,) patients. The ends are NaN below six groups, all but n below one.
    """
    test = sign_flip_test(values, groups)
    low, high = (end if np.isfinite(end) else np.nan for end in (test.low, test.high))
    count = int(np.isfinite(values).sum())
    return {"n": count, "value": test.mean, "low": low, "high": high}


def t_interval(values: np.ndarray, groups: Sequence | None = None) -> dict[str, float]:
    """n, value (mean), low and high (95 %, Student's t) of the finite values (item,).

    groups: (item,) the independent unit of each item; the interval is over their means. n: items.
    The ends are NaN below two groups. For too few groups for sign flips; assumes nearly normal
    means.
    """
    values = np.asarray(values, np.float64)
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    known = np.isfinite(values)
    values = values[known]
    names, number = np.unique(groups[known], return_inverse=True)
    row = {"n": len(values), "value": np.nan, "low": np.nan, "high": np.nan}
    if not len(values):
        return row
    means = np.bincount(number, values) / np.bincount(number)
    row["value"] = float(means.mean())
    if len(names) > 1:
        quantile = stdtrit(len(names) - 1, (1 + CONFIDENCE) / 2)
        reach = quantile * means.std(ddof=1) / len(names) ** 0.5
        row |= {"low": row["value"] - reach, "high": row["value"] + reach}
    return row


def mean_interval(values: np.ndarray, groups: Sequence | None = None) -> tuple[np.ndarray, ...]:
    """Mean of (record, ...) over records and the ends of its 95 % interval, of t_interval."""
    found = [t_interval(column, groups) for column in values.reshape(len(values), -1).T]
    shape = values.shape[1:]
    return tuple(np.reshape([one[end] for one in found], shape) for end in ("value", "low", "high"))
