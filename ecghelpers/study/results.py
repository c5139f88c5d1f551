"""Results of a reading study: the methods' scores with intervals over records, and agreement."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..attribution import RANDOM
from ..evaluation.statistics import sign_flip_test, t_interval, verdicts

SCORE_COLUMNS = ["method", "n", "records", "score", "low", "high", "chance", "verdict"]
ENDS = (1, 5)
MAP = ["record", "target", "model", "method"]


def scores(ratings: pd.DataFrame, patients: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The mean score of every method, best first: columns SCORE_COLUMNS.

    n counts maps, records their records (or patients, where record → patient is given). Scores are
    averaged over raters, then over the maps of a record. The 95 % interval is Student's t over
    records: it covers other records, not other raters; a bootstrap over so few would be too
    narrow. chance: the score of random maps; verdict: ``yes`` (above them), ``no`` (below) or
    ``unclear``, paired by record, all methods corrected together (Holm); empty for random itself
    and where it was not rated. With fewer than nine records, none of nine methods can differ
    significantly from random maps.
    """
    maps = ratings.groupby(MAP)["score"].mean().reset_index()
    maps["cluster"] = maps["record"].replace(dict(patients or {}))
    rows = []
    for method, part in maps.groupby("method"):
        found = t_interval(part["score"].to_numpy(float), part["cluster"])
        low, high = np.clip([found["low"], found["high"]], *ENDS)
        records = part["cluster"].nunique()
        rows.append((method, found["n"], records, found["value"], low, high, np.nan, ""))
    table = pd.DataFrame(rows, columns=SCORE_COLUMNS)
    means = maps.pivot_table("score", "cluster", "method")
    if RANDOM in means:
        table["chance"] = table.loc[table["method"] == RANDOM, "score"].item()
        others = means.drop(columns=RANDOM).sub(means[RANDOM], axis=0)
        tests = [sign_flip_test(others[method].to_numpy()) for method in others]
        found = dict(zip(others, verdicts(tests), strict=True))
        table["verdict"] = table["method"].map(found).fillna("")
    return table.sort_values(["score", "method"], ascending=[False, True], ignore_index=True)


def agreement(ratings: pd.DataFrame) -> dict[str, float]:
    """Krippendorff's α (ordinal) between raters: alpha, low, high (95 %), maps, records.

    1: agreement, 0: chance, below 0: worse than chance. maps: those that at least two raters
    rated. The interval is a jackknife over records. α is NaN for one rater or a single value,
    the interval for one record.
    """
    table = ratings.pivot_table("score", MAP, "reader")
    table = table[table.notna().sum(axis=1) > 1]
    alpha, place = _alpha(table), table.index.get_level_values("record")
    records = place.unique()
    without = np.array([_alpha(table[place != record]) for record in records])
    found = t_interval(len(records) * alpha - (len(records) - 1) * without)  # pseudo-values
    reach = (found["high"] - found["low"]) / 2 if np.isfinite(without).all() else np.nan
    ends = {"low": alpha - reach, "high": float(np.minimum(1, alpha + reach))}
    return {"alpha": alpha, **ends, "maps": len(table), "records": len(records)}


def _alpha(table: pd.DataFrame) -> float:
    import krippendorff

    values = table.to_numpy(float)
    if np.unique(values[np.isfinite(values)]).size < 2:  # nobody, or one value throughout
        return float("nan")
    return float(krippendorff.alpha(values.T, level_of_measurement="ordinal"))
