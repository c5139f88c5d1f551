"""Figures of networks: how they learn, how their predictions agree, and their errors.

Numbers come in, pictures go out.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ..ecg import TARGETS
from ..formatting import format_number
from .picture import OURS, PANELS, PLAIN, PUBLISHED, Picture, panels

PREDICTING_THE_MEAN = "predicting\nthe mean"
NAMED = 3  # records with the largest errors


def _log_axis(axis) -> None:
    """A logarithmic axis with whole numbers at 1, 2 and 5 times a power of ten, nothing between."""
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def learning_curve(history, target: str | None = None) -> Picture:
    """Loss and error against epoch.

    history: one row per epoch (list of dicts) or one list per column (dict): ``epoch`` and any of
    ``*_loss`` (drawn on the left, log scale), ``*_mae`` and ``*_rmse`` (right, in target unit).
    """
    history = pd.DataFrame(history)
    unit = f" ({TARGETS[target].unit})" if target else ""
    picture = Picture(3.2)
    loss, error = panels(picture, 2, 2)
    dashes = {"loss": "-", "mae": "-", "rmse": ":"}
    for key in history:
        part, _, measure = key.rpartition("_")
        if measure not in dashes:
            continue
        name = f"{part} {measure if measure == 'loss' else measure.upper()}"
        colour = PLAIN if part == "train" else OURS
        axes, style = loss if measure == "loss" else error, dashes[measure]
        axes.plot(history["epoch"], history[key], style, color=colour, label=name, marker=".")
    loss.set_yscale("log")
    _log_axis(loss.yaxis)
    loss.axhline(1, color="black", lw=0.8, ls=":")
    loss.set_ylabel("Loss (MSE / variance of the target)\n1: predicting the mean", fontsize=9)
    error.set_ylabel(f"Error{unit}")
    error.set_ylim(bottom=0)
    for axes in (loss, error):
        axes.set_xlabel("Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        if axes.lines:
            axes.legend(fontsize=8, frameon=False)
    if target:
        picture.suptitle(f"Learning: {TARGETS[target].label}", fontsize=11)
    return picture


def agreement(truth, prediction, target: str, record_id=None, split: str = "test") -> Picture:
    """Predictions against measured values, and their differences (Bland and Altman).

    truth, prediction: (record,) in target unit. The right-hand panel shows the difference against
    the measured value, with its mean and the limits of agreement, mean ± 1.96 SD (Lancet 327:307);
    against the measured value and not the mean of both, which is the reference here. The
    records with the largest errors are named.
    """
    truth, prediction = np.asarray(truth, float).ravel(), np.asarray(prediction, float).ravel()
    ids = np.arange(len(truth)) if record_id is None else np.asarray(record_id)
    finite = np.isfinite(truth) & np.isfinite(prediction)
    truth, prediction, ids = truth[finite], prediction[finite], ids[finite]
    error = prediction - truth
    mean, sd = error.mean(), error.std(ddof=1) if error.size > 1 else 0.0
    unit, label = TARGETS[target].unit, TARGETS[target].label
    picture = Picture(4.6)
    left, right = panels(picture, 2, 2)
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    left.plot(ends, ends, "--", color=PLAIN, label="identity")
    left.plot(truth, prediction, "o", ms=4, color=OURS, alpha=0.6, mec="none")
    left.set_aspect("equal")
    left.set_ylabel(f"Predicted ({unit})")
    left.legend(fontsize=8, frameon=False)
    right.plot(truth, error, "o", ms=4, color=OURS, alpha=0.6, mec="none")
    for level, style in ((mean, "-"), (mean - 1.96 * sd, "--"), (mean + 1.96 * sd, "--")):
        right.axhline(level, color=PUBLISHED, ls=style, lw=1.5)
        place = {"xycoords": ("axes fraction", "data"), "fontsize": 8}
        right.annotate(format_number(level, "+.3g"), (1, level), **place)
    for k in np.argsort(-np.abs(error))[:NAMED]:
        place = {"xytext": (4, 3), "textcoords": "offset points", "fontsize": 7}
        right.annotate(str(ids[k]), (truth[k], error[k]), parse_math=False, **place)
    right.axhline(0, color="black", lw=0.8)
    right.set_ylabel(f"Predicted − measured ({unit})")
    for axes in (left, right):
        axes.set_xlabel(f"Measured ({unit})")
    left.set_title(f"MAE {np.abs(error).mean():.3g} {unit}, n = {error.size}", fontsize=9)
    bias = f"Mean {format_number(mean, '+.3g')} {unit}"
    right.set_title(f"{bias}, 95 % within ± {1.96 * sd:.3g} of it", fontsize=9)
    picture.suptitle(f"{label}, {split} records", fontsize=11)
    return picture


def metrics_figure(metrics, mean_mae: Mapping | None = None, split: str = "test") -> Picture:
    """Test MAE of every target beside predicting the mean and the original networks' errors.

    metrics: a DataFrame with columns target, model, split, mae. mean_mae: target → MAE of always
    predicting the training mean. One panel per target, since units differ.
    """
    rows = metrics[metrics["split"] == split]
    names = [name for name in TARGETS if name in set(rows["target"])]
    picture = Picture(0.5 + 2.5 * -(-max(len(names), 1) // PANELS))
    for name, axes in zip(names, panels(picture, len(names)), strict=True):
        chosen = rows[rows["target"] == name].sort_values("model")
        pairs = zip(chosen["model"], chosen["mae"], strict=True)
        bars = {f"model {model}": (mae, OURS) for model, mae in pairs}
        if mean_mae is not None and name in mean_mae:
            bars[PREDICTING_THE_MEAN] = (mean_mae[name], PLAIN)
        bars["original"] = (TARGETS[name].original_error[0], PUBLISHED)
        heights, colours = zip(*bars.values(), strict=True)
        drawn = axes.bar(list(bars), heights, color=colours)
        axes.bar_label(drawn, [f"{height:.3g}" for height in heights], fontsize=8)
        axes.set_ylabel(f"MAE ({TARGETS[name].unit})")
        axes.set_title(TARGETS[name].label, fontsize=10)
        axes.tick_params(axis="x", labelsize=7, rotation=90 if len(bars) > 4 else 0)
        axes.margins(y=0.15)
    return picture
