"""Statistics as plotly figures: distributions, learning, errors, perturbation, waves.

Numbers come in, figures go out. Methods keep the colour and dash of ``attribution.METHODS``
everywhere.
"""

from collections.abc import Callable, Mapping
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..attribution import METHODS, Method
from ..ecg import BEAT_SAMPLES, FIDUCIALS, LEADS, MS_PER_SAMPLE, TARGETS


class _Column(Mapping):
    """What attribution.METHODS says of every method, read when asked for."""

    def __init__(self, read: Callable[[Method], object]):
        self._read = read

    def __getitem__(self, method: str):
        return self._read(METHODS[method])

    def __iter__(self):
        return iter(METHODS)

    def __len__(self) -> int:
        return len(METHODS)


METHOD_LABELS = _Column(lambda method: method.label)
METHOD_STYLES = _Column(lambda method: (method.colour, method.dash))
OTHER_STYLE = ("#666666", "dashdot")
WAVE_COLORS = {"P": "#56B4E9", "QRS": "#D55E00", "T": "#009E73"}
WAVE_COLORS |= {"neighbouring beats": "#CC79A7", "elsewhere": "#BBBBBB"}
LEGEND_ABOVE = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.04, "yanchor": "bottom"}
OURS, PUBLISHED, PLAIN = "#0072B2", "#E69F00", "#999999"


def plain(text) -> str:
    """Text that plotly shows as it stands: neither its HTML nor its TeX is obeyed."""
    return escape(str(text)).replace("$", "&#36;")


def _style(figure: go.Figure, title: str, width: int = 1000, height: int = 420) -> go.Figure:
    return figure.update_layout(
        template="plotly_white",
        title={"text": plain(title), "font": {"size": 16}},
        width=width,
        height=height,
        margin={"l": 70, "r": 30, "t": 80, "b": 60},
        font={"size": 12, "color": "#1a1a1a"},
    )


def _label(method: str) -> str:
    return METHOD_LABELS.get(method, plain(method))


def beats_with_fiducials(medians, fiducials, record_ids, *, columns: int = 3) -> go.Figure:
    """Median beats (record, 12, 600) in µV, leads on top of each other, with P, QRS and T shaded.

    fiducials: (record, 6) sample indices, NaN where missing. Lead II is drawn dark.
    """
    rows = -(-len(medians) // columns)
    names = [plain(record) for record in record_ids]
    gaps = {"horizontal_spacing": 0.06, "vertical_spacing": 0.38 / max(rows, 2)}
    figure = make_subplots(rows, columns, subplot_titles=names, **gaps)
    time = np.append(np.arange(BEAT_SAMPLES) * MS_PER_SAMPLE, np.nan)
    for number, (beat, marks) in enumerate(zip(medians, fiducials, strict=True)):
        where = {"row": number // columns + 1, "col": number % columns + 1}
        all_leads = np.column_stack([np.asarray(beat) / 1000, np.full(len(LEADS), np.nan)]).ravel()
        second = np.append(np.asarray(beat[LEADS.index("II")]) / 1000, np.nan)
        for x, y, colour, name in (
            (np.tile(time, len(LEADS)), all_leads, "#9a9a9a", "12 leads"),
            (time, second, "#1a1a1a", "lead II"),
        ):
            line = {"color": colour, "width": 1}
            first = {"legendgroup": name, "name": name, "showlegend": number == 0}
            figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line, **first), **where)
        marks = dict(zip(FIDUCIALS, np.asarray(marks, float) * MS_PER_SAMPLE, strict=True))
        for wave, letter in (("P", "p"), ("QRS", "q"), ("T", "t")):
            onset, offset = marks[f"{letter}onset"], marks[f"{letter}offset"]
            if np.isfinite(onset) and np.isfinite(offset):
                shade = {"fillcolor": WAVE_COLORS[wave], "opacity": 0.25, "line_width": 0}
                text = {"annotation_text": wave, "annotation_position": "top left"}
                figure.add_vrect(onset, offset, **shade, **text, **where)
    figure.update_xaxes(title_text="Time (ms)")
    figure.update_yaxes(title_text="Voltage (mV)", col=1)
    figure.update_layout(legend=LEGEND_ABOVE | {"y": 1 + 0.1 / rows})
    title = "Median beats and their fiducials"
    return _style(figure, title, width=1200, height=120 + 250 * rows)


