"""What the ratings say: scores with intervals over records, agreement, and ranks beside the review.

The view computes the same in JavaScript (``views/assets/view/study_results.js``), for the page has
no Python; a test compares the two.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..attribution import FLOOR
from ..evaluation.review import ALL, TESTS
from ..evaluation.statistics import sign_flip_test, verdicts
from ..written import interval, written

LEAST_RECORDS = 9  # with fewer, not even one of nine methods can be told from random maps
LOWER_IS_BETTER = tuple(name for name, test in TESTS.items() if not test.above)
SCORE_COLUMNS = ["method", "n", "records", "score", "low", "high", "chance", "verdict"]
RANK_COLUMNS = ["target", "test", "methods", "rho", "p"]
ENDS = (1, 5)
MAP = ["target", "model", "record"]
MAP_OF = [*MAP, "method"]


def quantile(records: int) -> float:
    """By how many standard errors a 95 % interval from so many records reaches, NaN below two."""
    from scipy.stats import t

    return float(t.ppf(0.975, records - 1)) if records > 1 else float("nan")


def scores(ratings: pd.DataFrame, patients: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The mean score of every method, best first: columns SCORE_COLUMNS.

    n counts maps, records what they are of (patients, where record → patient is given). Readers are
    averaged within a map first. The 95 % interval is that of Student's t over records, each with
    all its maps (up to one a target), so it speaks of other records and not of other readers; a
    bootstrap over so few would be too narrow. chance: the score of random maps; verdict: ``yes``
    (above them), ``no`` (below) or ``unclear``, record by record, all methods corrected for
    together (Holm); empty for random itself and where it was not rated.
    """
    maps = ratings.groupby(MAP_OF)["score"].mean().reset_index()
    maps["cluster"] = maps["record"].map(lambda record: (patients or {}).get(record, record))
    rows = [_score(method, part) for method, part in maps.groupby("method")]
    table = pd.DataFrame(rows, columns=SCORE_COLUMNS)
    means = maps.pivot_table("score", "cluster", "method")
    if FLOOR in means:
        table["chance"] = float(table.set_index("method")["score"][FLOOR])
        others = [method for method in table["method"] if method != FLOOR]
        tests = [sign_flip_test((means[m] - means[FLOOR]).to_numpy()) for m in others]
        table["verdict"] = table["method"].map(dict(zip(others, verdicts(tests), strict=True)))
    table["verdict"] = table["verdict"].fillna("")
    return table.sort_values(["score", "method"], ascending=[False, True], ignore_index=True)


def _score(method: str, maps: pd.DataFrame) -> dict:
    """Mean over maps; its error from sums over clusters, each with as many maps as it has."""
    _, cluster = np.unique(maps["cluster"].to_numpy(str), return_inverse=True)
    values = maps["score"].to_numpy(float)
    counts, mean = np.bincount(cluster), values.mean()
    apart = np.bincount(cluster, values - mean)
    number = len(counts)
    scale = number / (number - 1) if number > 1 else np.nan
    reach = quantile(number) * np.sqrt(scale * (apart**2).sum()) / len(values)
    low, high = (float(np.clip(mean + side * reach, *ENDS)) for side in (-1, 1))
    row = {"method": method, "n": len(values), "records": number, "score": mean}
    return row | {"low": low, "high": high}


def agreement(ratings: pd.DataFrame) -> dict[str, float]:
    """Krippendorff's α (ordinal) between readers: alpha, low, high (95 %), maps, records.

    1: they agree, 0: as chance would have it, below: worse than chance. maps: how many at least two
    readers rated. The interval is a jackknife's over records. NaN for what cannot be told: α with
    one reader or one value throughout, an interval from one record.
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
        reach = quantile(len(records)) * np.sqrt(spread)
    ends = {"low": alpha - reach, "high": float(np.minimum(1, alpha + reach))}
    return {"alpha": alpha, **ends, "maps": len(table), "records": len(records)}


def agreement_sentence(agreed: Mapping[str, float]) -> str:
    """What ``agreement`` found, in words."""
    if not np.isfinite(agreed["alpha"]):
        return "Agreement cannot be told: it takes two readers of the same maps, and two scores."
    value = f"α {written(agreed['alpha'])}"
    if np.isfinite(agreed["low"]):
        value += f" ({interval(agreed['low'], agreed['high'], '.2f')})"
    return f"Agreement on the {agreed['maps']} maps that at least two readers rated: {value}."


def _alpha(table: pd.DataFrame) -> float:
    import krippendorff

    values = table.to_numpy(float)
    if np.unique(values[np.isfinite(values)]).size < 2:  # nobody, or one value throughout
        return float("nan")
    return float(krippendorff.alpha(values.T, level_of_measurement="ordinal"))


def ranks(ratings: pd.DataFrame, review: pd.DataFrame) -> pd.DataFrame:
    """The methods' ranks by readers and by every test of the review, 1 the best, random left out.

    review: of ``review.csv``; a row a method, columns ``readers`` and the tests, over all targets.
    """
    mine = _by_method(ratings).rename("readers")
    both = pd.concat([mine, review_values(review).reindex(mine.index)], axis=1)
    return both.rank(ascending=False).sort_values("readers")


def review_values(review: pd.DataFrame) -> pd.DataFrame:
    """What the tests of the review gave over all targets, the higher the better, random left out.

    A row a method, a column a test but the readers' own.
    """
    over = review[(review["target"] == ALL) & (review["test"] != "readers")]
    values = over.pivot_table("value", "method", "test", sort=False).drop(FLOOR, errors="ignore")
    values = values[[test for test in TESTS if test in values]]
    return values.assign(**{t: -values[t] for t in LOWER_IS_BETTER if t in values})


def rank_correlation(ratings: pd.DataFrame, review: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ between the readers' scores and each test of the review: columns RANK_COLUMNS.

    A row for every test and target, and ``all`` of them, in which at least three methods have both;
    random, which would agree with anything, is left out.
    """
    from scipy.stats import spearmanr

    rows = []
    for target in (ALL, *dict.fromkeys(ratings["target"])):
        chosen = ratings if target == ALL else ratings[ratings["target"] == target]
        mine = _by_method(chosen)
        for test in TESTS:
            part = review[(review["target"] == target) & (review["test"] == test)]
            values = part.set_index("method")["value"].reindex(mine.index)
            values = -values if test in LOWER_IS_BETTER else values
            ranked = values.notna()
            if test == "readers" or ranked.sum() < 3 or values.nunique() < 2 or mine.nunique() < 2:
                continue
            rho, p = map(float, spearmanr(mine[ranked], values[ranked]))
            row = (target, test, int(ranked.sum()), rho, p)
            rows.append(row)
    return pd.DataFrame(rows, columns=RANK_COLUMNS)


def _by_method(ratings: pd.DataFrame) -> pd.Series:
    """Mean score of every method but random, readers averaged within a map."""
    maps = ratings.groupby(MAP_OF)["score"].mean()
    return maps.groupby("method").mean().drop(FLOOR, errors="ignore")
