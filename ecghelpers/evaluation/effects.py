"""Does the network follow its target's definition? Its response to edits with a known effect."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from torch import nn

from ..formatting import format_number, interval
from ..measurement import measure_medians
from ..network.prediction import predict
from .edits import EDITS, edit_beats
from .rr_interval import SAMPLES_A_MINUTE, rr_samples
from .statistics import summary

SLOPE = "slope"
MEASURED_RECORDS = 32
USUAL_RATE = 70.0  # beats/min, for measuring a beat that does not show its neighbours
RATES = 20.0, 300.0  # beats/min that a beat can be measured with
COLUMNS = (
    *("edit", "dose", "n", "true", "measured"),
    *("predicted", "predicted_low", "predicted_high"),
)


def effects_table(
    model: nn.Module,
    beats_uv: np.ndarray,
    fiducials: np.ndarray,
    target: str,
    doses: Sequence[float] | None = None,
    *,
    rate: np.ndarray | None = None,
    groups: Sequence | None = None,
    measured_records: int = MEASURED_RECORDS,
) -> pd.DataFrame:
    """What edits of the target do to the label, to its measurement and to the prediction.

    beats_uv: (record, 12, 600) µV; fiducials: (record, 6); doses: in target unit, by default those
    of EDITS; rate: (record,) beats/min where known; groups: (record,) patients. One row per dose,
    in the target's unit: true (the dose), measured (median change of measure_median over the first
    measured_records, since single beats jump; the rate as estimated from the beat), predicted (mean
    change of the model's output, with its 95 % interval over records). In the last row, edit
    ``slope``, these columns hold the slope through zero against the dose: 1 if the network follows
    the definition, less if it reads part of the label elsewhere. Rows without a record (n = 0: no
    fiducials, or the edit does not fit) hold NaN. Raises ValueError for a dose of 0.
    """
    doses = tuple(float(d) for d in (EDITS[target].doses if doses is None else doses))
    if 0 in doses:
        raise ValueError(f"got doses {doses}; allowed: any but 0, which changes nothing")
    beats = np.asarray(beats_uv, np.float32)
    rate = None if rate is None else np.asarray(rate, float)
    targets = partial(_targets_of, model, fiducials, target, rate, slice(0, measured_records))
    before, edit = targets(beats), partial(edit_beats, beats, fiducials, target, rate=rate)
    after = [targets(edit(dose)) for dose in doses]
    measured, predicted = (np.stack([a[k] - before[k] for a in after], 1) for k in (0, 1))
    rows = [
        {"edit": EDITS[target].label, "dose": dose, "true": dose}
        | _means(measured[:, column], predicted[:, column], groups)
        for column, dose in enumerate(doses)
    ]
    slopes = _slopes(measured, doses), _slopes(predicted, doses)
    rows.append({"edit": SLOPE, "dose": np.nan, "true": 1.0} | _means(*slopes, groups))
    return pd.DataFrame(rows)[list(COLUMNS)]


def _targets_of(
    model: nn.Module,
    fiducials: np.ndarray,
    target: str,
    rate: np.ndarray | None,
    few: slice,
    beats: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The target as measured on the first few beats, and as predicted on all, NaN where missing."""
    valid = np.isfinite(beats).all((1, 2))
    outputs = predict(model, beats[valid])
    predicted = np.full(len(beats), np.nan, outputs.dtype)
    predicted[valid] = outputs
    return _measured(beats[few], fiducials[few], target, _part(rate, few)), predicted


def _means(measured: np.ndarray, predicted: np.ndarray, groups: Sequence | None) -> dict:
    mean, finite = summary(predicted, groups), measured[np.isfinite(measured)]
    return {
        "n": mean["n"],
        "measured": float(np.median(finite)) if len(finite) else np.nan,
        "predicted": mean["value"],
        "predicted_low": mean["low"],
        "predicted_high": mean["high"],
    }


def _slopes(changes: np.ndarray, doses: Sequence[float]) -> np.ndarray:
    """(record,) least-squares slope through zero over the doses that fit, else NaN."""
    valid, doses = np.isfinite(changes), np.array(doses)
    square = (valid * doses**2).sum(1)
    return np.where(
        square > 0,
        (np.where(valid, changes, 0) * doses).sum(1) / np.where(square > 0, square, 1),
        np.nan,
    )


def _measured(
    beats: np.ndarray, fiducials: np.ndarray, target: str, rate: np.ndarray | None
) -> np.ndarray:
    """(record,) the target measured on each beat alone, NaN where it cannot be."""
    if target == "VentRate":
        valid = np.isfinite(beats).all((1, 2))
        rates = np.full(len(beats), np.nan)
        rates[valid] = SAMPLES_A_MINUTE / rr_samples(beats[valid], fiducials[valid])
        return rates
    rates = np.full(len(beats), USUAL_RATE) if rate is None else rate
    rates = np.where((rates >= RATES[0]) & (rates <= RATES[1]), rates, USUAL_RATE)
    valid = np.isfinite(beats).all((1, 2)) & (np.ptp(beats, axis=2) > 0).any(1)
    values = np.full(len(beats), np.nan)
    values[valid] = [m[1][target] for m in measure_medians(beats[valid], 60000 / rates[valid])]
    return values


def _part(values: np.ndarray | None, rows: slice) -> np.ndarray | None:
    return None if values is None else values[rows]


def follows_definition(table: pd.DataFrame, least: float = 0.8) -> tuple[bool, str]:
    """Whether the network follows its target's definition, and the answer as a sentence.

    It does if the whole interval of the slope lies within least … 2 - least. If the interval
    crosses a limit, or is missing for too few records, the sentence says that it is unclear.
    """
    slope = table[table["edit"] == SLOPE].iloc[0]
    if not slope["n"]:
        return False, "no record could be edited, so the definition cannot be tested"
    low, high, value = (
        slope["predicted_low"],
        slope["predicted_high"],
        format_number(slope["predicted"]),
    )
    if not np.isfinite([low, high]).all():
        few = f"{slope['n']:.0f} edited ECGs are too few to decide whether"
        return False, f"{few} the network follows the definition: slope {value} of 1"
    value += f" (95 % interval {interval(low, high, '.2f')}) of 1"
    if high < least or low > 2 - least:
        return False, f"the network does not follow the definition: slope {value}"
    if low < least or high > 2 - least:
        return False, f"it is unclear whether the network follows the definition: slope {value}"
    return True, f"the network follows the definition: slope {value}"
