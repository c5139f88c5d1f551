"""The explorer without a browser: what it shows, computes, hides and saves."""

import csv
import json
from datetime import UTC, datetime

import fake_results
import numpy as np
import pytest

from ecghelpers.attribution import attribute
from ecghelpers.data.maps_and_curves import read_attributions
from ecghelpers.ecg import LEADS
from ecghelpers.views import controls, ecg_paper
from ecghelpers.views.explorer import Explorer
from ecghelpers.views.plots import METHOD_LABELS
from ecghelpers.views.screen import caliper_text

STORED = tuple(m for m in fake_results.METHODS if m != "guided_backprop")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return fake_results.make(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """Results without one method, with a single target and model."""
    folder = tmp_path_factory.mktemp("partial")
    return fake_results.make(folder, targets=("qt",), models=(1,), methods=STORED)


@pytest.fixture
def explorer(results):
    return Explorer(results)


def heat(explorer) -> list[str]:
    return [image.source for image in explorer.screen.figure.layout.images]


def all_text(explorer) -> str:
    """Everything that the browser is sent."""
    controls_text = [str(c.options) for c in (explorer.method, explorer.second)]
    return explorer.screen.figure.to_json() + explorer.status.value + "".join(controls_text)


def test_it_shows_the_stored_map_truth_and_prediction(explorer, results):
    explorer.target.value, explorer.model.value = "qt", 2
    explorer.record.value = fake_results.HOSTILE_IDS[3]
    explorer.method.value = 4
    path = results.attributions("qt", 2)
    stored = read_attributions(path)
    case = explorer.case
    np.testing.assert_array_equal(
        case.maps["integrated_gradients"], stored.maps["integrated_gradients"][3]
    )
    scale = ecg_paper.heat_scale(case.maps["integrated_gradients"])
    assert explorer.screen.figure.data[0].marker.cmax == pytest.approx(scale)
    assert f"{stored.truth[3]:.1f} ms" in explorer.status.value
    assert f"{stored.prediction[3]:.1f} ms" in explorer.status.value
    assert f"{stored.prediction[3] - stored.truth[3]:+.1f} ms" in explorer.status.value
    assert "4.20 ms" in explorer.status.value


def test_every_control_changes_the_picture(explorer):
    changes = {
        "target": "qt",
        "model": 2,
        "record": fake_results.HOSTILE_IDS[2],
        "method": 3,
        "mode": "averaged",
        "layout": "6x2",
        "percentile": 90,
        "view": controls.DIFFERENCE,
        "second": 7,
    }
    for name, value in changes.items():
        before = heat(explorer)
        getattr(explorer, name).value = value
        assert heat(explorer) != before, name
    marks = explorer.screen.figure.data[1]
    assert len(marks.x) > 10
    explorer.fiducials.value = False
    assert len(explorer.screen.figure.data[1].x) == 0


@pytest.mark.parametrize(("view", "panels"), [(controls.METHODS_VIEW, 10), (controls.BESIDE, 2)])
def test_views_with_several_panels(explorer, view, panels):
    explorer.view.value = view
    titles = [text for text in explorer.screen.figure.data[4].text if text.startswith("<b>")]
    assert len(titles) == panels and "<b>Saliency</b>" in titles
    explorer.view.value = controls.MODELS_VIEW
    titles = [text for text in explorer.screen.figure.data[4].text if text.startswith("<b>")]
    assert titles == ["<b>Saliency, model 1</b>", "<b>Saliency, model 2</b>"]


def test_difference_of_a_map_with_itself_is_nothing(explorer):
    explorer.view.value = controls.DIFFERENCE
    explorer.second.value = explorer.method.value = 2
    clear = heat(explorer)
    explorer.second.value = 3
    assert heat(explorer) != clear


def test_records_go_round(explorer):
    ids = list(explorer.record.options)
    explorer.previous.click()
    assert explorer.record.value == ids[-1]
    explorer.next.click()
    assert explorer.record.value == ids[0]


def test_keys_change_record_method_and_blinding(explorer):
    press = iter(range(1, 100))

    def key(name):
        explorer.keys.pressed = [name, next(press)]

    first = explorer.record.value
    key("ArrowRight")
    assert explorer.record.value != first
    key("ArrowLeft")
    assert explorer.record.value == first
    key("4")
    assert explorer.method.label == "Input × gradient"
    key("0")
    assert explorer.method.label == "Random"
    key("b")
    assert explorer.blind.value and explorer.method.label == "J"
    key("n")
    assert explorer.method.label.startswith("J: ")


def test_blinding_hides_every_name_unit_and_colour(explorer):
    explorer.blind.value = True
    for view in controls.VIEWS:
        explorer.view.value = view
        sent = all_text(explorer)
        assert not [label for label in METHOD_LABELS.values() if label in sent], view
        assert "/µV" not in explorer.screen.figure.data[0].marker.colorbar.title.text
        curves = [t for t in explorer.screen.figure.data[5:] if t.visible]
        assert curves and {(t.line.color, t.line.dash) for t in curves} == {("#666666", "dashdot")}
    explorer.names.value = True
    assert "Saliency" in all_text(explorer)


def test_blinded_order_differs_between_records_and_readers_but_not_between_runs(results):
    one, again = (Explorer(results, seed=5, reader="AB") for _ in range(2))
    other = Explorer(results, seed=5, reader="CD")
    orders = []
    for explorer in (one, again, other):
        explorer.blind.value = True
        orders.append(explorer.order())
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(METHOD_LABELS)
    one.step(1)
    assert one.order() != orders[0]


def test_missing_map_is_computed_and_drawn(partial):
    explorer = Explorer(partial)
    with explorer._lock:  # the picture is not drawn again before this is let go
        explorer.method.value = list(METHOD_LABELS).index("guided_backprop")
        waiting, bar = heat(explorer), explorer.background.widget.layout.display
        assert "…" in explorer.screen.figure.layout.title.text and bar == ""
    explorer.background.wait()
    case = explorer.case
    beats = case.beat_uv[None].astype(np.float32)
    options = {"record_id": [case.record_id], "progress": False}
    network = explorer.cases.network("qt", 1)
    expected = attribute(network, beats, "guided_backprop", **options)[0]
    np.testing.assert_array_equal(case.maps["guided_backprop"], expected)
    assert case.units["guided_backprop"] == "ms/µV"
    assert heat(explorer) != waiting and "…" not in explorer.screen.figure.layout.title.text
    assert explorer.background.widget.layout.display == "none"


def test_a_map_that_cannot_be_computed_is_told(partial):
    explorer = Explorer(partial)

    def fail(*_):
        raise ValueError("no <memory>")

    explorer.background.compute = fail
    explorer.method.value = list(METHOD_LABELS).index("guided_backprop")
    explorer.background.wait()
    assert "Guided backprop could not be computed: no &lt;memory&gt;" in explorer.message.value


def test_any_record_of_the_data_can_be_shown(partial):
    explorer = Explorer(partial)
    explorer.find.value = "extra-1"
    assert explorer.record.value == "extra-1"
    explorer.background.wait()
    assert "saliency" in explorer.case.maps
    assert "no perturbation curve" in explorer.screen.figure.layout.annotations[0].text
    explorer.find.value = "<b>nobody</b>"
    assert "&lt;b&gt;nobody" in explorer.message.value and explorer.record.value == "extra-1"


def write_12sl(path, beat):
    rows = "\n".join(",".join(map(str, row)) + "," for row in beat.T)
    path.write_text(f"header,1,\n12 lead medians\n{rows}\n")


def test_own_12sl_file_is_measured_predicted_and_explained(partial, tmp_path):
    beat = fake_results.beat(np.random.default_rng(11))
    write_12sl(tmp_path / "mine.csv", beat)
    explorer = Explorer(partial)
    content = (tmp_path / "mine.csv").read_bytes()
    file = {"name": "../mine.csv", "content": content, "size": len(content), "type": "text/csv"}
    explorer.upload.value = (file | {"last_modified": datetime.now(UTC)},)
    explorer.background.wait()
    assert explorer.record.value == "own: mine"
    case = explorer.case
    np.testing.assert_array_equal(case.beat_uv, beat)
    assert "Measured here" in explorer.status.value and "saliency" in case.maps
    assert 300 < case.truth < 550  # QT in ms of a beat with QRS at 220 … 260 and T until 425
    assert len(heat(explorer)) == 3


def test_own_wfdb_record_is_measured(partial, tmp_path):
    wfdb = pytest.importorskip("wfdb")
    beat = fake_results.beat(np.random.default_rng(4))[:, 100:500].astype(float)
    strip = np.tile(beat - beat[:, :1], 12)
    wfdb.wrsamp(
        "rhythm", fs=500, units=["uV"] * 12, sig_name=list(LEADS), p_signal=strip.T,
        fmt=["16"] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    explorer = Explorer(partial)
    explorer.open(tmp_path / "rhythm.hea")
    explorer.background.wait()
    assert explorer.record.value == "own: rhythm"
    rate = explorer.cases.own["own: rhythm"].targets["VentRate"]
    assert rate == pytest.approx(75, abs=1)  # 400 samples at 500 Hz


@pytest.mark.parametrize("name", ["x.csv", "x.hea", "x.exe"])
def test_broken_own_files_are_refused_with_a_reason(explorer, tmp_path, name):
    (tmp_path / name).write_text("<script>nonsense</script>")
    before = explorer.record.value
    explorer.open(tmp_path / name)
    assert explorer.message.value and "<script" not in explorer.message.value
    assert "Reading" not in explorer.message.value and explorer.record.value == before


def test_calipers_tell_time_voltage_and_rate(explorer):
    explorer.calipers.value = True
    assert "400 ms" in explorer.measured.value
    shapes = [dict(shape.to_plotly_json()) for shape in explorer.screen.figure.layout.shapes]
    shapes[0] |= {"x0": 5, "x1": 25, "y0": -20, "y1": -15}
    explorer.screen.figure.layout.shapes = shapes
    assert list(explorer.screen.figure.data[-1].x) == [5, 25], "the rings stay behind"
    assert "800 ms, +0.50 mV" in explorer.measured.value
    explorer.calipers.value = False
    assert not explorer.screen.figure.layout.shapes and not explorer.measured.value
    assert "rate" not in caliper_text((0, 0), (1, 0)) and "beats" not in caliper_text(
        (0, 0), (1, 0)
    )


def test_one_figure_widget_is_reused(explorer):
    figure = explorer.screen.figure
    explorer.view.value = controls.METHODS_VIEW
    explorer.step(1)
    assert explorer.screen.figure is figure and len(figure.data) == 16
    for width in (360, 1800):
        explorer.keys.room = [width, 800]
        assert figure.layout.width == width


def test_results_without_networks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no trained network"):
        Explorer(tmp_path)


def test_reading_study_saves_row_by_row_and_resumes(tmp_path):
    results = fake_results.make(tmp_path, targets=("qt",), models=(1, 2), methods=STORED[:3])
    explorer = Explorer(results, seed=7)
    panel = explorer.study
    panel.begin()
    assert "Write who reads" in panel.told.value and not explorer.locked
    panel.reader.value = "A/../B"
    panel.begin()
    given = []
    for score in (1, 5, 3):
        item = panel.items[0]
        assert explorer.locked and explorer.blind.value and not explorer.names.value
        assert explorer.order()[explorer.method.value] == item.method
        assert (explorer.record.value, explorer.method.label) == (item.record, item.code)
        assert explorer.model.value == 1 and explorer.record.disabled
        assert not any(trace.visible for trace in explorer.screen.figure.data[5:15]), "a hint"
        rating = panel.ratings[0]
        rating.score.value, rating.text.value = score, 'odd, "really"'
        panel.save.click()
        given.append((item, score))
    panel.save.click()
    assert "score" in panel.told.value  # none was chosen for the fourth
    panel.stop.click()
    assert not explorer.locked and not explorer.record.disabled
    assert any(trace.visible for trace in explorer.screen.figure.data[5:15])
    [path] = (tmp_path / "readings").iterdir()
    rows = list(csv.DictReader(path.open(newline="", encoding="utf-8")))
    assert [int(row["score"]) for row in rows] == [1, 5, 3]
    assert rows[0]["reader"] == "A/../B" and rows[0]["text"] == 'odd, "really"'
    assert not [m for m in STORED if m in path.read_text(encoding="utf-8")]
    table = panel.study.read([path])
    assert list(table["method"]) == [item.method for item, _ in given]
    resumed = Explorer(results, seed=7).study
    resumed.reader.value = "A/../B"
    resumed.begin()
    assert resumed.told.value == "3 of 15 maps rated"
    assert resumed.items == (panel.study.items("A/../B")[3],)


def test_a_study_takes_no_record_from_the_list(tmp_path):
    results = fake_results.make(tmp_path, targets=("qt", "pr"), models=(1,), methods=STORED[:2])
    explorer = Explorer(results, seed=7)
    explorer.find.value = "extra-1"
    assert explorer.record.value == "extra-1" and explorer.find.value == ""
    explorer.study.reader.value = "AB"
    explorer.study.begin()
    assert explorer.choosing_rows[0].layout.display == "none"
    explorer.study.end()
    assert "extra-1" in explorer.record.options and explorer.choosing_rows[0].layout.display == ""
    explorer.target.value = "pr"
    assert "extra-1" in explorer.record.options


def test_twelve_rows_are_broad_enough_to_read(explorer):
    explorer.keys.room = [1246, 800]
    for layout, least in (("12x1", 200), ("6x2", 380), ("3x4", 450)):
        explorer.layout.value = layout
        figure = explorer.screen.figure.layout
        inner = figure.width - figure.margin.l - figure.margin.r
        assert figure.xaxis.domain[1] * inner >= least


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["only.hea"], "No such file or directory (only.dat"),
        (["x.png"], "choose a 12SL .csv"),
        (["only.dat"], "choose a 12SL .csv"),
        (["flat.csv"], "flat.csv: "),
    ],
)
def test_what_is_wrong_with_an_upload_is_told_without_paths(explorer, names, said):
    content = {
        "only.hea": b"only 1 500 5000\nonly.dat 16 200(0)/mV 16 0 0 0 0 I\n",
        "flat.csv": b"12 lead medians\n" + b"0,0,0,0,0,0,0,0,0,0,0,0,\n" * 600,
    }
    uploaded = [{"name": name, "content": content.get(name, b"x")} for name in names]
    explorer._uploaded({"new": uploaded})
    assert said in explorer.message.value and "/tmp" not in explorer.message.value


