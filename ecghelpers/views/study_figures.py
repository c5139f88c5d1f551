"""The figure of the reading study: the raters' scores of each method."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..attribution import RANDOM
from ..study import results
from .picture import Picture
from .styles import METHOD_LABELS

GREY, BLUE, BLACK = "#9a9a9a", "#0072B2", "#000000"


def raters_figure(ratings: pd.DataFrame, scores: pd.DataFrame) -> Picture:
    """Each method's mean score with its interval, best first.

    ratings: of ``Study.gather``; scores: of ``results.scores``. The dotted line is the score of
    random maps, rings are single targets.
    """
    methods = list(scores["method"])
    figure = Picture(1.8 + 0.3 * len(methods))
    axes = figure.subplots()
    _scores(axes, ratings, scores.set_index("method"), methods)
    axes.set_yticks(range(len(methods)), [METHOD_LABELS.get(m, m) for m in methods])
    axes.set_ylim(len(methods) - 0.5, -0.5)
    raters, maps = ratings["reader"].nunique(), len(ratings.drop_duplicates(results.MAP_OF))
    figure.suptitle(f"{raters} rater{'s' * (raters > 1)}, {maps} maps")
    return figure


def _scores(axes: Axes, ratings: pd.DataFrame, scores: pd.DataFrame, methods: list[str]) -> None:
    each = ratings.groupby(["method", "target"])["score"].mean()
    targets = list(dict.fromkeys(ratings["target"]))
    for place, method in enumerate(methods):
        row = scores.loc[method]
        dots = [each[method, t] for t in targets if (method, t) in each.index]
        axes.plot(dots, [place] * len(dots), "o", ms=4, mfc="none", mec=GREY)
        if np.isfinite([row.low, row.high]).all():
            axes.plot([row.low, row.high], [place, place], color=BLUE, lw=2)
        axes.plot(row.score, place, "o", ms=7, color=BLUE)
    if RANDOM in scores.index:
        axes.axvline(scores.score[RANDOM], color=BLACK, ls=":", lw=1.2)
        axes.annotate(
            "random maps", (scores.score[RANDOM], 0), (4, 4), textcoords="offset points", fontsize=8
        )
    axes.set_xlim(0.9, 5.1)
    axes.set_xticks(range(1, 6), ["1\nnot at all", "2", "3", "4", "5\nexactly there"])
    axes.set_xlabel("Mean score, 95 % interval over records; rings: targets", fontsize=9)
    axes.grid(axis="x", lw=0.4, alpha=0.5)