def target_histograms(targets) -> go.Figure:
    """The distribution of every target beside the mean, SD and range that 12SL published.

    targets: a mapping (or DataFrame) from target name to values; NaN are left out.
    """
    names = [name for name in TARGETS if name in targets]
    figure = make_subplots(-(-len(names) // 4), 4, vertical_spacing=0.32, horizontal_spacing=0.06)
    for number, name in enumerate(names):
        where = {"row": number // 4 + 1, "col": number % 4 + 1}
        target = TARGETS[name]
        values = np.asarray(targets[name], float)
        values = values[np.isfinite(values)]
        bars = {"marker_color": OURS, "opacity": 0.75, "nbinsx": 40, "name": "here"}
        figure.add_trace(go.Histogram(x=values, showlegend=number == 0, **bars), **where)
        told = f"{target.title}<br>here missing in every record"
        if values.size:
            spread = f"{values.mean():.1f} ± {values.std():.1f}, n = {values.size}"
            told = f"{target.title}<br>here {spread}"
        if target.published:
            mean, sd, low, high = target.published
            told += f"<br>12SL {mean:.1f} ± {sd:.1f} ({low:g}–{high:g})"
            shade = {"fillcolor": PUBLISHED, "line_width": 0, "layer": "below"}
            figure.add_vrect(mean - sd, mean + sd, opacity=0.35, **shade, **where)
            figure.add_vrect(low, high, opacity=0.12, **shade, **where)
            figure.add_vline(mean, line={"color": PUBLISHED, "width": 2, "dash": "dash"}, **where)
        figure.update_xaxes(title_text=told, title_font_size=11, **where)
        if number % 4 == 0:
            figure.update_yaxes(title_text="Records", **where)
    figure.add_trace(
        go.Scatter(
            x=[None],
            y=[None],
            mode="lines",
            line={"color": PUBLISHED, "dash": "dash"},
            name="12SL: mean; shaded mean ± SD and range",
        )
    )
    title = "Measured targets beside those of 12SL on the same generator"
    figure.update_layout(legend=LEGEND_ABOVE)
    return _style(figure, title, width=1200, height=620 if len(names) > 4 else 380)


def missing_bar(targets) -> go.Figure:
    """How many records lack each target. targets: mapping or DataFrame, NaN = missing."""
    names = [name for name in TARGETS if name in targets]
    missing = [int(np.isnan(np.asarray(targets[name], float)).sum()) for name in names]
    total = max((len(targets[name]) for name in names), default=0)
    text = [f"{count} of {total} ({count / max(total, 1):.1%})" for count in missing]
    figure = go.Figure(
        go.Bar(y=[TARGETS[name].label for name in names], x=missing, orientation="h", text=text)
    )
    figure.update_traces(marker_color=OURS, textposition="outside", cliponaxis=False)
    figure.update_xaxes(title_text="Records without a value", range=[0, max(missing + [1]) * 1.3])
    figure.update_yaxes(autorange="reversed", automargin=True)
    return _style(figure, f"Missing targets among {total} records", height=330)


def learning_curve(history, target: str | None = None) -> go.Figure:
    """Loss and error against epoch.

    history: a row an epoch (list of dicts) or a list a column (dict): ``epoch`` and any of
    ``*_loss`` (drawn on the left, log scale), ``*_mae`` and ``*_rmse`` (right, in target unit).
    """
    history = pd.DataFrame(history)
    unit = f" ({TARGETS[target].unit})" if target else ""
    figure = make_subplots(1, 2, subplot_titles=["Loss", "Error"])
    dashes = {"loss": "solid", "mae": "solid", "rmse": "dot"}
    for key in history:
        part, _, kind = key.rpartition("_")
        if kind not in dashes:
            continue
        line = {"color": PLAIN if part == "train" else OURS, "dash": dashes[kind]}
        name = f"{part} {kind if kind == 'loss' else kind.upper()}"
        trace = go.Scatter(x=history["epoch"], y=history[key], name=name, line=line)
        figure.add_trace(trace.update(mode="lines+markers"), row=1, col=1 if kind == "loss" else 2)
    figure.update_xaxes(title_text="Epoch")
    figure.update_yaxes(title_text="Loss (MSE / variance of the target)", type="log", row=1, col=1)
    figure.update_yaxes(title_text=f"Error{unit}", rangemode="tozero", row=1, col=2)
    return _style(figure, f"Learning: {TARGETS[target].label}" if target else "Learning")


def predicted_versus_true(truth, prediction, target: str, split: str = "test") -> go.Figure:
    """Predictions against measured values, with the line of identity, MAE, RMSE and R²."""
    truth, prediction = np.asarray(truth, float).ravel(), np.asarray(prediction, float).ravel()
    known = np.isfinite(truth) & np.isfinite(prediction)
    truth, prediction = truth[known], prediction[known]
    error = prediction - truth
    spread = np.sum((truth - truth.mean()) ** 2) if truth.size else 0
    r2 = 1 - np.sum(error**2) / spread if spread else np.nan
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    unit, label = TARGETS[target].unit, TARGETS[target].label
    figure = go.Figure()
    line = {"color": PLAIN, "dash": "dash"}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=line, name="identity"))
    dots = {"color": OURS, "size": 6, "opacity": 0.6}
    figure.add_trace(
        go.Scatter(x=truth, y=prediction, mode="markers", marker=dots, name=f"{split} records")
    )
    figure.update_xaxes(title_text=f"Measured ({unit})")
    figure.update_yaxes(title_text=f"Predicted ({unit})", scaleanchor="x")
    mae, rmse = np.abs(error).mean(), np.sqrt(np.mean(error**2))
    told = f"MAE {mae:.3g} {unit}, RMSE {rmse:.3g} {unit}, R² {r2:.3f}, n = {truth.size}"
    return _style(figure, f"{label}, {split}: {told}", width=760, height=620)


def metrics_figure(metrics, mean_mae: dict | None = None, split: str = "test") -> go.Figure:
    """Test MAE of every target beside predicting the mean and the original networks' errors.

    metrics: a DataFrame with columns target, model, split, mae. mean_mae: target → MAE of always
    predicting the training mean. A panel a target, since units differ.
    """
    rows = metrics[metrics["split"] == split]
    names = [name for name in TARGETS if name in set(rows["target"])]
    figure = make_subplots(-(-max(len(names), 1) // 4), 4, vertical_spacing=0.3)
    for number, name in enumerate(names):
        where = {"row": number // 4 + 1, "col": number % 4 + 1}
        chosen = rows[rows["target"] == name].sort_values("model")
        pairs = zip(chosen["model"], chosen["mae"], strict=True)
        bars = {f"model {model}": (mae, OURS) for model, mae in pairs}
        if mean_mae and name in mean_mae:
            bars["mean"] = (mean_mae[name], PLAIN)
        bars["original"] = (TARGETS[name].original_error[0], PUBLISHED)
        heights, colours = zip(*bars.values(), strict=True)
        text = [f"{height:.3g}" for height in heights]
        trace = go.Bar(x=list(bars), y=heights, marker_color=colours, text=text, showlegend=False)
        figure.add_trace(trace.update(textposition="outside", cliponaxis=False), **where)
        title = f"{TARGETS[name].label}<br>MAE ({TARGETS[name].unit})"
        figure.update_yaxes(title_text=title, title_standoff=4, **where)
    title = f"Error on {split}: networks here, predicting the mean, the original's networks"
    return _style(figure, title, width=1200, height=600 if len(names) > 4 else 340)


def perturbation_curves(
    curves: dict, unit: str, *, title: str = "Perturbation, most relevant first", ylabel=None
) -> go.Figure:
    """Error against the number of points perturbed, a line and an interval a method.

    curves: method → (mean, lower, upper), each (steps + 1,), or the mean alone. Random is black.
    """
    figure = go.Figure()
    for method in sorted(curves, key=lambda name: name == "random"):
        parts = curves[method] if isinstance(curves[method], tuple) else (curves[method],)
        mean = np.asarray(parts[0], float)
        colour, dash = METHOD_STYLES.get(method, OTHER_STYLE)
        steps = np.arange(mean.size)
        if len(parts) == 3:
            band = np.concatenate([parts[2], np.asarray(parts[1])[::-1]])
            figure.add_trace(
                go.Scatter(
                    x=np.concatenate([steps, steps[::-1]]),
                    y=band,
                    fill="toself",
                    fillcolor=colour,
                    opacity=0.06,
                    line_width=0,
                    hoverinfo="skip",
                    legendgroup=method,
                    showlegend=False,
                )
            )
        width = 3 if method == "random" else 2
        line = {"color": colour, "dash": dash, "width": width}
        group = {"name": _label(method), "legendgroup": method, "mode": "lines"}
        figure.add_trace(go.Scatter(x=steps, y=mean, line=line, **group))
    figure.update_xaxes(title_text="Points perturbed (of 7200)")
    figure.update_yaxes(title_text=ylabel or f"Mean absolute error ({unit})", rangemode="tozero")
    return _style(figure, title, height=520)


def auc_bars(
    table: pd.DataFrame, unit: str, *, title="Area under the curve, per step"
) -> go.Figure:
    """Area under the perturbation curve by method, a panel for each number of steps.

    table: a row a method, with columns method, auc5, auc10 … and their intervals auc5_low,
    auc5_high …, as ``evaluation.perturbation_table`` gives. Sorted by the largest number of steps;
    the dotted line is random.
    """
    steps = sorted(int(name[3:]) for name in table if name.startswith("auc") and name[3:].isdigit())
    if not steps:
        raise ValueError(f"no column auc<steps> among {list(table)}; give at least one, as auc25")
    table = table.set_index("method").sort_values(f"auc{steps[-1]}")
    titles = [f"{count} steps" for count in steps]
    figure = make_subplots(1, len(steps), shared_yaxes=True, subplot_titles=titles)
    for column, name in enumerate((f"auc{count}" for count in steps), start=1):
        bars = go.Bar(
            x=table[name],
            y=[_label(method) for method in table.index],
            orientation="h",
            showlegend=False,
            marker_color=[METHOD_STYLES.get(method, OTHER_STYLE)[0] for method in table.index],
        )
        if f"{name}_low" in table:
            above, below = table[f"{name}_high"] - table[name], table[name] - table[f"{name}_low"]
            bars.error_x = {"type": "data", "array": above, "arrayminus": below, "color": "#555"}
        figure.add_trace(bars, row=1, col=column)
        if "random" in table.index:
            line = {"color": "black", "dash": "dot"}
            figure.add_vline(table.loc["random", name], line=line, row=1, col=column)
        figure.update_xaxes(title_text=f"Mean error ({unit})", row=1, col=column)
    figure.update_yaxes(automargin=True)
    return _style(figure, title, width=1200, height=460)


def wave_bars(mass, target: str | None = None) -> go.Figure:
    """Share of |attribution| in every wave, a bar a method.

    mass: DataFrame with a row a method and a column a wave (P, QRS, T, elsewhere), shares that add
    up to at most 1. Columns named time_… are left out.
    """
    mass = pd.DataFrame(mass)
    mass = mass[[name for name in mass if not str(name).startswith("time_")]]
    figure = go.Figure()
    labels = [_label(method) for method in mass.index]
    for wave in mass.columns:
        shares = mass[wave].to_numpy(float) * 100
        figure.add_trace(
            go.Bar(
                x=shares,
                y=labels,
                orientation="h",
                name=str(wave),
                marker_color=WAVE_COLORS.get(wave, "#666666"),
                text=[f"{share:.0f}" for share in shares],
            )
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="Share of |attribution| (%)", range=[0, 100])
    figure.update_yaxes(autorange="reversed", automargin=True)
    title = "Where the attribution lies"
    if target:
        defined = " and ".join(TARGETS[target].waves)
        title = f"{TARGETS[target].label} is defined by {defined}: where the attribution lies"
    return _style(figure, title, height=440)