def test_reading_study_in_pairs(tmp_path):
    results = fake_results.make(tmp_path, targets=("qt",), models=(1,), methods=STORED[:3])
    explorer = Explorer(results, seed=7)
    panel = explorer.study
    panel.reader.value, panel.together.value = "AB", 2
    panel.begin()
    layout = explorer.screen.figure.layout
    assert layout.xaxis2.domain[0] > 0.99 and layout.yaxis2.domain[1] < 0.01, "covers the paper"
    for pair in panel.study.screens("AB", 2):
        assert panel.items == pair
        shown = (explorer.method, explorer.second)[: len(pair)]
        assert [control.label for control in shown] == [item.code for item in pair]
        assert (explorer.view.value == "Two side by side") == (len(pair) == 2)
        panel.ratings[0].score.value = 4
        if len(pair) == 2:
            panel.save.click()
            assert "score" in panel.told.value and panel.items == pair
            panel.ratings[1].score.value = 2
        panel.save.click()
    assert panel.told.value == "15 of 15 maps rated" and not explorer.locked
    table = panel.study.read(list((tmp_path / "readings").iterdir()))
    assert sorted(table["score"]) == [2] * 5 + [4] * 10
    assert (table["beside"] == "").sum() == 5


def test_notebook_of_the_explorer_is_clean():
    notebook = json.loads(
        (fake_results.ROOT / "notebooks" / "05_explore.ipynb").read_text(encoding="utf-8")
    )
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert sum("parameters" in c["metadata"].get("tags", ()) for c in code) == 1
    assert "widgets" not in notebook["metadata"]


@pytest.mark.parametrize("mode", ["all leads", "averaged", "V5 only"])
def test_everything_sent_is_json(explorer, mode):
    explorer.mode.value, explorer.layout.value = mode, "3x4"
    explorer._repr_mimebundle_()  # the figure stores what was drawn into it
    state = explorer.screen.figure.get_state()
    plain = json.dumps(state, default=lambda _: None, allow_nan=False)  # arrays travel beside it
    assert '"images"' in plain and explorer.record.value[1:7] in plain
