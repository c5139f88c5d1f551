"""The reading study as a reader meets it: set up, rated, exported, and its results."""

import csv

import fake_results
import pytest
import reading
from seen import OUTPUT, captions, change, drawn, part

from ecghelpers.study import reading_study
from ecghelpers.views.results_folder import Cases

READER = 'Ø"<B>, R'
BOTH = {"targets": ("pr", "qt"), "records": 4}  # as ``begin`` sets it up


@pytest.fixture(scope="module")
def study(shown):
    return reading_study.Study(Cases(shown, seed=1).networks(), seed=1)


def begin(page, reader, records=4):
    """Set a study up and start it; a new reader sees the practice map."""
    part(page, "to-study").click()
    part(page, "study").locator("summary").click()
    for target in ("qt", "pr"):
        part(page, "targets").locator(f"[value={target}]").check()
    part(page, "rater").fill(reader)
    part(page, "records").fill(str(records))
    change(page, lambda: part(page, "start").click())


def rate(page, score):
    """Score what is shown by the keys, and go on."""
    page.keyboard.press(str(score))
    change(page, lambda: page.keyboard.press("Enter"))


def stop(page):
    change(page, lambda: part(page, "stop").click())


def export(page, path):
    with page.expect_download() as download:
        part(page, "export").click()
    download.value.save_as(path)
    return list(csv.DictReader(path.open(newline="", encoding="utf-8")))


def test_a_study_takes_five_minutes_and_ends_with_its_results_in_sight(opened):
    part(opened, "to-study").click()
    count = 2 * len(fake_results.METHOD_LABELS)
    opened.wait_for_selector(f"text=/{count} maps, about [45] min/")
    part(opened, "start").click()
    opened.wait_for_selector("[name=study-message]:has-text('initials')")
    part(opened, "rater").fill("ab")
    change(opened, lambda: part(opened, "start").click())
    rate(opened, 5)
    for number in range(count):
        assert part(opened, "results").is_hidden(), "results would unblind what is left"
        rate(opened, 1 + number % 5)
    opened.wait_for_selector(f"text=Done: all {count} maps are rated. Thank you.")
    rows = opened.locator("[name=report] tbody tr")
    assert rows.count() == len(fake_results.METHOD_LABELS)
    box = rows.first.bounding_box()
    assert 0 <= box["y"] < 800
    text = part(opened, "report").inner_text()
    assert "You against the tests" in text and "passes 1 of 1 tests" in text
    means = [float(row.split("\t")[1]) for row in rows.all_inner_texts()]
    assert means == sorted(means, reverse=True)
    opened.screenshot(path=OUTPUT / "study-results.png")


def test_a_study_from_its_setup_to_the_exported_file(opened, study, tmp_path):
    begin(opened, f"  {READER.lower()} ")
    total = 8 * len(fake_results.METHOD_LABELS)
    progress = part(opened, "progress").text_content()
    assert progress == f"Practice: this score is not kept. {total} maps follow."
    assert part(opened, "back").is_hidden()
    rate(opened, 5)
    items = reading.items(study, READER, **BOTH)
    remarks = ("", 'a "quoted", remark', "<script>window.hacked=1</script>")
    for item, score, remark in zip(items, (1, 5, 3), remarks, strict=False):
        assert captions(opened) == [item.code]
        assert f"Record {item.record}" in part(opened, "status").text_content()
        asked = {"qt": "QT interval", "pr": "PR interval"}[item.target]
        question = part(opened, "question").text_content()
        assert question == f"Does it mark where you would measure the {asked}?"
        part(opened, "score").nth(score - 1).check()
        part(opened, "remark").fill(remark)
        change(opened, lambda: part(opened, "save").click())
    assert f"3 of {total} maps rated" in part(opened, "progress").text_content()
    opened.reload()
    drawn(opened)
    part(opened, "to-study").click()
    part(opened, "rater").fill(READER)
    part(opened, "rater").press("Tab")
    opened.wait_for_selector(f"text=/3 of {total} maps rated/")  # the last choice is proposed
    change(opened, lambda: part(opened, "start").click())
    assert captions(opened) == [items[3].code]
    stop(opened)
    rows = export(opened, tmp_path / "ratings.csv")
    assert tuple(rows[0]) == reading_study.COLUMNS and {row["reader"] for row in rows} == {READER}
    assert [(row["score"], row["text"]) for row in rows] == list(zip("153", remarks, strict=True))
    assert {row["settings"] for row in rows} == {"targets=pr qt; records=4; maps=1"}
    table = study.gather(tmp_path)[0]
    assert list(table["method"]) == [item.method for item in items[:3]]
    written = (tmp_path / "ratings.csv").read_text("utf-8")
    assert not [method for method in fake_results.METHODS if method in written]


