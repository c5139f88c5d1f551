"""Does the network follow its target's definition? Its response to edits with a known effect."""

from collections.abc import Sequence

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
LIMITS = 0.8, 1.2  # of the slope of a network that follows its definition
MEASURED_RECORDS = 32
USUAL_RATE = 70.0  # beats/min, for measuring a beat whose rate is unknown
RATES = 20.0, 300.0  # beats/min that a beat can be measured with
COLUMNS = ["edit", "dose", "n", "true", "measured", "predicted", "predicted_low", "predicted_high"]


def effects_table(
    model: nn.Module,
    beats_uv: np.ndarray,
    fiducials: np.ndarray,
    target: str,
    rate: np.ndarray,
    *,
    groups: Sequence | None = None,
    measured_records: int = MEASURED_RECORDS,
) -> pd.DataFrame:
    """What edits of the target do to the label, to its measurement and to the prediction.

    beats_uv: (record, 12, 600) µV; fiducials: (record, 6); rate: (record,) beats/min, NaN where
    unknown; groups: (record,) patients. One row per dose of EDITS, in the target's unit: true (the
    dose), measured (median change of measure_median over the first measured_records, since single
    beats jump; the rate as estimated from the beat), predicted (mean change of the model's output,
    with its 95 % interval over records). In the last row, edit ``slope``, these columns hold the
    slope through zero against the dose: 1 if the network follows the definition, less if it reads
    part of the label elsewhere. Rows without a record (n = 0: no fiducials, or the edit does not
    fit) hold NaN.
    """
    beats, few = np.asarray(beats_uv, np.float32), slice(measured_records)
    doses = np.array(EDITS[target].doses, float)
    edited = [edit_beats(beats, fiducials, target, dose, rate=rate) for dose in doses]
    measured, predicted = [], []
    for version in (beats, *edited):
        measured.append(_measured(version[few], fiducials[few], target, rate[few]))
        predicted.append(_predicted(model, version))
    measured, predicted = (np.transpose(v[1:] - v[0]) for v in map(np.array, (measured, predicted)))
    rows = [
        {"edit": EDITS[target].label, "dose": dose, "true": dose}
        | _means(measured[:, column], predicted[:, column], groups)
        for column, dose in enumerate(doses)
    ]
    slopes = _slopes(measured, doses), _slopes(predicted, doses)
    rows.append({"edit": SLOPE, "dose": np.nan, "true": 1.0} | _means(*slopes, groups))
    return pd.DataFrame(rows)[COLUMNS]


def _predicted(model: nn.Module, beats: np.ndarray) -> np.ndarray:
    """(record,) predictions, NaN for beats that are NaN."""
    valid = np.isfinite(beats).all((1, 2))
    predicted = np.full(len(beats), np.nan, np.float32)
    predicted[valid] = predict(model, beats[valid])
    return predicted


def _means(measured: np.ndarray, predicted: np.ndarray, groups: Sequence | None) -> dict:
    mean, finite = summary(predicted, groups), measured[np.isfinite(measured)]
    return {
        "n": mean["n"],
        "measured": float(np.median(finite)) if len(finite) else np.nan,
        "predicted": mean["value"],
        "predicted_low": mean["low"],
        "predicted_high": mean["high"],
    }


def _slopes(changes: np.ndarray, doses: np.ndarray) -> np.ndarray:
    """(record,) least-squares slope through zero over the doses that fit, else NaN."""
    square = (np.isfinite(changes) * doses**2).sum(1)
    return np.nansum(changes * doses, axis=1) / np.where(square > 0, square, np.nan)


def _measured(
    beats: np.ndarray, fiducials: np.ndarray, target: str, rate: np.ndarray
) -> np.ndarray:
    """(record,) the target measured on each beat alone, NaN where it cannot be."""
    valid = np.isfinite(beats).all((1, 2)) & (np.ptp(beats, axis=2) > 0).any(1)
    values = np.full(len(beats), np.nan)
    if target == "VentRate":
        values[valid] = SAMPLES_A_MINUTE / rr_samples(beats[valid], fiducials[valid])
        return values
    rates = np.nan_to_num(rate, nan=USUAL_RATE).clip(*RATES)
    values[valid] = [m[1][target] for m in measure_medians(beats[valid], 60000 / rates[valid])]
    return values


def follows_definition(table: pd.DataFrame) -> tuple[bool, str]:
    """Whether the network follows its target's definition, and the answer as a sentence.

    It does if the whole interval of the slope lies between the LIMITS. If the interval crosses a
    limit, or is missing for too few records, the sentence says that it is unclear.
    """
    slope = table[table["edit"] == SLOPE].iloc[0]
    low, high = slope["predicted_low"], slope["predicted_high"]
    if not slope["n"]:
        return False, "no record could be edited, so the definition cannot be tested"
    value = format_number(slope["predicted"])
    if not np.isfinite([low, high]).all():
        few = f"{slope['n']:.0f} edited ECGs are too few to decide whether"
        return False, f"{few} the network follows the definition: slope {value} of 1"
    value += f" (95 % interval {interval(low, high)}) of 1"
    if high < LIMITS[0] or low > LIMITS[1]:
        return False, f"the network does not follow the definition: slope {value}"
    if low < LIMITS[0] or high > LIMITS[1]:
        return False, f"it is unclear whether the network follows the definition: slope {value}"
    return True, f"the network follows the definition: slope {value}"
