"""Geometry, normalisation and content of the figures."""

import numpy as np
import pytest
from fake_results import FIDUCIALS, METHODS, attribution, beat
from matplotlib.text import Text
from PIL import Image

from ecghelpers.attribution import MEANINGS
from ecghelpers.ecg import LEADS
from ecghelpers.views import ecg_paper, heatmap, styles
from ecghelpers.views.heatmap import NEGATIVE, POSITIVE, heat_colours


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def maps(rng):
    return {method: attribution(number, rng) for number, method in enumerate(METHODS)}


def texts(picture) -> str:
    """Everything that is written on a picture."""
    return "\n".join(text.get_text() for text in picture.findobj(Text))


def test_paper_is_25_mm_a_second_and_10_mm_a_millivolt():
    beat_uv = np.zeros((12, 600))
    beat_uv[LEADS.index("II"), 500] = 1000
    page = ecg_paper.lay_out(beat_uv, "3x4")
    x, y = page.trace(beat_uv)
    number = [cell.lead for cell in page.cells].index("II")
    cell, start = page.cells[number], number * 601
    assert x[start + 500] - x[start] == pytest.approx(25)
    assert y[start + 500] - cell.baseline == pytest.approx(10)


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1", "V5"])
def test_heat_lies_behind_its_own_lead_and_sample(layout):
    values = np.zeros((1, 12, 600))
    values[0, LEADS.index("V5"), 300] = 7
    page = ecg_paper.lay_out(np.zeros((12, 600)), layout)
    heat = page.heat(values)
    row, pixel = np.argwhere(heat == 7).squeeze()
    left, _ = page.heat_span
    band = page.rows[row]
    [cell] = [cell for cell in page.cells if cell.lead == "V5"]
    assert (cell.bottom, cell.top) == (band.bottom, band.top)
    assert left + (pixel + 0.5) * 0.05 == pytest.approx(cell.left + 15), "300 samples are 15 mm"


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
    assert heatmap.heat_scale(values) == pytest.approx(np.percentile(np.abs(values), 99))
    sparse = np.zeros(1000)
    sparse[0] = -5
    assert heatmap.heat_scale(sparse) == 5
    assert heatmap.heat_scale(np.zeros(5)) == 1
    assert heatmap.heat_scale(np.array([np.nan, 2.0]), 100) == 2


def test_colours_are_symmetric_and_clear_at_zero():
    colours = heat_colours(np.array([-3, -0.5, 0, 0.5, 1, np.nan])).astype(int)
    assert tuple(colours[0, :3]) == NEGATIVE and tuple(colours[4, :3]) == POSITIVE
    assert colours[1, 3] == colours[3, 3] and colours[0, 3] == colours[4, 3]
    assert colours[2, 3] == 0 and colours[5, 3] == 0


def test_missing_fiducials_are_left_out(rng):
    page = ecg_paper.lay_out(beat(rng), "V5")
    x, _, names = page.marks((np.nan, 182, 214, 262, 330, np.nan))
    assert "ponset" not in names and "toffset" not in names and names.count("qonset") == 2
    assert np.nanmin(x) == pytest.approx(182 * 0.05)


@pytest.mark.parametrize("shape", [(12, 599), (8, 600), (600, 12)])
def test_wrong_shapes_are_refused_with_the_allowed_one(shape, rng):
    with pytest.raises(ValueError, match=r"allowed: \(12, 600\)"):
        heatmap.ecg_heatmap(np.zeros(shape))
    with pytest.raises(ValueError, match="attribution"):
        heatmap.ecg_heatmap(beat(rng), np.zeros(shape))
    with pytest.raises(ValueError, match="3x4"):
        heatmap.ecg_heatmap(beat(rng), layout="4x3")


def test_methods_have_labels_and_styles_of_their_own():
    assert len(set(styles.METHOD_LABELS.values())) == len(METHODS)
    assert len(set(styles.METHOD_STYLES.values())) == len(METHODS)
    assert styles.METHOD_STYLES["random"][0] == "#000000"


def test_a_picture_says_scale_unit_meaning_and_what_it_is_not_for(rng, maps):
    options = {"fiducials": FIDUCIALS, "unit": "ms", "title": "one"}
    one = heatmap.ecg_heatmap(beat(rng), maps["saliency"], method="deeplift", **options)
    for text in ("25 mm/s, 10 mm/mV", "Contribution (ms)", MEANINGS["contribution"], "not for"):
        assert text in texts(one)
    options["multiply_by_inputs"] = False
    other = heatmap.ecg_heatmap(beat(rng), maps["saliency"], method="deeplift", **options)
    assert MEANINGS["sensitivity"] in texts(other)
    averaged = heatmap.ecg_heatmap(beat(rng), maps["saliency"], mode="averaged", **options)
    assert "averaged over the leads" in texts(averaged)
    assert "not for diagnosis" in texts(heatmap.ecg_heatmap(beat(rng)))


def test_names_from_files_are_shown_as_they_stand(rng, maps):
    hostile = "<script>alert(1)</script> $x_1$ $\\frac{"
    grid = heatmap.method_grid(
        beat(rng), {"saliency": maps["saliency"], hostile: maps["random"]}, title=hostile
    )
    assert texts(grid).count(hostile) == 2 and len(grid.png()) > 1000


def test_grid_names_every_method_and_scales_each(rng, maps):
    grid = heatmap.method_grid(beat(rng), maps, fiducials=FIDUCIALS)
    assert all(label in texts(grid) for label in styles.METHOD_LABELS.values())
    scaled = heatmap.scaled_maps(maps.values(), "all leads", 99)
    tops = np.percentile(np.abs(scaled).reshape(len(maps), -1), 99, axis=1)
    np.testing.assert_allclose(tops, 1, rtol=1e-5)


def test_png_shows_the_heat_in_both_colours(tmp_path, rng):
    values = np.zeros((12, 600))
    values[:, 100:200], values[:, 400:500] = -1, 1
    picture = heatmap.ecg_heatmap(beat(rng), values)
    path = picture.save(tmp_path / "sub" / "x.png")
    (tmp_path / "screen.png").write_bytes(picture.png())
    for name in (path, tmp_path / "screen.png"):
        pixels = np.asarray(Image.open(name).convert("RGB")).astype(int)
        for colour in (NEGATIVE, POSITIVE):
            expected = 255 + 0.9 * (np.array(colour) - 255)
            close = (np.abs(pixels - expected) < 16).all(axis=2)
            assert close.mean() > 0.05
