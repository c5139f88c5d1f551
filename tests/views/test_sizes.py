"""The page at three sizes, on a phone, on paper; and a network whose truth was planted."""

import re
import shutil

import numpy as np
import pytest
from conftest import OUTPUT
from PIL import Image
from seen import VIEW, change, choose, drawn, part, pictures

from ecghelpers.config import Results
from ecghelpers.data.maps_and_curves import Attributions, write_attributions
from ecghelpers.data.medians import read_medians
from ecghelpers.ecg import LEADS
from ecghelpers.views import offline_page
from ecghelpers.views.styles import METHOD_LABELS

SIZES = {"laptop": (1280, 800), "desktop": (1920, 1080), "phone": (390, 844)}
PARTS = (
    "[name=controls] > *, header > *, [name=panels] figure, .scale > *, h2, table, [name=pointer], "
    "[name=status]"
)
BOXES = f"""
[...document.querySelector('{VIEW}').querySelectorAll('{PARTS}')]
  .filter(element => element.offsetParent && element.getBoundingClientRect().width)
  .map(element => [element.outerHTML.slice(0, 60), element.getBoundingClientRect()])
  .map(([name, box]) => [name, box.left, box.top, box.right, box.bottom])
"""


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
    for number, (name, *one) in enumerate(boxes):
        for other_name, *other in boxes[number + 1 :]:
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 1 or down <= 1, (view, name, other_name)
    page.close()


WRITTEN = """() => {
  const { fillText, fillRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillRect = function (x, y, ...size) {
    if (x === 0 && y === 0) this.canvas.written = []; // blank paper
    return fillRect.call(this, x, y, ...size);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const { actualBoundingBoxLeft: left, actualBoundingBoxRight: right } = this.measureText(text);
    this.canvas.written.push([text, x - left, x + right, y]);
    return fillText.call(this, text, x, y);
  };
}"""
WAVES = ("P", "QRS", "T")


@pytest.mark.parametrize("size", ["laptop", "desktop"])
@pytest.mark.parametrize("view", ["one", "two", "methods"])
def test_names_of_waves_leave_those_of_leads_free(browser, shown, size, view):
    page = open_page(browser, shown.site, size)
    page.evaluate(WRITTEN)
    choose(page, "view", "difference")
    choose(page, "view", view)
    papers = page.locator("[name=panels] canvas").evaluate_all("all => all.map(c => c.written)")
    waves = [text for paper in papers for text, *_ in paper if text in WAVES]
    assert waves or view == "methods"  # the smallest maps have none
    for paper in papers:
        names = [row for row in paper if row[0] in LEADS]
        assert len(names) >= len(LEADS)
        for _, left, right, y in (row for row in paper if row[0] in WAVES):
            for name, start, end, height in names:
                apart = right < start or left > end or abs(y - height) > 8
                assert apart, (name, left, right, start, end)
    page.close()


