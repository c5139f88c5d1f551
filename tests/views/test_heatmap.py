"""Geometry, normalisation and content of the figures."""

import numpy as np
import pandas as pd
import pytest
from fake_results import FIDUCIALS, METHODS, attribution, beat
from PIL import Image

from ecghelpers.ecg import LEADS, TARGETS
from ecghelpers.views import ecg_paper, heatmap
from ecghelpers.views.prints import NEGATIVE, POSITIVE, heat_colours


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def maps(rng):
    return {method: attribution(number, rng) for number, method in enumerate(METHODS)}


def texts(figure) -> str:
    return figure.to_json()


def test_paper_is_25_mm_a_second_and_10_mm_a_millivolt():
    beat_uv = np.zeros((12, 600))
    beat_uv[LEADS.index("II"), 500] = 1000
    page = ecg_paper.lay_out(beat_uv, "3x4")
    x, y = page.trace(beat_uv)
    number = [cell.lead for cell in page.cells].index("II")
    cell, start = page.cells[number], number * 601
    assert x[start + 500] - x[start] == pytest.approx(25)
    assert y[start + 500] - cell.baseline == pytest.approx(10)
    assert page.locate(x[start + 500], y[start + 500])[0].lead == "II"
    assert page.locate(x[start + 500], y[start + 500])[1:] == pytest.approx((1000, 1000))


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1", "V5"])
def test_heat_lies_behind_its_own_lead_and_sample(layout):
    values = np.zeros((1, 12, 600))
    values[0, LEADS.index("V5"), 300] = 7
    page = ecg_paper.lay_out(np.zeros((12, 600)), layout)
    heat = page.heat(values)
    row, pixel = np.argwhere(heat == 7).squeeze()
    left, _ = page.heat_span
    band = page.rows[row]
    cell, ms, _ = page.locate(left + (pixel + 0.5) * 0.05, (band.bottom + band.top) / 2)
    assert (cell.lead, round(ms)) == ("V5", 600)


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_all_leads_are_there_once_and_do_not_overlap(layout, rng):
    cells = ecg_paper.lay_out(beat(rng), layout).cells
    assert sorted(cell.lead for cell in cells) == sorted(LEADS)
    for one in cells:
        for other in cells:
            apart = abs(one.left - other.left) >= 30
            apart |= one.bottom >= other.top or other.bottom >= one.top
            assert one is other or apart


def test_trace_stays_within_its_cell(rng):
    beat_uv = beat(rng) * 3
    page = ecg_paper.lay_out(beat_uv)
    for cell in page.cells:
        mm = beat_uv[LEADS.index(cell.lead)] / 100
        assert cell.bottom <= cell.baseline + mm.min() and cell.baseline + mm.max() <= cell.top


def test_modes_show_what_they_say(maps):
    values = maps["deeplift"]
    assert np.array_equal(ecg_paper.shown(values, "all leads"), values)
    averaged = ecg_paper.shown(values, "averaged")
    np.testing.assert_allclose(averaged, np.tile(values.mean(0, dtype=float), (12, 1)))
    one = ecg_paper.shown(values, "V5 only")
    assert np.array_equal(one[LEADS.index("V5")], values[LEADS.index("V5")])
    assert np.isnan(np.delete(one, LEADS.index("V5"), axis=0)).all()
    with pytest.raises(ValueError, match="averaged"):
        ecg_paper.shown(values, "V7 only")


def test_full_colour_is_at_the_99th_percentile_of_what_is_shown():
    values = np.arange(-100, 101.0)
    assert ecg_paper.heat_scale(values) == pytest.approx(np.percentile(np.abs(values), 99))
    sparse = np.zeros(1000)
    sparse[0] = -5
    assert ecg_paper.heat_scale(sparse) == 5
    assert ecg_paper.heat_scale(np.zeros(5)) == 1
    assert ecg_paper.heat_scale(np.array([np.nan, 2.0]), 100) == 2


def test_colours_are_symmetric_and_clear_at_zero():
    colours = heat_colours(np.array([-3, -0.5, 0, 0.5, 1, np.nan])).astype(int)
    assert tuple(colours[0, :3]) == NEGATIVE and tuple(colours[4, :3]) == POSITIVE
    assert colours[1, 3] == colours[3, 3] and colours[0, 3] == colours[4, 3]
    assert colours[2, 3] == 0 and colours[5, 3] == 0


