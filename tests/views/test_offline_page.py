"""The static page's data and files; what it does is tested in a browser."""

import json
import re
import zlib
from base64 import b64decode
from dataclasses import replace

import fake_results
import numpy as np
import pandas as pd
import pytest
from refusals import refused

from ecghelpers.ecg import TARGETS
from ecghelpers.files import write_table
from ecghelpers.views import beat_edits, offline_page
from ecghelpers.views.content import LEVELS, case_content, levels
from ecghelpers.views.results_folder import Cases


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = fake_results.make(tmp_path_factory.mktemp("results"))
    values = (0.5, 0.3, 0.7, 0.0, "passes")
    rows = [fake_results.judged("all", "deeplift", "change matters", *values)]
    rows += [fake_results.judged("all", "saliency", "shortcut exposed", *values[:4], "fails")]
    rows += [fake_results.judged("all", "voltage", "change matters", *values[:4], "fails")]
    write_table(pd.DataFrame(rows), results.review)
    offline_page.build_site(results)
    return results


def content(path) -> dict:
    """What a data script hands to the page."""
    call = re.fullmatch(r"ECG\.\w+\((?:\"[^\"]+\",)?(.*)\);\n", path.read_text(encoding="utf-8"))
    return json.loads(call[1])


def test_edits_of_the_beat_are_stored_with_predictions_and_maps(results):
    network = content(results.site.parent / "data" / "qt-model1.js")
    [first, *_] = network["edited"][fake_results.HOSTILE_IDS[0]]
    cases = Cases(results)
    record = cases.case("qt", 1, fake_results.HOSTILE_IDS[0]).record
    beat, marks = beat_edits.edited(record, "qt", first["dose"])
    pack = zlib.decompress(b64decode(network["pack"]))
    steps = np.frombuffer(pack, "<i2", 7200, first["change"]["at"]).reshape(12, 600).astype(float)
    change = steps * np.abs(steps) * first["change"]["peak"] / LEVELS**2
    assert np.abs(record.beat_uv + change - beat).max() < 0.01 * first["change"]["peak"]
    assert first["prediction"] == pytest.approx(float(cases.predict_beats("qt", 1, beat[None])[0]))
    assert network["edits"][0]["name"] == "qt" and first["fiducials"] == list(marks)


def test_nothing_in_a_script_can_end_it():
    hostile = ["</script><script>alert(1)</script>", "a\u2028b", "<!--", 'q"\\', *("&<>")]
    text = offline_page.script_json(hostile)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == hostile
    with pytest.raises(ValueError):
        offline_page.script_json(float("nan"))


def test_two_bytes_a_sample_keep_the_map():
    values = np.random.default_rng(0).standard_t(2, (12, 600)).astype(np.float32)
    peak, steps = levels(values)
    back = steps * np.abs(steps.astype(float)) * peak / LEVELS**2  # as page.js
    assert np.abs(back - values).max() <= 0.005 * peak
    percentile = np.percentile(np.abs(values), 99)
    assert np.percentile(np.abs(back), 99) == pytest.approx(percentile, rel=0.02)
    assert not levels(np.zeros((12, 600)))[1].any()


def test_every_map_and_truth_is_on_the_page(results):
    page = results.site.parent
    data = content(page / "data" / "records.js")
    assert set(data["records"]) == set(fake_results.HOSTILE_IDS)
    assert [(n["target"], n["model"]) for n in data["networks"]] == results.models()
    network = content(page / "data" / "qt-model1.js")
    assert set(network["maps"]) == set(fake_results.METHOD_LABELS)
    assert all(len(maps) == 5 for maps in network["maps"].values())
    record = data["records"][fake_results.HOSTILE_IDS[0]]
    beat = np.frombuffer(b64decode(record["beat"]), "<i2").reshape(12, 600)
    assert np.abs(beat).max() > 500 and record["fiducials"] == list(fake_results.FIDUCIALS)
    assert network["test_mae"] == 4.2
    cells = data["review"]["rows"]["all"]
    assert cells["saliency"]["shortcut exposed"]["verdict"] == "fails"
    assert cells["deeplift"]["change matters"]["text"].startswith("0.50 (95 % 0.30 to 0.70)")
    methods = data["review"]["methods"]
    assert methods[-1] == {"name": "voltage", "label": "|Voltage|", "control": True}
    assert not any(method["control"] for method in methods[:-1])


def test_what_the_electrocardiograph_measured_stands_beside(results):
    cases = Cases(results)

    def qt_and_program():
        told = case_content(cases, cases.case("qt", 1, fake_results.HOSTILE_IDS[0]))
        (qt,) = (row["machine"] for row in told["measurements"] if row["name"] == "qt")
        return qt, told["program"]

    assert qt_and_program()[0] is None
    printed = np.full((len(cases.medians.record_id), len(TARGETS)), 440.0, np.float32)
    programs = np.full(len(printed), "GE 12SL")
    known = {"machine": printed, "machine_program": programs, "measured": cases.medians.targets}
    cases.medians = replace(cases.medians, **known)
    assert qt_and_program() == (440, "GE 12SL")
    cases.medians = replace(cases.medians, targets=printed)  # then 12SL's values are the labels
    assert qt_and_program()[0] is None


def test_page_asks_for_nothing_outside_its_folder(results):
    page = results.site.parent
    html = results.site.read_text(encoding="utf-8")
    assert "default-src 'none'" in html and "unsafe-inline" not in html
    for path in page.glob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|['\"]//|\bfetch\(|XMLHttp|\beval\b|innerHTML", text), path
    used = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert used and all((page / name).is_file() for name in used)


def test_number_of_records_and_size(tmp_path):
    ids = [f"r{number}" for number in range(8)]
    results = fake_results.make(tmp_path, targets=("qt",), models=(1,), record_ids=ids)
    site = offline_page.build_site(results, records=6).parent
    data = content(site / "data" / "qt-model1.js")
    assert list(content(site / "data" / "records.js")["records"]) == ids[:6] == data["records"]
    size = (site / "data" / "qt-model1.js").stat().st_size  # maps of noise are compressed
    assert size < 6 * len(fake_results.METHODS) * 7200 * 1.7 + 8 * 6 * 7200 * 4


def test_a_new_page_replaces_the_old_one_only_when_whole(tmp_path, monkeypatch):
    results = fake_results.make(tmp_path, targets=("qt",), models=(1,))
    offline_page.build_site(results)
    left = results.site.parent / "data" / "left-over.js"
    left.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(offline_page, "_write_records", fail)
    with pytest.raises(OSError, match="disk full"):
        offline_page.build_site(results)
    assert left.read_text() == "old"
    monkeypatch.undo()
    offline_page.build_site(results)
    assert not left.exists() and not list(tmp_path.glob(".site*"))


def test_without_heatmaps_the_page_is_refused(tmp_path):
    results = fake_results.make(tmp_path, targets=("qt",), models=(1,))
    results.attributions("qt", 1).unlink()
    with refused("attributions.h5"):
        offline_page.build_site(results)
    assert not results.site.exists()
