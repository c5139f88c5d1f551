"""Does the order of a map matter to the network, however points are perturbed? Gaps and verdicts.

The gap of a map on one ECG is the area under |ŷ - ŷ₀| with the most relevant points perturbed first
minus the same with the least relevant first. It is zero on average for a map that knows nothing,
whatever the operator does to the prediction, and positive for one whose order means something.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid

from ..attribution import FLOOR
from ..data.maps_and_curves import Perturbation
from ..perturbation import OPERATORS, ORDERS
from ..statistics import bootstrap_weights, mean_interval, sign_flip_test, verdicts

FLOOR_KINDS = {"random": "prediction", "shifted": "shifted", "other_record": "other_record"}
FLOOR_QUESTIONS = {
    "random": "does the order of this map mean more to the network than a random one?",
    "shifted": "does it matter that the map marks these times, and not others as smooth?",
    "other_record": "does this ECG's own map say more than the map of another ECG?",
}
MOST = 0.5  # "most operators": more than this share of them
COLUMNS = ["target", "method", "operator", "floor"]  # of a gap table, before its numbers
VERDICTS = ("faithful", "depends on the operator", "unclear", "worse than the floor")


def area_over_log(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean height of curves (..., step) over the logarithm of the number of points, by trapezia.

    points: (step,), all above zero: doubling the number of points counts the same at any number.
    A single point is its own height.
    """
    if len(points) < 2:
        return values.mean(-1)
    position = np.log(points)
    return trapezoid(values, position, axis=-1) / (position[-1] - position[0])


def record_gaps(perturbed: Perturbation) -> dict[tuple[str, str, str], np.ndarray]:
    """(method, operator, kind) → gap of every record, in target unit; (draw, record) for draws.

    kind: ``prediction`` (the method's own map), a floor, or ``draws``. All areas are taken at the
    floors' points.
    """
    columns = np.searchsorted(perturbed.points, perturbed.floor_points)
    untouched = {m: curve[:, :1] for m, curve in perturbed.prediction.items()}

    def area(method: str, operator: str, order: str, kind: str) -> np.ndarray:
        curve = perturbed.curves[method, operator, order, kind].astype(np.float64)
        if curve.shape[-1] == len(perturbed.points):
            curve = curve[..., columns]
        return area_over_log(np.abs(curve - untouched[method]), perturbed.floor_points)

    gaps = {}
    for method, operator, order, kind in perturbed.curves:
        if order != ORDERS[0] or (method, operator, ORDERS[1], kind) not in perturbed.curves:
            continue
        first, last = (area(method, operator, order, kind) for order in ORDERS)
        draws = min(len(first), len(last)) if kind == "draws" else len(first)
        gaps[method, operator, kind] = first[:draws] - last[:draws]
    return gaps


def gap_table(
    perturbed: Perturbation,
    target: str,
    sd: float,
    groups: Sequence | None = None,
    *,
    more: Sequence[Perturbation] = (),
) -> pd.DataFrame:
    """One row for every method, operator (or ``all``, their mean) and floor.

    sd: the target's SD, in which gaps are given; groups: (record,) patients; more: of other
    networks of the target on the same records, whose gaps are averaged with the first's. gap,
    floor_gap: means over ECGs; gain: gap minus the floor's on the same ECGs, with its 95 % interval
    and p of a sign-flip test; verdict: ``yes`` ``no`` ``unclear``, the methods of one operator and
    floor corrected for together (Holm).
    """
    each = [record_gaps(content) for content in (perturbed, *more)]
    gaps = {key: np.mean([one[key] for one in each], 0) / sd for key in each[0]}
    methods = [method for method in perturbed.prediction if method != FLOOR]
    operators = [name for name in OPERATORS if any(key[1] == name for key in gaps)]
    tables = []
    for floor in FLOOR_KINDS:
        for operator in (*operators, "all"):
            names = operators if operator == "all" else [operator]
            own = {m: np.mean([gaps[m, o, "prediction"] for o in names], 0) for m in methods}
            below = {m: np.mean([_floor_gap(gaps, m, o, floor) for o in names], 0) for m in methods}
            table = compare(own, below, groups)
            tables.append(table.assign(target=target, operator=operator, floor=floor))
    table = pd.concat(tables, ignore_index=True)
    return table[COLUMNS + [name for name in table if name not in COLUMNS]]


def _floor_gap(gaps: Mapping, method: str, operator: str, floor: str) -> np.ndarray:
    """(record,) the gap of a floor's map: the mean of the random ones, or made of the method's."""
    if floor != FLOOR:
        return gaps[method, operator, floor]
    return gaps[FLOOR, operator, "draws"].mean(0)