def test_a_map_is_a_few_images_and_traces_not_a_shape_a_sample(rng, maps):
    figure = heatmap.ecg_heatmap(beat(rng), maps["saliency"], fiducials=FIDUCIALS, unit="ms/µV")
    assert len(figure.layout.images) == 3 and len(figure.data) == 5 and not figure.layout.shapes
    assert figure.layout.yaxis.scaleanchor == "x"
    assert "ms/µV" in figure.data[0].marker.colorbar.title.text
    assert "25 mm/s, 10 mm/mV" in figure.layout.title.subtitle.text
    bare = heatmap.ecg_heatmap(beat(rng))
    assert not bare.layout.images and len(bare.data) == 3


def test_missing_fiducials_are_left_out(rng):
    page = ecg_paper.lay_out(beat(rng), "V5")
    x, _, names = page.marks((np.nan, 182, 214, 262, 330, np.nan))
    assert "ponset" not in names and "toffset" not in names and names.count("qonset") == 2
    assert np.nanmin(x) == pytest.approx(182 * 0.05)


def test_texts_from_files_are_shown_as_they_stand(rng, maps):
    hostile = "<script>alert(1)</script> <a href='x'>$x_1$</a>"
    grid = heatmap.method_grid(
        beat(rng), {"saliency": maps["saliency"], hostile: maps["random"]}, title=hostile
    )
    beats = heatmap.beats_with_fiducials(beat(rng)[None], [FIDUCIALS], [hostile])
    for figure in (grid, beats):
        shown = texts(figure).encode().decode("unicode_escape", "ignore")
        assert "<script" not in shown and "$x_1$" not in shown and "alert(1)" in shown


def test_grid_names_every_method_and_scales_each(rng, maps):
    figure = heatmap.method_grid(beat(rng), maps, fiducials=FIDUCIALS)
    names = " ".join(figure.data[-1].text)
    assert all(label in names for label in heatmap.METHOD_LABELS.values())
    scaled = heatmap.scaled_maps(maps.values(), "all leads", 99)
    tops = np.percentile(np.abs(scaled).reshape(len(maps), -1), 99, axis=1)
    np.testing.assert_allclose(tops, 1, rtol=1e-5)


def test_png_shows_the_heat_in_both_colours(tmp_path, rng):
    values = np.zeros((12, 600))
    values[:, 100:200], values[:, 400:500] = -1, 1
    path = heatmap.ecg_heatmap_png(tmp_path / "sub" / "x.png", beat(rng), values, title="$x_1$")
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    for colour in (NEGATIVE, POSITIVE):
        expected = 255 + 0.9 * (np.array(colour) - 255)
        close = (np.abs(pixels - expected) < 12).all(axis=2)
        assert close.mean() > 0.05
    grid = heatmap.method_grid_png(tmp_path / "g.png", beat(rng), {"saliency": values, "x": values})
    assert Image.open(grid).width > Image.open(path).width / 2


@pytest.mark.parametrize("shape", [(12, 599), (8, 600), (600, 12)])
def test_wrong_shapes_are_refused_with_the_allowed_one(shape, rng):
    with pytest.raises(ValueError, match=r"allowed: \(12, 600\)"):
        heatmap.ecg_heatmap(np.zeros(shape))
    with pytest.raises(ValueError, match="attribution"):
        heatmap.ecg_heatmap(beat(rng), np.zeros(shape))
    with pytest.raises(ValueError, match="3x4"):
        heatmap.ecg_heatmap(beat(rng), layout="4x3")


def test_methods_have_labels_and_styles_of_their_own():
    assert len(set(heatmap.METHOD_LABELS.values())) == len(METHODS)
    assert len(set(heatmap.METHOD_STYLES.values())) == len(METHODS)
    assert heatmap.METHOD_STYLES["random"][0] == "#000000"


def test_html_opens_offline_and_shares_one_script(tmp_path, rng):
    for name in ("a", "b"):
        path = heatmap.save_html(heatmap.ecg_heatmap(beat(rng)), tmp_path / f"{name}.html")
        html = path.read_text()
        assert 'src="plotly.min.js"' in html and "cdn." not in html and 'src="http' not in html
        assert len(html) < 1_000_000
    assert len(list(tmp_path.glob("plotly*.js"))) == 1


