"""Figures and printouts: geometry, scale and colours of heatmaps, statistics, QTc and axes."""

import io

import numpy as np
import pandas as pd
import pytest
from fake_results import FIDUCIALS, METHOD_LABELS, METHODS, attribution, beat
from PIL import Image
from refusals import refused
from seen import texts

from ecghelpers.attribution import MEANINGS
from ecghelpers.ecg import LEADS, TARGETS, twelve_leads
from ecghelpers.views import heatmap, method_rows
from ecghelpers.views.heatmap import NEGATIVE, POSITIVE
from ecghelpers.views.printout import axis, measurements, qtc


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def maps(rng):
    return {method: attribution(number, rng) for number, method in enumerate(METHODS)}


def papers(picture) -> dict:
    """Lead → its axes."""
    return {axes.texts[0].get_text(): axes for axes in picture.axes if axes.texts}


def test_paper_is_25_mm_a_second_and_10_mm_a_millivolt():
    picture = heatmap.ecg_heatmap(np.zeros((12, 600)), mode="V5 only")
    picture.canvas.draw()
    axes = papers(picture)["V5"]
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1000, 1)])
    assert (x1 - x0) / (y1 - y0) == pytest.approx(25 / 10)


def test_heat_lies_behind_its_own_lead_and_sample():
    values = np.zeros((12, 600))
    values[LEADS.index("V5"), 300] = 7
    for lead, axes in papers(heatmap.ecg_heatmap(np.zeros((12, 600)), values)).items():
        [image] = axes.images
        marked = np.flatnonzero(image.get_array()[0, :, 3])
        assert marked.tolist() == ([300] if lead == "V5" else [])
        left, right, _, _ = image.get_extent()
        assert (left, right) == (-1, 1199), "a sample lies around its time"


def test_modes_show_the_mean_of_the_leads_or_one_of_them(maps, rng):
    def strengths(mode):
        picture = heatmap.ecg_heatmap(beat(rng), maps["deeplift"], mode=mode)
        shown = [axes.images[0].get_array()[..., 3] for axes in papers(picture).values()]
        return np.concatenate(shown) / 255

    averaged, one = maps["deeplift"].mean(0), maps["deeplift"][LEADS.index("V5")]
    for mode, values, leads in (("averaged", averaged, 12), ("V5 only", one, 1)):
        share = np.abs(values) / np.percentile(np.abs(values), 99)
        expected = np.tile(0.9 * share.clip(max=1), (leads, 1))
        np.testing.assert_allclose(strengths(mode), expected, atol=0.003)
    with refused("averaged"):
        strengths("V7 only")


def test_full_colour_is_at_the_99th_percentile_and_zero_is_clear():
    values = np.arange(-100, 101.0)
    assert heatmap.heat_scale(values) == pytest.approx(np.percentile(np.abs(values), 99))
    assert heatmap.heat_scale(np.array([-5, *np.zeros(1000)])) == 5
    assert heatmap.heat_scale(np.zeros(5)) == 1
    colours = heatmap.heat_colours(np.array([-3, -0.5, 0, 0.5, 1])).astype(int)
    assert tuple(colours[0, :3]) == NEGATIVE and tuple(colours[4, :3]) == POSITIVE
    assert colours[1, 3] == colours[3, 3] and colours[0, 3] == colours[4, 3]
    assert colours[2, 3] == 0


def test_missing_fiducials_are_left_out(rng):
    marks = (np.nan, 182, 214, 262, 330, np.nan)
    picture = heatmap.ecg_heatmap(beat(rng), mode="V5 only", fiducials=marks)
    drawn = [line.get_xdata()[0] for line in papers(picture)["V5"].lines[1:]]
    assert drawn == [2 * mark for mark in marks[1:5]]


@pytest.mark.parametrize("shape", [(12, 599), (8, 600), (600, 12)])
def test_wrong_shapes_are_refused_with_the_allowed_one(shape, rng):
    with refused("allowed: (12, 600)"):
        heatmap.ecg_heatmap(np.zeros(shape))
    with refused("attribution"):
        heatmap.ecg_heatmap(beat(rng), np.zeros(shape))


