"""The figure of the reading study: what readers thought of each method, beside the review."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..attribution import FLOOR
from ..evaluation.review import TESTS
from ..study import results
from .picture import Picture
from .styles import METHOD_LABELS

GREY, BLUE, BLACK = "#9a9a9a", "#0072B2", "#000000"


def readers_figure(ratings: pd.DataFrame, scores: pd.DataFrame, review: pd.DataFrame) -> Picture:
    """Scores with intervals, and the methods' ranks by readers and by each test of the review.

    ratings: of ``Study.gather``; scores: of ``results.scores``; review: of ``review.csv``. The
    dotted line is random, rings are single targets.
    """
    ranks = results.ranks(ratings, review)
    methods = list(ranks.index)
    figure = Picture(2.1 + 0.34 * len(methods))
    left, right = figure.subplots(1, 2, width_ratios=(1, 0.4 + 0.22 * ranks.shape[1]), sharey=True)
    _scores(left, ratings, scores.set_index("method"), methods)
    _ranks(right, ranks)
    left.set_yticks(range(len(methods)), [METHOD_LABELS.get(m, m) for m in methods])
    left.set_ylim(len(methods) - 0.5, -0.5)
    readers, maps = ratings["reader"].nunique(), len(ratings.drop_duplicates(results.MAP_OF))
    figure.suptitle(f"{readers} reader{'s' * (readers > 1)}, {maps} maps")
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
    if FLOOR in scores.index:
        axes.axvline(scores.score[FLOOR], color=BLACK, ls=":", lw=1.2)
        axes.annotate(
            "random maps", (scores.score[FLOOR], 0), (4, 4), textcoords="offset points", fontsize=8
        )
    axes.set_xlim(0.9, 5.1)
    axes.set_xticks(range(1, 6), ["1\nnot at all", "2", "3", "4", "5\nexactly there"])
    axes.set_xlabel("Mean score, 95 % interval over records; rings: targets", fontsize=9)
    axes.grid(axis="x", lw=0.4, alpha=0.5)


def _ranks(axes: Axes, ranks: pd.DataFrame) -> None:
    """A cell a method and test, darker the better its rank."""
    shades = 1 - (ranks.to_numpy(float) - 1) / max(1, len(ranks) - 1)
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for (y, x), rank in np.ndenumerate(ranks.to_numpy(float)):
        axes.text(x, y, f"{rank:g}" if np.isfinite(rank) else "", ha="center", va="center")
    labels = [TESTS[name].label.replace(" ", "\n") for name in ranks]
    axes.set_xticks(range(ranks.shape[1]), labels, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.axvline(0.5, color="white", lw=5)
    axes.set_xlabel("Rank: 1 is the best of these methods", fontsize=9)
