"""A method added in one place, the table METHODS, is seen wherever there are methods."""

import json
import re

import fake_results
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from ecghelpers.attribution import METHODS, AttributionConfig, kind, unit
from ecghelpers.attribution.maps import explain
from ecghelpers.attribution.methods import Method
from ecghelpers.data.maps_and_curves import (
    read_attributions,
    write_attributions,
    write_perturbation,
)
from ecghelpers.data.medians import read_medians
from ecghelpers.evaluation import agreement, published, review
from ecghelpers.network.model import load_model
from ecghelpers.views import heatmap, method_rows, offline_page, review_figures
from ecghelpers.views.explorer import Explorer

FEW = AttributionConfig(smoothgrad_draws=2, gradientshap_draws=2, integrated_gradients_steps=2)
LABEL, COLOUR = "Voltage cubed", "#8c510a"


@pytest.fixture(scope="module")
def added():
    def cubed(context, beats):
        """The voltage, cubed."""
        return beats**3

    row = Method(cubed, LABEL, COLOUR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "cubed", row)
        yield "cubed"


@pytest.fixture(scope="module")
def results(tmp_path_factory, added):
    """Results whose maps and curves are of all methods, as notebooks 04 and 06 make them."""
    root = tmp_path_factory.mktemp(added)
    results = fake_results.make(root, targets=("qt",), models=(1,), record_ids=("one",))
    network = load_model(results.network("qt", 1))
    data = read_medians(results.medians).subset(slice(0, 1))
    explained = explain(network, data, "qt", FEW)
    write_attributions(results.attributions("qt", 1), explained)
    curves = published.perturb(network, data, "qt", explained.maps, published.Procedure(steps=2))
    write_perturbation(results.perturbation("qt", 1), curves)
    published.gather_aopc(results, {"qt": 1.0}, data)
    return results


def test_its_map_is_made_and_has_unit_and_kind(added, results):
    stored = read_attributions(results.attributions("qt", 1))
    data = read_medians(results.medians).subset(slice(0, 1))
    np.testing.assert_allclose(stored.maps[added], data.medians.astype(float) ** 3, rtol=1e-6)
    assert stored.details[added]["unit"] == unit(added, "ms") == "ms/µV"
    assert kind(added) == "sensitivity"


def test_it_is_judged_beside_the_others(added, results):
    assert added in set(pd.read_csv(results.aopc)["method"])


def test_the_review_judges_it_and_names_it(added):
    ids = [f"r{number}" for number in range(8)]
    values = {(added, "donors"): np.full(8, 0.9), ("voltage", "donors"): np.linspace(0, 0.2, 8)}
    tables = {("qt", 1): agreement.long_table("agreement", values, ids)}
    table = review.put_together(review.from_truth(tables, {}))
    assert set(table[table.method == added].verdict) == {"passes"}
    assert LABEL in [text.get_text() for text in review_figures.review_figure(table).findobj(Text)]


def test_figures_name_and_colour_it(added, results):
    stored = read_attributions(results.attributions("qt", 1))
    beat = read_medians(results.medians).medians[0]
    maps = {method: values[0] for method, values in stored.maps.items()}
    grid = heatmap.method_grid(beat, maps)
    assert LABEL in [text.get_text() for text in grid.findobj(Text)]
    assert method_rows.colour_of(added) == COLOUR


def test_the_page_has_it(added, results):
    data = offline_page.build_site(results).parent / "data"
    text = (data / "records.js").read_text(encoding="utf-8")
    content = json.loads(re.fullmatch(r"ECG\.records\((.*)\);\n", text)[1])
    words = {"label": LABEL, "sentence": "The voltage, cubed."}
    assert content["methods"][added] == words
    network = (data / "qt-model1.js").read_text(encoding="utf-8")
    assert re.search(rf'"{added}":\[{{"peak"', network)


def test_the_explorer_offers_it(added, results):
    explorer = Explorer(results)
    assert explorer.overview["methods"][added]["label"] == LABEL
    assert added in explorer.overview["networks"][0]["methods"]