def test_while_a_map_is_rated_nothing_tells_what_to_think_of_it(opened):
    change(opened, lambda: part(opened, "view").select_option("one"))
    values = part(opened, "status").text_content()
    assert "measured" in values and "network" in values
    before = part(opened, "target").input_value(), captions(opened)
    begin(opened, "AB")
    rate(opened, 3)
    text = opened.locator("body").inner_text()
    words = ("measured", ", network", "of the colour", "tests")
    assert not [word for word in (*words, *fake_results.METHOD_LABELS.values()) if word in text]
    for name in ("measurements", "review", "target", "record", "marks"):
        assert part(opened, name).is_hidden(), name
    box = opened.locator("[name=panels] canvas").bounding_box()
    for x in range(5, 100, 5):  # along the leads: no mark is named
        opened.mouse.move(box["x"] + box["width"] * x / 100, box["y"] + box["height"] / 2)
        assert "(" not in part(opened, "pointer").text_content()
    shown = captions(opened)
    for key in ("ArrowRight", "b", "c", "9"):
        opened.keyboard.press(key)
    assert captions(opened) == shown, "only the study changes what is shown"
    stop(opened)
    assert (part(opened, "target").input_value(), captions(opened)) == before
    assert part(opened, "status").text_content() == values


def test_back_shows_the_last_score_and_changes_it(opened, study, tmp_path):
    begin(opened, "AB")
    rate(opened, 3)
    rate(opened, 2)
    rate(opened, 4)
    items = reading.items(study, "AB", **BOTH)
    change(opened, lambda: opened.keyboard.press("Backspace"))
    assert captions(opened) == [items[1].code] and part(opened, "score").nth(3).is_checked()
    change(opened, lambda: part(opened, "back").click())
    assert captions(opened) == [items[0].code] and part(opened, "score").nth(1).is_checked()
    rate(opened, 5)
    assert captions(opened) == [items[2].code], "on to the first that has no score"
    opened.keyboard.press("Enter")
    opened.wait_for_selector("text=/Choose a score/")
    stop(opened)
    export(opened, tmp_path / "ratings.csv")
    table = study.gather(tmp_path)[0]
    rated = {(row.record, row.method): row.score for row in table.itertuples()}
    assert rated == {(i.record, i.method): s for i, s in zip(items, (5, 4), strict=False)}


def test_on_a_phone_the_form_lies_below_the_map_within_reach(opened):
    opened.set_viewport_size({"width": 390, "height": 844})
    begin(opened, "AB")
    rate(opened, 3)
    opened.screenshot(path=OUTPUT / "study-phone.png")
    form = part(opened, "rating").bounding_box()
    canvas = opened.locator("[name=panels] canvas").first.bounding_box()
    assert canvas["y"] < form["y"] and form["y"] + form["height"] <= 844
    assert 0 <= canvas["y"] < 100 and form["height"] < 300, "the map is in sight"
    targets = opened.locator("[name=rating] .scores label, [name=rating] button:visible").all()
    assert len(targets) >= 7
    for target in (*targets, opened.locator(".remark").first):
        box = target.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44 and box["x"] + box["width"] <= 390
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
