"""The page at three sizes: nothing overlaps, a whole ECG is on one screen, a phone is usable."""

import pytest
from conftest import OUTPUT
from seen import SHADE, VIEW, drawn, part

SIZES = {"laptop": (1280, 800), "desktop": (1920, 1080), "phone": (390, 844)}
PARTS = (
    "[name=controls] > *, header > *, [name=panels] figure, .scale > *, h2, table, [name=pointer], "
    "[name=status]"
)
BOXES = f"""
[...{SHADE}.querySelectorAll('{PARTS}')]
  .filter(element => element.offsetParent && element.getBoundingClientRect().width)
  .map(element => [element.outerHTML.slice(0, 60), element.getBoundingClientRect()])
  .map(([name, box]) => [name, box.left, box.top, box.right, box.bottom])
"""
PANELS = f"{VIEW} [name=panels] canvas"


def open_page(browser, site, size, fragment="", **options):
    page = browser.new_page(
        viewport=dict(zip(("width", "height"), SIZES[size], strict=True)), **options
    )
    page.goto(f"{site.as_uri()}#{fragment}")
    drawn(page)
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", ["one", "methods", "two"])
def test_nothing_overlaps_or_runs_out_of_the_page(browser, shown, size, view):
    page = open_page(browser, shown.site, size, f"view={view}")
    page.screenshot(path=OUTPUT / f"page-{size}-{view}.png", full_page=size == "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    boxes = page.evaluate(BOXES)
    assert len(boxes) > 10
    for number, (name, *one) in enumerate(boxes):
        for other_name, *other in boxes[number + 1 :]:
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 1 or down <= 1, (view, name, other_name)
    page.close()


@pytest.mark.parametrize("size", ["laptop", "desktop"])
@pytest.mark.parametrize("view", ["one", "methods"])
def test_a_whole_ecg_with_its_bar_is_on_one_screen(browser, shown, size, view):
    page = open_page(browser, shown.site, size, f"view={view}")
    width, height = SIZES[size]
    for name in ("panels", "pointer", "bar", "meaning"):
        box = part(page, name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, name
    box = page.locator(f"{VIEW} [aria-label='This ECG']").bounding_box()
    assert box["y"] + box["height"] <= height, "the measurements are out of sight"
    rows = page.locator(f"{VIEW} [name=controls] > *:visible").evaluate_all(
        "all => all.map(one => Math.round(one.getBoundingClientRect().bottom / 12))"
    )
    assert len(set(rows)) == 1, "the controls take more than one row"
    paper = page.locator(PANELS).evaluate_all(
        "all => all.reduce((sum, one) => sum + one.clientWidth * one.clientHeight, 0)"
    )
    assert paper > 0.25 * width * height, "the room is not used"
    page.close()


def test_a_phone_has_large_targets(browser, shown):
    page = open_page(browser, shown.site, "phone", has_touch=True, is_mobile=True)
    part(page, "more").locator("summary").click()
    small = page.locator(f"{VIEW} select, {VIEW} button:not(.badge)").evaluate_all(
        "all => all.filter(one => one.offsetParent).map(one => [one.outerHTML.slice(0, 60),"
        " Math.min(one.offsetHeight, one.closest('label') ? 44 : one.offsetWidth)])"
    )
    assert small and not [name for name, size in small if size < 44]
    page.close()
