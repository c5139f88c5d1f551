"""A number a record, summed up: mean with its interval, and how far it lies above a floor's."""

from collections.abc import Sequence

import numpy as np

from ..statistics import sign_flip_test


def summary(values: np.ndarray, groups: Sequence | None = None) -> dict[str, float]:
    """n, value (mean), low and high (95 % interval over records) of what is known of (record,).

    The interval holds every mean that a sign-flip test does not reject, because verdicts rest on
    it, and a bootstrap's is too narrow for few records. groups: (record,) patients. The ends are
    NaN below the six that such a test needs, all but n below one.
    """
    test = sign_flip_test(values, groups)
    low, high = (end if np.isfinite(end) else np.nan for end in (test.low, test.high))
    known = int(np.isfinite(values).sum())
    return {"n": known, "value": test.mean, "low": low, "high": high}


def over_floor(floor: str, gains: np.ndarray, groups: Sequence | None = None) -> dict[str, float]:
    """Columns ``over_<floor>``, ``…_low``, ``…_high`` and ``…_p``: of a sign-flip test of (record,)
    gains over a floor on the same records."""
    test = sign_flip_test(gains, groups)
    ends = {"": test.mean, "_low": test.low, "_high": test.high, "_p": test.p}
    return {f"over_{floor}{end}": value for end, value in ends.items()}