@pytest.mark.parametrize("size", ["laptop", "desktop"])
@pytest.mark.parametrize("view", ["one", "methods"])
def test_a_whole_ecg_with_its_bar_is_on_one_screen(browser, shown, size, view):
    page = open_page(browser, shown.site, size, f"view={view}")
    width, height = SIZES[size]
    for name in ("panels", "pointer", "bar", "meaning"):
        box = part(page, name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, name
    rows = page.locator(f"{VIEW} [name=controls] > *:visible").evaluate_all(
        "all => all.map(one => Math.round(one.getBoundingClientRect().bottom / 12))"
    )
    assert len(set(rows)) == 1, "the controls take more than one row"
    paper = page.locator("[name=panels] canvas").evaluate_all(
        "all => all.reduce((sum, one) => sum + one.clientWidth * one.clientHeight, 0)"
    )
    assert paper > 0.3 * width * height, "the room is not used"
    page.close()


def test_a_phone_has_large_targets_and_a_swipe_scrolls(browser, shown):
    page = open_page(browser, shown.site, "phone", has_touch=True, is_mobile=True)
    part(page, "more").click()
    small = page.locator(f"{VIEW} select, {VIEW} button, {VIEW} label").evaluate_all(
        "all => all.filter(one => one.offsetParent).map(one => [one.outerHTML.slice(0, 60),"
        " Math.min(one.offsetHeight, one.closest('label') ? 44 : one.offsetWidth)])"
    )
    assert small and not [name for name, size in small if size < 44]
    touch = "getComputedStyle(document.querySelector('[name=panels] canvas')).touchAction"
    assert page.evaluate(touch) == "pan-x pan-y", "the paper would hold the page"
    page.close()


def test_two_fingers_zoom_between_them(browser, shown):
    page = open_page(browser, shown.site, "phone", has_touch=True, is_mobile=True)
    lens = "document.querySelector('[name=panels] canvas').lens"
    pinch = """() => {
      const target = document.querySelector('[name=panels] canvas');
      const { left, top } = target.getBoundingClientRect(), clientY = top + 100;
      const touches = apart => [-1, 1].map((side, identifier) =>
        new Touch({ identifier, target, clientX: left + 100 + side * apart, clientY }));
      for (const [kind, apart] of [['touchstart', 20], ['touchmove', 40]]) {
        const options = { touches: touches(apart), bubbles: true, cancelable: true };
        target.dispatchEvent(new TouchEvent(kind, options));
      }
    }"""
    page.evaluate(pinch)
    page.wait_for_timeout(300)
    found = page.evaluate(lens)
    assert found["zoom"] == pytest.approx(2)
    fit = page.evaluate("document.querySelector('[name=panels] canvas').fit")
    assert found["x"] == pytest.approx(100 / fit / 2) == pytest.approx(found["y"])
    page.close()


@pytest.mark.parametrize("view", ["one", "methods"])
def test_the_picture_is_true_to_scale(browser, shown, view, tmp_path):
    page = open_page(browser, shown.site, "laptop", f"view={view}")
    part(page, "more").click()
    with page.expect_download() as download:
        part(page, "picture").click()
    path = OUTPUT / f"picture-{view}.png"
    download.value.save_as(path)
    image = Image.open(path).convert("RGB")
    assert Image.open(path).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert image.size == (round(277 / 25.4 * 300), round(186 / 25.4 * 300))
    # The scale: six strokes, 10 mm apart, from 90 mm on, above a line of 50 mm.
    row = np.asarray(image)[round((186 - 11) / 25.4 * 300), :, 0] < 100
    strokes = np.flatnonzero(row & ~np.roll(row, 1)) * 25.4 / 300
    strokes = strokes[(strokes > 85) & (strokes < 145)]
    np.testing.assert_allclose(np.diff(strokes), 10, atol=0.2)
    assert len(strokes) == 6
    page.close()


def test_printing_gives_one_page_of_a4_and_nothing_else(browser, shown):
    page = open_page(browser, shown.site, "laptop")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    box = [float(part) for part in re.search(rb"/MediaBox\s*\[([^\]]+)\]", pdf)[1].split()]
    assert box == pytest.approx([0, 0, 841.9, 595], abs=0.5)  # A4 landscape, in points
    sheet = page.evaluate(
        "[document.querySelector('.ecg-sheet canvas')?.style.width ?? 'gone',"
        " getComputedStyle(document.querySelector('.ecg-view')).display]"
    )
    assert sheet in (["277mm", "block"], ["gone", "block"])
    page.close()


def plant(results: Results) -> np.ndarray:
    """Give results a network whose truth lies in V4, samples 100 to 120; returns the mask."""
    data = read_medians(results.medians)
    beats, ids = data.medians[:2], data.record_id[:2]
    mask = np.zeros(beats.shape, np.uint8)
    mask[:, 9, 100:120] = 1
    maps = dict.fromkeys(METHOD_LABELS, mask * 1.0 + 0.1)
    details = {m: {"parameters": {}, "unit": "µV", "seconds": 0.1} for m in maps}
    numbers = np.array([300.0, 400.0], np.float32)
    content = Attributions(ids, numbers, numbers + 1, maps, details, {}, beats, mask)
    write_attributions(results.planted_dir("amplitude") / "attributions.h5", content)
    return mask


def test_a_planted_network_shows_its_truth_on_the_ecg(browser, shown, tmp_path):
    results = Results(shutil.copytree(shown.root, tmp_path / "results"))
    mask = plant(results)
    offline_page.build_site(results)
    page = open_page(browser, results.site, "laptop", "target=planted+amplitude")
    assert "Green frames: where the plant is" in part(page, "meaning").inner_text()
    assert "Planted: height of a bump" in part(page, "status").inner_text()
    held = "[...document.querySelector('[name=panels] canvas').found.mask]"
    assert page.evaluate(held) == list(mask[0].ravel())
    framed = pictures(page)
    page.evaluate("document.querySelector('[name=panels] canvas').found.mask = null")
    change(page, lambda: part(page, "marks").evaluate("one => one.click()"))
    change(page, lambda: part(page, "marks").evaluate("one => one.click()"))
    assert pictures(page) != framed, "no frame was drawn"
    choose(page, "view", "methods")
    assert part(page, "curve-section").is_hidden()
    page.close()
