"""The offline page in a real browser, from its file, with the network off."""

import fake_results
import pytest
from reading import letters
from seen import captions, change, choose, drawn, part, pictures

from ecghelpers.views.results_folder import Cases
from ecghelpers.views.styles import METHOD_LABELS

SIZES = {"laptop": (1280, 800), "desktop": (1920, 1080), "phone": (390, 844)}


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
    for _ in range(50):  # a page that grew a scroll bar is drawn once more
        if pictures(opened) == after:
            break
        opened.wait_for_timeout(100)
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