def test_perturbation_curves_put_random_on_top_in_black():
    line = np.arange(5.0)
    curves = dict.fromkeys(METHODS, (line, line - 1, line + 1))
    figure = heatmap.perturbation_curves(curves, "ms")
    drawn = [trace for trace in figure.data if trace.name]
    assert drawn[-1].name == "Random" and drawn[-1].line.color == "#000000"
    assert len({(trace.line.color, trace.line.dash) for trace in drawn}) == 10
    assert "(ms)" in figure.layout.yaxis.title.text
    band = figure.data[0]
    assert list(band.y) == [*(line + 1), *(line - 1)[::-1]]


def test_auc_bars_are_sorted_and_show_intervals():
    table = pd.DataFrame(
        {"method": ["saliency", "random", "deeplift"], "auc5": [1, 2, 3], "auc25": [3, 2, 1]}
    ).assign(auc25_low=[2.5, 1, 0.5], auc25_high=[4, 3, 2])
    figure = heatmap.auc_bars(table, "ms")
    assert list(figure.data[1].y) == ["DeepLIFT", "Random", "Saliency"]
    assert list(figure.data[1].error_x.array) == [1, 1, 1]
    assert list(figure.data[1].error_x.arrayminus) == [0.5, 1, 0.5]
    assert [shape.x0 for shape in figure.layout.shapes] == [2, 2]
    with pytest.raises(ValueError, match="auc25"):
        heatmap.auc_bars(table[["method"]], "ms")


def test_histograms_leave_missing_out_and_bars_count_them():
    values = {"qt": np.array([400, np.nan, 390, 410]), "STJ_v5": np.array([1.0, 2, 3, 4])}
    histograms = heatmap.target_histograms(values)
    assert len(histograms.data[0].x) == 3
    assert "12SL 395.2 ± 20.5" in texts(histograms).replace("\\u00b1", "±")
    bar = heatmap.missing_bar(values)
    assert list(bar.data[0].x) == [1, 0] and "25.0%" in bar.data[0].text[0]


def test_predicted_versus_true_says_the_errors():
    truth = np.array([400, 410, np.nan, 380.0])
    figure = heatmap.predicted_versus_true(truth, truth + 2, "qt")
    assert "MAE 2 ms" in figure.layout.title.text and "n = 3" in figure.layout.title.text
    assert "R² 1.000" in heatmap.predicted_versus_true(truth, truth, "qt").layout.title.text


def test_learning_curve_takes_rows_and_columns():
    rows = [{"epoch": i, "train_loss": 1 / i, "validation_mae": 5 / i} for i in (1, 2, 3)]
    columns = pd.DataFrame(rows).to_dict("list")
    one, other = (heatmap.learning_curve(history, "qt") for history in (rows, columns))
    assert [t.name for t in one.data] == ["train loss", "validation MAE"]
    assert [list(t.y) for t in one.data] == [list(t.y) for t in other.data]
    assert "ms" in one.layout.yaxis2.title.text


def test_metrics_figure_sets_networks_beside_mean_and_original():
    rows = [("qt", 1, "test", 4.0), ("qt", 1, "train", 1.0), ("pr", 1, "test", 5.0)]
    table = pd.DataFrame(rows, columns=["target", "model", "split", "mae"])
    figure = heatmap.metrics_figure(table, {"qt": 15.0})
    heights = {trace.name or i: list(trace.y) for i, trace in enumerate(figure.data)}
    assert heights[0] == [5.0, TARGETS["pr"].original_error[0]]
    assert heights[1] == [4.0, 15.0, TARGETS["qt"].original_error[0]]


def test_wave_bars_show_shares_in_percent():
    mass = pd.DataFrame(
        {"P": [0.1], "QRS": [0.6], "elsewhere": [0.3], "time_P": [0.05]}, ["random"]
    )
    figure = heatmap.wave_bars(mass, "qt")
    assert {trace.name: trace.x[0] for trace in figure.data} == pytest.approx(
        {"P": 10, "QRS": 60, "elsewhere": 30}
    )
    assert "QRS and T" in figure.layout.title.text
