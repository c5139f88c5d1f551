"""Statistics and curves as pictures: what they show, and that every viewer can show them."""

import io

import numpy as np
import pandas as pd
import pytest
from fake_results import FIDUCIALS, beat
from matplotlib.text import Text
from PIL import Image

from ecghelpers.ecg import INDEPENDENT_LEADS, TARGETS
from ecghelpers.views import data_figures, heatmap, network_figures
from ecghelpers.views.picture import Picture

TRUTH = np.array([400, 410, np.nan, 380.0])


def texts(picture) -> str:
    return "\n".join(text.get_text() for text in picture.findobj(Text))


def test_a_picture_is_shown_as_png_and_names_the_largest_errors():
    picture = network_figures.agreement(
        TRUTH, TRUTH + [1, 9, 0, -5], "qt", ["a", "$b_1$", "c", "d"]
    )
    image = Image.open(io.BytesIO(picture._repr_png_()))
    assert image.width <= 1060 and image.format == "PNG"
    assert {"$b_1$", "d"} <= set(texts(picture).splitlines())


def test_a_long_title_stays_within_its_picture():
    picture = Picture(2, 4)
    title = picture.suptitle("many words " * 20 + "\nsecond line")
    assert title.get_window_extent().width < picture.bbox.width
    assert title.get_text().endswith("\nsecond line")


def test_histograms_leave_missing_out_and_bars_count_them():
    values = {"qt": np.array([400, np.nan, 390, 410]), "STJ_v5": np.array([1.0, 2, 3, 4])}
    histograms = data_figures.target_histograms(values)
    assert "n = 3" in texts(histograms) and "12SL 395.2 ± 20.5" in texts(histograms)
    bar = data_figures.missing_bar(values)
    assert [patch.get_width() for patch in bar.axes[0].patches] == [1, 0]
    assert "1 of 4 (25.0%)" in texts(bar)
    nothing = data_figures.target_histograms({"qt": np.full(3, np.nan)})
    assert "missing in every record" in texts(nothing)


def test_differences_from_a_machine_are_drawn_where_both_are_known():
    ours, theirs = np.full((4, 7), np.nan), np.full((4, 7), np.nan)
    ours[:, 3], theirs[:3, 3] = [400, 410, 420, 430], [398, 406, 420]
    picture = data_figures.agreement(ours, theirs, "GE 12SL")
    assert "difference +2.0 ± 2.0, n = 3" in texts(picture)
    (points, *_) = picture.axes[3].get_lines()
    np.testing.assert_array_equal(points.get_xydata(), [[399, 2], [408, 4], [420, 0]])


def test_agreement_says_errors_and_limits():
    error = np.array([2.0, 4, 0, 6])
    picture = network_figures.agreement(TRUTH, TRUTH + error, "qt")
    assert "MAE 4 ms, n = 3" in texts(picture)
    sd = np.std([2, 4, 6], ddof=1)
    levels = [line.get_ydata()[0] for line in picture.axes[1].lines[1:4]]
    assert levels == pytest.approx([4, 4 - 1.96 * sd, 4 + 1.96 * sd])


def test_learning_curve_takes_rows_and_columns_and_has_plain_ticks():
    rows = [
        {"epoch": i, "train_loss": 1 / i, "validation_loss": 3 / i, "validation_mae": 5 / i}
        for i in (1, 2, 3)
    ]
    columns = pd.DataFrame(rows).to_dict("list")
    one, other = (network_figures.learning_curve(history, "qt") for history in (rows, columns))
    for picture in (one, other):
        names = [line.get_label() for line in picture.axes[0].lines][:2]
        assert names == ["train loss", "validation loss"]
        assert list(picture.axes[1].lines[0].get_ydata()) == [5, 2.5, 5 / 3]
    assert "(ms)" in one.axes[1].get_ylabel()
    one.canvas.draw()
    ticks = {text.get_text() for text in one.axes[0].get_yticklabels()}
    assert {"0.5", "1", "2"} <= ticks and not one.axes[0].yaxis.get_minorticklocs().size


def test_metrics_figure_sets_networks_beside_mean_and_original():
    rows = [("qt", 1, "test", 4.0), ("qt", 1, "train", 1.0), ("pr", 1, "test", 5.0)]
    table = pd.DataFrame(rows, columns=["target", "model", "split", "mae"])
    pr, qt = network_figures.metrics_figure(table, {"qt": 15.0}).axes[:2]
    assert [bar.get_height() for bar in pr.patches] == [5.0, TARGETS["pr"].original_error[0]]
    assert [bar.get_height() for bar in qt.patches] == [4, 15, TARGETS["qt"].original_error[0]]
    assert [tick.get_text() for tick in qt.get_xticklabels()][1] == "predicting\nthe mean"


def test_wave_bars_show_shares_beside_the_share_of_time():
    columns = {"P": [0.1], "QRS": [0.6], "elsewhere": [0.3]}
    time = {"time_P": [0.05], "time_QRS": [0.15], "time_elsewhere": [0.8]}
    picture = heatmap.wave_bars(pd.DataFrame(columns | time, ["random"]), "qt")
    widths = [patch.get_width() for patch in picture.axes[0].patches]
    assert widths == pytest.approx([10, 5, 60, 15, 30, 80])
    names = [text.get_text() for text in picture.axes[0].get_yticklabels()]
    assert names == ["Random", "share of time"]


def test_waves_are_shaded_where_they_are_known():
    rng = np.random.default_rng(0)
    marks = [FIDUCIALS, (np.nan, np.nan, 214, 262, 330, np.nan)]
    picture = data_figures.beats_with_fiducials([beat(rng), beat(rng)], marks, ["$a_1$", "b"])
    assert [len(axes.patches) for axes in picture.axes[:2]] == [3, 1]
    assert "$a_1$" in texts(picture) and len(picture.png()) > 1000


def test_a_recording_marks_every_beat_and_lies_on_true_paper():
    ecg = np.random.default_rng(0).normal(0, 100, (8, 5000))
    ecg[INDEPENDENT_LEADS.index("V5"), 500] = 2000  # 1 s, 2 mV
    axes = data_figures.recording(ecg, np.array([200, 700]), "one").axes[0]
    marks, _, _, v5 = axes.lines
    np.testing.assert_allclose(marks.get_xdata(), [10, 35])  # mm
    rest = np.median(v5.get_ydata())
    assert (v5.get_xdata()[500], v5.get_ydata()[500] - rest) == pytest.approx((25, 20), abs=0.5)
    assert axes.get_aspect() == 1 and [text.get_text() for text in axes.texts] == ["II", "V1", "V5"]
    windows = np.zeros((4, 8, 600))
    both = data_figures.beats_and_median(windows, beat(np.random.default_rng(1)), FIDUCIALS, "II")
    assert "4 beats in II" in texts(both)
