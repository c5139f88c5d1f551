"""Geometry, normalisation and content of the figures."""

import numpy as np
import pytest
from fake_results import FIDUCIALS, METHOD_LABELS, METHODS, attribution, beat
from matplotlib.text import Text
from PIL import Image

from ecghelpers.attribution import MEANINGS
from ecghelpers.ecg import LEADS
from ecghelpers.views import heatmap
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


def lines_of(picture):
    """The traces of a picture, in the order of its leads."""
    return [line for line in picture.axes[0].lines if len(line.get_xdata()) == 600]


def test_paper_is_25_mm_a_second_and_10_mm_a_millivolt():
    beat_uv = np.zeros((12, 600))
    beat_uv[LEADS.index("V5"), 500] = 1000
    picture = heatmap.ecg_heatmap(beat_uv, mode="V5 only")
    [trace] = lines_of(picture)
    x, y = trace.get_data()
    assert x[500] - x[0] == pytest.approx(25) and y[500] - y[0] == pytest.approx(10)
    assert picture.axes[0].get_aspect() == 1


def test_heat_lies_behind_its_own_lead_and_sample():
    values = np.zeros((12, 600))
    values[LEADS.index("V5"), 300] = 7
    axes = heatmap.ecg_heatmap(np.zeros((12, 600)), values).axes[0]
    [image] = [image for image in axes.images if image.get_array()[..., 3].any()]
    left, right, bottom, top = image.get_extent()
    [name] = [text for text in axes.texts if text.get_text() == "V5"]
    assert name.get_position() == (left + heatmap.MM_PER_SAMPLE / 2, top + 1)
    assert (right - left) / 600 == pytest.approx(heatmap.MM_PER_SAMPLE) and bottom < top
    assert np.flatnonzero(image.get_array()[0, :, 3]).tolist() == [300]


@pytest.mark.parametrize("rows", [heatmap.FOUR_COLUMNS, heatmap.TWO_COLUMNS])
def test_all_leads_are_there_once_in_cells_of_their_own(rows, rng):
    beat_uv = beat(rng) * 3
    cells = heatmap.lay_out(beat_uv, rows).cells
    assert sorted(cell.lead for cell in cells) == sorted(LEADS)
    for one in cells:
        mm = beat_uv[LEADS.index(one.lead)] / 100
        assert one.bottom <= one.baseline + mm.min() and one.baseline + mm.max() <= one.top
        for other in cells:
            apart = abs(one.left - other.left) >= 30
            apart |= one.bottom >= other.top or other.bottom >= one.top
            assert one is other or apart


def test_modes_show_the_mean_of_the_leads_or_one_of_them(maps, rng):
    def strengths(mode):
        axes = heatmap.ecg_heatmap(beat(rng), maps["deeplift"], mode=mode).axes[0]
        return np.concatenate([image.get_array()[..., 3] for image in axes.images]) / 255

    averaged, one = maps["deeplift"].mean(0), maps["deeplift"][LEADS.index("V5")]
    for mode, values, leads in (("averaged", averaged, 12), ("V5 only", one, 1)):
        share = np.abs(values) / np.percentile(np.abs(values), 99)
        expected = np.tile(0.9 * share.clip(max=1), (leads, 1))
        np.testing.assert_allclose(strengths(mode), expected, atol=0.003)
    with pytest.raises(ValueError, match="averaged"):
        strengths("V7 only")


def test_full_colour_is_at_the_99th_percentile_of_what_is_shown():
    values = np.arange(-100, 101.0)
    assert heatmap.heat_scale(values) == pytest.approx(np.percentile(np.abs(values), 99))
    sparse = np.zeros(1000)
    sparse[0] = -5
    assert heatmap.heat_scale(sparse) == 5
    assert heatmap.heat_scale(np.zeros(5)) == 1


def test_colours_are_symmetric_and_clear_at_zero():
    colours = heat_colours(np.array([-3, -0.5, 0, 0.5, 1])).astype(int)
    assert tuple(colours[0, :3]) == NEGATIVE and tuple(colours[4, :3]) == POSITIVE
    assert colours[1, 3] == colours[3, 3] and colours[0, 3] == colours[4, 3]
    assert colours[2, 3] == 0


def test_missing_fiducials_are_left_out(rng):
    marks = (np.nan, 182, 214, 262, 330, np.nan)
    axes = heatmap.ecg_heatmap(beat(rng), mode="V5 only", fiducials=marks).axes[0]
    x = [line[0][0] for line in axes.collections[0].get_segments()]
    assert x == pytest.approx([0.05 * mark for mark in marks[1:5]])


@pytest.mark.parametrize("shape", [(12, 599), (8, 600), (600, 12)])
def test_wrong_shapes_are_refused_with_the_allowed_one(shape, rng):
    with pytest.raises(ValueError, match=r"allowed: \(12, 600\)"):
        heatmap.ecg_heatmap(np.zeros(shape))
    with pytest.raises(ValueError, match="attribution"):
        heatmap.ecg_heatmap(beat(rng), np.zeros(shape))


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
    assert all(label in texts(grid) for label in METHOD_LABELS.values())
    images = np.stack([image.get_array()[..., 3] for image in grid.axes[0].images])
    full = (images.reshape(len(maps), -1) == images.max()).mean(axis=1)
    np.testing.assert_allclose(full, 0.01, atol=0.003)
    two = heatmap.method_grid(beat(rng), maps, leads=[["II"], ["V5"]])
    assert len(two.axes[0].images) == 2 * len(maps) and "V1" not in texts(two)


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