def test_a_picture_says_scale_unit_meaning_and_what_it_is_not_for(rng, maps):
    options = {"fiducials": FIDUCIALS, "unit": "ms", "title": "$x_1$", "method": "deeplift"}
    one = heatmap.ecg_heatmap(beat(rng), maps["saliency"], **options)
    for text in ("25 mm/s, 10 mm/mV", "Contribution (ms)", MEANINGS["contribution"], "not for"):
        assert text in texts(one)
    options |= {"multiply_by_inputs": False, "mode": "averaged"}
    other = heatmap.ecg_heatmap(beat(rng), maps["saliency"], **options)
    assert MEANINGS["sensitivity"] in texts(other)
    assert "$x_1$ · map averaged over the leads" in texts(other)
    assert Image.open(io.BytesIO(other._repr_png_())).width <= 1060


def test_grid_names_every_method_and_scales_each(rng, maps):
    grid = heatmap.method_grid(beat(rng), maps, fiducials=FIDUCIALS)
    assert all(label in texts(grid) for label in METHOD_LABELS.values())
    images = [axes.images[0].get_array()[0, :, 3] for axes in grid.axes if axes.images]
    assert len(images) == 2 * len(maps)
    full = np.concatenate(images) == np.max(images)
    assert full.mean() == pytest.approx(0.01, abs=0.003)


def test_rows_of_methods_have_their_mean_and_order():
    table = pd.DataFrame({"panel": "p", "method": ["voltage", "deeplift", "deeplift"]})
    table = table.assign(value=[0.1, 0.2, 0.6], group=["a", "a", "b"])
    axes = method_rows.method_rows(table, "title").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["|Voltage|", "DeepLIFT"]
    means = [line.get_xdata()[0] for line in axes.lines[2:6:3]]
    assert means == pytest.approx([0.1, 0.4])


def heart_vector(degrees: float, drift: float = 0.0) -> np.ndarray:
    """A beat (12, 600) whose QRS vector, at samples 200 to 240, points one way.

    Leads I and II are its projections at 0 and 60 degrees (Einthoven); drift: µV a sample.
    """
    size = np.zeros(600)
    size[200:241] = 1000 * np.sin(np.linspace(0, np.pi, 41))
    eight = np.zeros((8, 600))
    for row, at in ((0, 0), (1, 60)):
        eight[row] = size * np.cos(np.radians(degrees - at)) + drift * np.arange(600)
    return twelve_leads(eight)


@pytest.mark.parametrize("degrees", [-150, -90, -30, 0, 45, 60, 90, 120, 179])
def test_axis_is_the_direction_of_the_heart_vector_where_there_is_a_wave(degrees):
    assert axis(heart_vector(degrees), 200, 240) == pytest.approx(degrees, abs=0.01)
    assert axis(heart_vector(degrees, drift=2.0), 200, 240) == pytest.approx(degrees, abs=0.01)
    beat = heart_vector(60)
    assert np.isnan([axis(beat, *ends) for ends in ((np.nan, 240), (200, 201), (300, 340))]).all()


def test_qtc_is_qt_at_sixty_and_closed_forms_elsewhere():
    assert qtc(400, 60) == (400, 400)
    assert qtc(400, 60 / 0.64) == (pytest.approx(400 / 0.64 ** (1 / 3)), pytest.approx(500))
    assert all(np.isnan(qtc(np.nan, 60))) and all(np.isnan(qtc(400, np.nan)))


def test_all_that_a_printout_has_in_its_order():
    targets = dict.fromkeys(TARGETS, 100.0) | {"qt": 400.0, "VentRate": 60.0}
    rows = measurements(heart_vector(60), (np.nan, np.nan, 200, 240, 300, 400), targets, {}, {})
    labels = [row["label"] for row in rows]
    assert labels[:8] == [
        *("Heart rate", "PR interval", "QRS duration", "QT interval"),
        *("QTc Fridericia", "QTc Bazett", "P axis", "QRS axis"),
    ]
    values = {row["label"]: row["value"] for row in rows}
    assert values["QTc Bazett"] == 400 and values["QRS axis"] == pytest.approx(60, abs=0.01)
    assert np.isnan(values["P axis"])
    assert {row["name"] for row in rows} == {"", *TARGETS}
