"""The explorer's Python without a browser: what it answers, computes, measures and saves."""

import json
import threading

import fake_results
import numpy as np
import pytest
import reading
from source_files import csv_text

from ecghelpers.attribution import attribute
from ecghelpers.attribution.maps import explain
from ecghelpers.data.maps_and_curves import Intervention, read_attributions, write_intervention
from ecghelpers.evaluation.edits import edit_beats
from ecghelpers.evaluation.metrics import segment_sums
from ecghelpers.network.model import StevenNet, load_model, save_model
from ecghelpers.network.prediction import predict
from ecghelpers.perturbation import intervention_effects
from ecghelpers.views import explorer, results_folder
from ecghelpers.views.explorer import Explorer
from ecghelpers.views.results_folder import map_name

STORED = tuple(m for m in fake_results.METHODS if m != "guided_backprop")
FIRST = fake_results.HOSTILE_IDS[0]
WHERE = {"target": "qt", "model": 1, "record": FIRST, "baseline": "flat"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return fake_results.make(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """Results without one method, with a single target and model."""
    folder = tmp_path_factory.mktemp("partial")
    return fake_results.make(folder, targets=("qt",), models=(1,), methods=STORED)


class Browser:
    """What a browser does with an explorer: asks, and waits for the answer."""

    def __init__(self, explorer: Explorer):
        self.explorer, self.answers, self.arrived = explorer, {}, threading.Condition()
        explorer.send = self._take

    def _take(self, content, buffers=()):
        json.dumps(content, allow_nan=False)  # which is all that a browser can read
        with self.arrived:
            self.answers[content["number"]] = content, buffers
            self.arrived.notify()

    def ask(self, kind, buffers=(), **content):
        """The content and the arrays of the answer; raises ValueError where it is an error."""
        number = len(self.answers) + 1
        self.explorer._on_message(None, {"number": number, "ask": kind, **content}, list(buffers))
        with self.arrived:
            assert self.arrived.wait_for(lambda: number in self.answers, timeout=120)
        answer, arrays = self.answers[number]
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["content"], [np.frombuffer(part, "<f4") for part in arrays]

    def case(self, record, target="qt", model=1):
        """The content of a case, and its arrays by name."""
        told, arrays = self.ask("case", target=target, model=model, record=record)
        return told, dict(zip(told["buffers"], arrays, strict=True))


@pytest.fixture
def browser(results):
    return Browser(Explorer(results))


def test_a_case_is_what_the_files_hold(browser, results):
    record = fake_results.HOSTILE_IDS[3]
    told, arrays = browser.case(record, "qt", 2)
    stored = read_attributions(results.attributions("qt", 2))
    for method, maps in stored.maps.items():
        np.testing.assert_array_equal(arrays[f"map {method}"], maps[3].ravel())
    beat = browser.explorer.cases.record(record).beat_uv
    np.testing.assert_array_equal(arrays["beat"], beat.ravel())
    assert told["truth"] == pytest.approx(stored.truth[3])
    assert told["prediction"] == pytest.approx(stored.prediction[3])
    assert told["fiducials"] == list(fake_results.FIDUCIALS)
    [row] = [row for row in told["measurements"] if row["name"] == "qt"]
    assert row["value"] == told["truth"]


def test_what_colours_mean_is_told_for_each_method(browser):
    told, _ = browser.ask("network", target="qt", model=1)
    assert told["meanings"]["saliency"].startswith("Sensitivity: a higher voltage")
    assert told["meanings"]["deeplift"].startswith("Contribution: orange raised")
    assert "neither up nor down" in told["meanings"]["guided_backprop"]
    assert told["units"]["saliency"] == "ms/µV" and told["test_mae"] == 4.2


def test_missing_map_is_computed(partial):
    browser = Browser(Explorer(partial))
    told, arrays = browser.case("extra-1")
    assert "map saliency" not in arrays
    browser.explorer._on_message(None, {"ask": "wanted", "number": 0, "turn": 3}, [])
    told, [values] = browser.ask("compute", **WHERE, method="guided_backprop")
    cases = browser.explorer.cases
    beats = cases.record(FIRST).beat_uv[None].astype(np.float32)
    options = {"record_id": [FIRST], "progress": False}
    expected = attribute(cases.network("qt", 1), beats, "guided_backprop", **options)[0]
    np.testing.assert_array_equal(values, expected.ravel())
    assert "map guided_backprop" in browser.case(FIRST)[1], "it was not kept"
    late = browser.explorer._turn - 1
    assert browser.explorer._computed({}, late) == ({}, []), "no longer wanted"


def test_intervention_map_of_any_record_is_that_of_the_stored_ones(tmp_path):
    results = fake_results.make(tmp_path, targets=("qt",), models=(1,), extra_records=6)
    cases, network = Explorer(results).cases, load_model(results.network("qt", 1))
    chosen = cases.medians.subset(np.array([list(cases.medians.record_id).index("extra-1")]))
    [train] = np.nonzero(cases.medians.split == "train")
    assert len(train) > 2
    given = {"methods": ["occlusion"], "reference": cases.training_beat}
    maps = explain(network, chosen, chosen.target("qt"), "ms", **given)
    sums = maps.maps["occlusion"], maps.against_mean["occlusion"]
    flat, mean = (-segment_sums(values) for values in sums)
    options = {"donors": min(results_folder.DONORS, len(train)), "seed": 1}
    pool, ids = cases.medians.medians[train], chosen.record_id
    effect = intervention_effects(network, chosen.medians, pool, record_id=ids, **options)
    measured = Intervention(ids, maps.prediction, effect, flat, mean, {})
    case = cases.case("qt", 1, "extra-1")
    computed = {name: cases.compute(case, "intervention", name) for name in ("flat", "mean")}
    write_intervention(results.intervention("qt", 1), measured)
    stored = Explorer(results).cases.case("qt", 1, "extra-1").maps
    for baseline, values in computed.items():
        expected = stored[map_name("intervention", baseline)]
        np.testing.assert_allclose(values, expected, atol=1e-4 * np.abs(expected).max())
        assert expected.any()


def test_an_edit_answers_with_beat_prediction_and_map(browser):
    before, old = browser.case(FIRST)
    asked = WHERE | {"edit": "qt", "dose": 20, "method": "integrated_gradients"}
    told, arrays = browser.ask("edit", exact=True, **asked)
    beat, values = (a.reshape(12, 600) for a in arrays)
    record = browser.explorer.cases.record(FIRST)
    rate, beats = np.array([record.targets["VentRate"]]), record.beat_uv[None].astype(np.float32)
    edited = edit_beats(beats, record.fiducials[None], "qt", 20, rate=rate)
    np.testing.assert_allclose(beat, edited[0], atol=1e-3)
    network = load_model(browser.explorer.cases.results.network("qt", 1))
    assert told["prediction"] == pytest.approx(float(predict(network, beat[None])[0]), rel=1e-5)
    expected = attribute(network, beat[None], "integrated_gradients", seed=1, record_id=[FIRST])
    np.testing.assert_allclose(values, expected[0], atol=1e-4 * np.abs(expected).max())
    assert told["fiducials"][5] == before["fiducials"][5] + 10
    for method, later in (("intervention", False), ("occlusion", True)):
        told, arrays = browser.ask("edit", exact=False, **asked | {"method": method})
        assert len(arrays) == 1 and told["later"] == later, "no map can be had so quickly"
    told, arrays = browser.ask("edit", exact=True, **asked | {"dose": -400})
    assert "does not fit" in told["refused"] and not arrays


def test_where_nobody_can_use_it_the_explorer_is_a_picture(browser, monkeypatch):
    assert "application/vnd.jupyter.widget-view+json" in str(browser.explorer._repr_mimebundle_())
    monkeypatch.setattr(explorer, "_interactive", lambda: False)
    bundle = browser.explorer._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"} and "Run All Cells" in bundle["text/plain"]


def test_any_record_of_the_data_can_be_shown(partial):
    browser = Browser(Explorer(partial))
    browser.ask("find", record="extra-1")
    assert browser.explorer.added == ["extra-1"]
    with pytest.raises(ValueError, match="no record '<b>nobody</b>'"):
        browser.ask("find", record="<b>nobody</b>")


def test_own_median_beat_is_measured_and_predicted(partial):
    beat = fake_results.beat(np.random.default_rng(11))
    browser = Browser(Explorer(partial))
    for name, content in (("../mine.csv", csv_text(beat)), ("flat.csv", csv_text(0 * beat))):
        browser.ask("file", [content.encode()], name=name)
    told, _ = browser.ask("open")
    [reason] = told["refused"]
    assert told["records"] == ["own: mine"] and reason.startswith("flat.csv: ")
    told, arrays = browser.case("own: mine")
    np.testing.assert_array_equal(arrays["beat"], beat.ravel())
    assert 300 < told["truth"] < 550  # QT in ms of a beat with QRS at 220 … 260 and T until 425
    assert np.isfinite(told["prediction"]) and told["rhythm"] is None
    values = {row["label"]: row["value"] for row in told["measurements"]}
    assert values["Heart rate"] is None and values["QTc Bazett"] is None  # of one beat, no rate


def test_ratings_are_checked_and_written(tmp_path):
    results = fake_results.make(tmp_path, targets=("qt",), models=(1, 2), methods=STORED[:3])
    browser = Browser(Explorer(results, seed=7))
    study, reader = browser.explorer.study, "A/../B"
    given = reading.items(study, reader)[:3]
    for item, score in zip(given, (1, 5, 3), strict=True):
        row = reading.row(study, reader, item, score, 'odd, "really"')
        browser.ask("keep", row=row)
    [path] = (tmp_path / "readings").iterdir()
    assert path.parent == tmp_path / "readings", "a reader's name is no path"
    assert list(study.gather(path.parent)[0]["method"]) == [item.method for item in given]
    assert not [m for m in STORED if m in path.read_text(encoding="utf-8")]
    told, _ = Browser(Explorer(results, seed=7)).ask("ratings", rater="a/../b")
    assert [(row["record"], row["code"]) for row in told] == [(i.record, i.code) for i in given]
    with pytest.raises(ValueError, match="do not fit"):
        browser.ask("keep", row=row | {"mark": "forged"})


def test_a_replaced_network_is_left_out_and_named(tmp_path):
    """As after a training alone, beside the maps of the network before."""
    results = fake_results.make(tmp_path, models=(1,))
    save_model(results.network("qt", 1), StevenNet())
    explorer = Explorer(results)
    assert [n["target"] for n in explorer.overview["networks"]] == ["pr"]
    reason = explorer.cases.left_out["qt/model1/attributions.h5"]
    assert "has been replaced since" in reason and reason in explorer.overview["left_out"]
