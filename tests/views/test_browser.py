"""The offline page in a real browser, from its file, with the network off."""

import csv

import fake_results
import pytest
from conftest import OUTPUT
from seen import captions, change, choose, drawn, part, pictures

from ecghelpers.study import reading_study
from ecghelpers.study.blinding import letters
from ecghelpers.views.plots import METHOD_LABELS
from ecghelpers.views.results_folder import Cases

SIZES = {"laptop": (1280, 800), "desktop": (1920, 1080), "phone": (390, 844)}


@pytest.fixture
def opened(browser, shown):
    """The page; fails on errors and on requests of anything else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.problems.append(m.text))
    page.on(
        "request",
        lambda r: r.url.startswith(("file:", "blob:", "data:")) or page.problems.append(r.url),
    )
    page.goto(shown.site.as_uri())
    drawn(page)
    yield page
    assert page.evaluate("window.hacked") is None
    assert page.problems == []
    context.close()


def test_opens_with_qt_and_all_that_is_known(opened, shown):
    case = Cases(shown).case("qt", 1, fake_results.HOSTILE_IDS[0])
    status = part(opened, "status").text_content()
    assert "Median beat of a 10 s ECG" in status
    assert f"QT interval: measured {case.truth:.0f} ms, network {case.prediction:.0f}" in status
    rows = part(opened, "measurements").locator("tbody tr").all_text_contents()
    assert [row.split("–")[0][:5] for row in rows[:4]] == ["Heart", "PR in", "QRS d", "QT in"]
    assert opened.locator("tr.target").text_content().startswith("QT interval")
    assert opened.locator("[name=ranking] tbody tr").count() == 10
    assert "Research only, not for diagnosis" in opened.locator("header").text_content()
    assert opened.locator("[name=review] dt").count() == 9


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("target", "pr"),
        ("model", "2"),
        ("record", fake_results.HOSTILE_IDS[1]),
        ("view", "methods"),
        ("view", "models"),
        ("view", "two"),
        ("view", "difference"),
        ("slot", "4"),
        ("leads", "averaged"),
        ("leads", "6x2"),
        ("leads", "12x1"),
        ("leads", "V5"),
    ],
)
def test_every_choice_changes_the_picture_and_can_be_reloaded(opened, control, value):
    before = pictures(opened)
    choose(opened, control, value)
    after = pictures(opened)
    assert after != before
    opened.reload()
    drawn(opened)
    assert pictures(opened) == after, "the address does not tell what is shown"
    assert part(opened, control).input_value() == value


def test_the_page_hides_methods_in_the_order_that_python_knows(opened):
    choose(opened, "view", "methods")
    change(opened, lambda: opened.keyboard.press("b"))
    order = "[...document.querySelectorAll('[name=panels] canvas')].map(c => c.entry.method)"
    for reader in ("", "ÆRØ"):
        if reader:
            part(opened, "reader").fill(reader)
            change(opened, lambda: part(opened, "reader").dispatch_event("change"))
        for record in fake_results.HOSTILE_IDS:
            if part(opened, "record").input_value() != record:
                choose(opened, "record", record)
            expected = letters(list(METHOD_LABELS), 1, reader, "qt", 1, record)
            assert opened.evaluate(order) == list(expected.values())


def test_blinding_hides_every_name(opened):
    choose(opened, "view", "methods")
    change(opened, lambda: opened.keyboard.press("b"))
    assert captions(opened) == list("ABCDEFGHIJ")
    text = opened.locator("body").inner_text()
    assert not [label for label in METHOD_LABELS.values() if label in text]
    change(opened, lambda: opened.keyboard.press("n"))
    assert captions(opened)[0].startswith("A: ")


def test_ratings_survive_a_reload_and_are_exported_as_entered(opened, shown, tmp_path):
    study = reading_study.Study(Cases(shown, seed=1).networks(), seed=1)
    reader, entered = 'Ø"<B>, R', []
    part(opened, "reader").fill(reader.lower())
    change(opened, lambda: part(opened, "start").click())

    def rate(score, text):
        part(opened, "score0").nth(score - 1).check()
        part(opened, "remark0").fill(text)
        change(opened, lambda: part(opened, "save").click())
        entered.append((str(score), text))

    part(opened, "export").click()
    opened.wait_for_selector("text=/has rated no map/")
    part(opened, "save").click()
    opened.wait_for_selector("text=/Choose a score/")
    for score, text in (
        (1, ""),
        (5, 'a "quoted", remark'),
        (3, "<script>window.hacked=1</script>"),
    ):
        item = study.items(reader)[len(entered)]
        assert part(opened, "record").input_value() == item.record
        assert captions(opened) == [item.code] and part(opened, "record").is_disabled()
        rate(score, text)
    opened.reload()
    drawn(opened)
    part(opened, "reader").fill(reader)
    change(opened, lambda: part(opened, "start").click())
    assert "3 of 100 maps rated" in part(opened, "progress").text_content()
    rate(2, "after the reload")
    with opened.expect_download() as download:
        part(opened, "export").click()
    path = tmp_path / "ratings.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.open(newline="", encoding="utf-8")))
    assert [(row["score"], row["text"]) for row in rows] == entered
    assert tuple(rows[0]) == reading_study.COLUMNS and {row["reader"] for row in rows} == {reader}
    table = study.read([path])
    assert list(table["method"]) == [item.method for item in study.items(reader)[:4]]
    change(opened, lambda: part(opened, "stop").click())
    assert part(opened, "record").is_enabled() and part(opened, "rating").is_hidden()


def test_pairs_are_rated_side_by_side(opened, shown, tmp_path):
    study = reading_study.Study(Cases(shown, seed=1).networks(), seed=1)
    part(opened, "reader").fill("AB")
    part(opened, "together").select_option("2")
    change(opened, lambda: part(opened, "start").click())
    pairs = study.screens("AB", 2)
    for pair in pairs[:2]:
        assert captions(opened) == [item.code for item in pair]
        part(opened, "score0").nth(3).check()
        part(opened, "remark1").fill("worse")
        part(opened, "score0").nth(3).focus()
        opened.keyboard.press("2")  # scores the map that has no score yet
        assert "colour" not in part(opened, "panels").inner_text()
        assert part(opened, "curves").is_hidden(), "a curve would tell what to think of the map"
        change(opened, lambda: opened.keyboard.press("Enter"))
    opened.screenshot(path=OUTPUT / "page-pair.png")
    with opened.expect_download() as download:
        part(opened, "export").click()
    download.value.save_as(tmp_path / "ratings.csv")
    table = study.read([tmp_path / "ratings.csv"])
    expected = [item for pair in pairs[:2] for item in pair]
    assert list(table["method"]) == [item.method for item in expected]
    assert list(table["score"]) == [4, 2, 4, 2] and list(table["text"]) == ["", "worse"] * 2
    assert list(table["beside"]) == [i.code for pair in pairs[:2] for i in pair[::-1]]
