"""Results of a reading study: the methods' scores with intervals over records, and agreement."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import t

from ..attribution import RANDOM
from ..evaluation.statistics import sign_flip_test, t_interval, verdicts
from ..formatting import format_number, interval

LEAST_RECORDS = 9  # with fewer, none of nine methods can differ significantly from random maps
SCORE_COLUMNS = ["method", "n", "records", "score", "low", "high", "chance", "verdict"]
ENDS = (1, 5)
MAP = ["target", "model", "record"]
MAP_OF = [*MAP, "method"]


def scores(ratings: pd.DataFrame, patients: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The mean score of every method, best first: columns SCORE_COLUMNS.

    n counts maps, records their records (or patients, where record → patient is given). Scores are
    averaged over raters, then over the maps of a record. The 95 % interval is Student's t over
    records: it covers other records, not other raters; a bootstrap over so few would be too
    narrow. chance: the score of random maps; verdict: ``yes`` (above them), ``no`` (below) or
    ``unclear``, paired by record, all methods corrected together (Holm); empty for random itself
    and where it was not rated.
    """
    maps = ratings.groupby(MAP_OF)["score"].mean().reset_index()
    maps["cluster"] = maps["record"].map(lambda record: (patients or {}).get(record, record))
    rows = [_score(method, part) for method, part in maps.groupby("method")]
    table = pd.DataFrame(rows, columns=SCORE_COLUMNS)
    means = maps.pivot_table("score", "cluster", "method")
    if RANDOM in means:
        table["chance"] = float(table.set_index("method")["score"][RANDOM])
        others = [method for method in table["method"] if method != RANDOM]
        tests = [sign_flip_test((means[m] - means[RANDOM]).to_numpy()) for m in others]
        table["verdict"] = table["method"].map(dict(zip(others, verdicts(tests), strict=True)))
    table["verdict"] = table["verdict"].fillna("")
    return table.sort_values(["score", "method"], ascending=[False, True], ignore_index=True)


def _score(method: str, maps: pd.DataFrame) -> dict:
    """The row of one method; maps: columns score and cluster."""
    found = t_interval(maps["score"].to_numpy(float), maps["cluster"].to_numpy(str))
    ends = {end: float(np.clip(found[end], *ENDS)) for end in ("low", "high")}
    row = {"method": method, "n": found["n"], "records": maps["cluster"].nunique()}
    return row | {"score": found["value"]} | ends


def agreement(ratings: pd.DataFrame) -> dict[str, float]:
    """Krippendorff's α (ordinal) between raters: alpha, low, high (95 %), maps, records.

    1: agreement, 0: chance, below 0: worse than chance. maps: those that at least two raters
    rated. The interval is a jackknife over records. α is NaN for one reader or a single value,
    the interval for one record.
    """
    table = ratings.pivot_table("score", ["record", "target", "model", "method"], "reader")
    table = table[table.notna().sum(axis=1) > 1]
    alpha = _alpha(table)
    records = list(dict.fromkeys(table.index.get_level_values("record")))
    place = table.index.get_level_values("record")
    without = np.array([_alpha(table[place != record]) for record in records])
    reach = np.nan
    if len(records) > 1 and np.isfinite(without).all():
        spread = ((without - without.mean()) ** 2).sum() * (len(records) - 1) / len(records)
        reach = t.ppf(0.975, len(records) - 1) * np.sqrt(spread)
    ends = {"low": alpha - reach, "high": float(np.minimum(1, alpha + reach))}
    return {"alpha": alpha, **ends, "maps": len(table), "records": len(records)}


def agreement_sentence(agreed: Mapping[str, float]) -> str:
    """The result of ``agreement`` in words."""
    if not np.isfinite(agreed["alpha"]):
        return "Agreement is unknown: it needs two raters of the same maps, and two scores."
    value = f"α {format_number(agreed['alpha'])}"
    if np.isfinite(agreed["low"]):
        value += f" ({interval(agreed['low'], agreed['high'], '.2f')})"
    return f"Agreement on the {agreed['maps']} maps that at least two raters rated: {value}."


def _alpha(table: pd.DataFrame) -> float:
    import krippendorff

    values = table.to_numpy(float)
    if np.unique(values[np.isfinite(values)]).size < 2:  # nobody, or one value throughout
        return float("nan")
    return float(krippendorff.alpha(values.T, level_of_measurement="ordinal"))
