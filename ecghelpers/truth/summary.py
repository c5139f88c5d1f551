"""A number a record, summed up: mean with its interval, and how far it lies above a floor's."""

from collections.abc import Sequence

import numpy as np

from ..statistics import bootstrap_weights, mean_interval, sign_flip_test


def summary(values: np.ndarray, groups: Sequence | None = None) -> dict[str, float]:
    """n, value (mean), low and high (95 % interval over records) of what is known of (record,).

    groups: (record,) patients. The ends are NaN below two records, all but n below one.
    """
    known = np.isfinite(values)
    count = int(known.sum())
    row = {"n": count, "value": float(values[known].mean()) if count else np.nan}
    row |= {"low": np.nan, "high": np.nan}
    if count > 1:
        of = None if groups is None else np.asarray(groups)[known]
        _, low, high = mean_interval(values[known], bootstrap_weights(count, groups=of))
        row |= {"low": float(low), "high": float(high)}
    return row


def over_floor(floor: str, gains: np.ndarray, groups: Sequence | None = None) -> dict[str, float]:
    """Columns ``over_<floor>``, ``…_low``, ``…_high`` and ``…_p``: of a sign-flip test of (record,)
    gains over a floor on the same records."""
    test = sign_flip_test(gains, groups)
    ends = {"": test.mean, "_low": test.low, "_high": test.high, "_p": test.p}
    return {f"over_{floor}{end}": value for end, value in ends.items()}