def compare(
    own: Mapping[str, np.ndarray], floor: Mapping[str, np.ndarray], groups: Sequence | None = None
) -> pd.DataFrame:
    """A row a method: mean of its values (record,), of the floor's, and the paired difference."""
    tests = {m: sign_flip_test(own[m] - floor[m], groups) for m in own}
    answers = verdicts(list(tests.values()))
    rows = []
    for (method, test), answer in zip(tests.items(), answers, strict=True):
        row = {"method": method, "n": int(np.isfinite(own[method] - floor[method]).sum())}
        row |= _mean_of("gap", own[method], groups)
        row |= {"floor_gap": float(np.nanmean(floor[method])) if row["n"] else np.nan}
        row |= {"gain": test.mean, "gain_low": test.low, "gain_high": test.high, "p": test.p}
        rows.append(row | {"verdict": answer})
    return pd.DataFrame(rows)


def _mean_of(name: str, values: np.ndarray, groups: Sequence | None) -> dict[str, float]:
    weights = bootstrap_weights(len(values), groups=groups)
    mean, low, high = mean_interval(values, weights)
    return {name: float(mean), f"{name}_low": float(low), f"{name}_high": float(high)}


def faithfulness(table: pd.DataFrame) -> pd.DataFrame:
    """One row a method: what the operators say together, and the other floors' answers.

    table: of gap_table, of one network. operators_yes, operators_no: under which it beats the
    random floor, under which it lies below; agree: how many do; verdict: one of VERDICTS;
    better_than_shifted, better_than_other_record: ``yes`` ``no`` ``unclear`` of the mean over
    operators.
    """
    rows = []
    for method, part in table.groupby("method", sort=False):
        single = part[(part.floor == FLOOR) & (part.operator != "all")]
        overall = part[part.operator == "all"].set_index("floor")
        answers = {a: list(single.operator[single.verdict == a]) for a in ("yes", "no", "unclear")}
        row = {"target": part.target.iloc[0], "method": method, "operators": len(single)}
        row |= {f"operators_{a}": ", ".join(names) for a, names in answers.items()}
        row["verdict"] = _together(*(len(answers[a]) for a in ("yes", "no")), len(single))
        row["agree"] = f"{len(answers['yes'])} of {len(single)}"
        row |= overall.loc[FLOOR, ["gain", "gain_low", "gain_high", "p"]].to_dict()
        for floor in ("shifted", "other_record"):
            row[f"better_than_{floor}"] = overall.loc[floor, "verdict"]
        rows.append(row)
    return pd.DataFrame(rows)


def _together(better: int, worse: int, operators: int) -> str:
    """The verdict over operators from how many of them say better and worse than the floor."""
    faithful, depends, unclear, bad = VERDICTS
    if better > MOST * operators and not worse:
        return faithful
    if worse > MOST * operators and not better:
        return bad
    return depends if better or worse else unclear


def verdict_table(
    table: pd.DataFrame, summaries: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Who says what: a row an operator, then all together, then the published verdict by name.

    table: of gap_table; summaries: of faithfulness; published: of ``aopc.published_table``, all of
    one network. A column a method.
    """
    single = table[(table.floor == FLOOR) & (table.operator != "all")]
    answers = single.pivot(index="operator", columns="method", values="verdict")
    answers = answers.reindex(list(dict.fromkeys(single.operator)))
    answers.index = [OPERATORS[operator].label for operator in answers.index]
    answers.loc["over operators"] = summaries.set_index("method").verdict
    answers.loc["as published: error, noise only"] = published.set_index("method").beats_random
    return answers[list(summaries.method)]


def faithfulness_sentence(table: pd.DataFrame, title: str, label) -> str:
    """The verdicts of one network in words. label: method name → what people call it."""
    words = {
        "faithful": "beats random under most operators",
        "depends on the operator": "depends on the operator",
        "unclear": "not told apart from random under any operator",
        "worse than the floor": "worse than random under most operators",
    }
    parts = []
    for verdict, text in words.items():
        rows = table[table.verdict == verdict]
        names = [
            f"{label(row.method)} ({_named(row)})" if verdict == VERDICTS[1] else label(row.method)
            for row in rows.itertuples()
        ]
        if names:
            parts.append(f"{text}: {', '.join(names)}")
    return f"{title} — " + "; ".join(parts) + "."


def _named(row) -> str:
    """Which operators say what of one method."""
    parts = []
    for word, names in (("better", row.operators_yes), ("worse", row.operators_no)):
        if names:
            labels = [OPERATORS[name].label for name in names.split(", ")]
            parts.append(f"{word} with {', '.join(labels)}")
    return "; ".join(parts)
