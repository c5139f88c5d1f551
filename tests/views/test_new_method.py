"""A method added in one place, the table METHODS, is seen wherever there are methods."""

import fake_results
import numpy as np
import pytest
from seen import texts

from ecghelpers.attribution import METHODS, kind, unit
from ecghelpers.attribution.maps import explain
from ecghelpers.attribution.methods import Method
from ecghelpers.data.maps_and_curves import read_attributions, write_attributions
from ecghelpers.data.medians import read_medians
from ecghelpers.evaluation import agreement, review
from ecghelpers.network.model import load_model
from ecghelpers.views import heatmap, method_rows, offline_page
from ecghelpers.views.explorer import Explorer

LABEL, COLOUR = "Voltage cubed", "#8c510a"


@pytest.fixture(scope="module")
def added():
    def cubed(context, beats):
        """The voltage, cubed."""
        return beats**3

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "cubed", Method(cubed, LABEL, COLOUR))
        yield "cubed"


@pytest.fixture(scope="module")
def results(tmp_path_factory, added):
    """Results with a map by the method, as notebook 04 makes it."""
    root = tmp_path_factory.mktemp(added)
    results = fake_results.make(root, targets=("qt",), models=(1,), record_ids=("one",))
    data = read_medians(results.medians).subset(slice(0, 1))
    network = load_model(results.network("qt", 1))
    few = {"methods": ("saliency", added)}
    explained = explain(network, data, data.target("qt"), "ms", **few)
    write_attributions(results.attributions("qt", 1), explained)
    return results


def test_its_map_is_made_and_drawn(added, results):
    stored, data = read_attributions(results.attributions("qt", 1)), read_medians(results.medians)
    np.testing.assert_allclose(stored.maps[added], data.medians[:1].astype(float) ** 3, rtol=1e-6)
    assert stored.details[added]["unit"] == unit(added, "ms") == "ms/µV"
    assert kind(added) == "sensitivity" and method_rows.colour_of(added) == COLOUR
    maps = {method: values[0] for method, values in stored.maps.items()}
    assert LABEL in texts(heatmap.method_grid(data.medians[0], maps))


def test_the_review_judges_it_and_names_it(added):
    ids = [f"r{number}" for number in range(8)]
    values = {(added, "donors"): np.full(8, 0.9), ("voltage", "donors"): np.linspace(0, 0.2, 8)}
    tables = {("qt", 1): agreement.long_table("agreement", values, ids)}
    table = review.put_together(review.from_truth(tables, {}))
    assert set(table[table.method == added].verdict) == {"passes"}


def test_page_and_explorer_have_it(added, results):
    overview = Explorer(results).overview
    assert overview["methods"][added] == {"label": LABEL, "sentence": "The voltage, cubed."}
    assert added in overview["networks"][0]["methods"]
    data = offline_page.build_site(results).parent / "data" / "qt-model1.js"
    assert f'"{added}":[{{"peak"' in data.read_text(encoding="utf-8")
