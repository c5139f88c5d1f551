"""The offline page in a real browser, from its file, with the network off."""

import io
import itertools
import re
import shutil
import subprocess

import fake_results
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from reading import letters
from seen import OUTPUT, SHADE, VIEW, captions, change, choose, drawn, part, pictures

from ecghelpers.paths import Results
from ecghelpers.views import offline_page
from ecghelpers.views.results_folder import Cases

IDS = fake_results.HOSTILE_IDS
CANVAS = f"{SHADE}.querySelector('[name=panels] canvas')"


def test_opens_with_all_methods_on_the_lead_of_the_target(opened, shown):
    case = Cases(shown).case("qt", 1, IDS[0])
    assert captions(opened) == list(fake_results.METHOD_LABELS.values())
    assert opened.evaluate(f"{CANVAS}.page.cells.map(cell => cell.name)") == ["II"]
    status = part(opened, "status").text_content()
    assert f"QT interval: measured {case.truth:.0f} ms, network {case.prediction:.0f}" in status
    assert opened.locator("tr.target").text_content().startswith("QT interval")
    assert "Research only, not for diagnosis" in opened.locator("header").text_content()
    choose(opened, "order", "error")
    order = part(opened, "record").locator("option").evaluate_all("all => all.map(o => o.value)")
    cases = [Cases(shown).case("qt", 1, record) for record in order]
    errors = [abs(case.prediction - case.truth) for case in cases]
    assert errors == sorted(errors, reverse=True) and set(order) == set(IDS)


CHOICES = ["target=pr", "model=2", f"record={IDS[1]}", "view=methods", "view=models", "view=two"]
CHOICES += ["slot=4", "leads=averaged", "leads=V5"]


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_changes_the_picture_and_can_be_reloaded(opened, choice):
    control, _, value = choice.partition("=")
    choose(opened, "view", "one")
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


def test_blinding_hides_names_in_the_order_that_python_knows(opened):
    change(opened, lambda: opened.keyboard.press("b"))
    assert captions(opened) == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(fake_results.METHOD_LABELS)])
    text = opened.locator(VIEW).inner_text()
    assert not [label for label in fake_results.METHOD_LABELS.values() if label in text]
    assert part(opened, "review").is_hidden() and opened.locator(".badge:visible").count() == 0
    order = f"[...{SHADE}.querySelectorAll('[name=panels] canvas')].map(c => c.entry.method)"
    for record in IDS:
        if part(opened, "record").input_value() != record:
            choose(opened, "record", record)
        expected = letters(list(fake_results.METHOD_LABELS), 1, "", "qt", 1, record)
        assert opened.evaluate(order) == list(expected.values())


def test_keys_work_while_a_dropdown_has_the_focus(opened):
    part(opened, "target").focus()
    change(opened, lambda: opened.keyboard.press("ArrowRight"))
    assert part(opened, "target").input_value() == "qt"
    assert part(opened, "record").input_value() == IDS[1]
    change(opened, lambda: opened.keyboard.press("3"))
    assert captions(opened) == [list(fake_results.METHOD_LABELS.values())[2]]


CELL = f"""name => {{
  const canvas = {CANVAS}, cell = canvas.page.cells.find(c => c.name === name), k = canvas.fit;
  const {{ left, top }} = canvas.getBoundingClientRect();
  return [k, left + cell.left * k, top + cell.baseline * k];
}}"""


def test_a_click_enlarges_a_map_and_a_lead_and_escape_goes_back(opened):
    change(opened, lambda: opened.locator("[name=panels] canvas").nth(7).click())
    assert captions(opened) == ["Guided backprop"]
    k, x, y = opened.evaluate(CELL, "V5")
    change(opened, lambda: opened.mouse.click(x + 28 * k, y - 6 * k))
    assert part(opened, "leads").input_value() == "V5"
    change(opened, lambda: opened.keyboard.press("Escape"))
    assert part(opened, "leads").input_value() == "all"
    change(opened, lambda: opened.keyboard.press("Escape"))
    assert len(captions(opened)) == len(fake_results.METHOD_LABELS)


def test_the_readout_names_the_end_of_t(opened):
    choose(opened, "view", "one")
    choose(opened, "leads", "V5")
    k, x, y = opened.evaluate(CELL, "V5")
    opened.mouse.move(x + 0.05 * fake_results.FIDUCIALS[5] * k, y)
    readout = part(opened, "pointer").inner_text()
    assert readout.startswith("V5: 8") and "(T end)" in readout and "map " in readout, readout


def test_a_badge_leads_to_the_row_of_the_review(opened):
    opened.locator(".badge:visible").nth(2).click()
    row = opened.locator("[name=review] tbody tr[data-method=smoothgrad]:focus")
    row.wait_for()
    assert row.locator("td").all_text_contents() == ["✓"]
    row.locator("td").click()
    assert "3.00 (95 % 2.50 to 3.50)" in part(opened, "cell").text_content()


def edit(page, dx: int) -> str:
    """Drag the grip of the edit by so many px; returns the sentence about its effect."""
    box = page.locator("[name=panels] canvas").bounding_box()
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y, steps=4)
    page.mouse.up()
    page.wait_for_selector("text=/true change .*network/")
    return part(page, "effect").text_content()


def test_dragging_the_end_of_t_shows_what_the_network_makes_of_it(opened, shown):
    choose(opened, "view", "one")
    choose(opened, "leads", "V5")
    change(opened, lambda: part(opened, "edit").check())
    choose(opened, "slot", str(list(fake_results.METHOD_LABELS).index("inputxgradient")))
    before = pictures(opened)
    text = edit(opened, 60)
    dose = int(re.search(r"true change \+(\d+) ms", text)[1])
    assert dose in (10, 20, 30, 40) and pictures(opened) != before and "unedited" not in text
    stored = opened.evaluate(f"({CANVAS}).found.fiducials[5]")
    assert stored == fake_results.FIDUCIALS[5] + dose / 2
    opened.screenshot(path=OUTPUT / "page-edit.png")
    opened.keyboard.press("Escape")
    assert pictures(opened) == before and "Drag" in part(opened, "effect").text_content()


def test_calipers_measure_what_is_dragged(opened):
    choose(opened, "view", "one")
    choose(opened, "leads", "V5")
    change(opened, lambda: opened.keyboard.press("c"))
    opened.evaluate(
        "window.told = []; const write = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {"
        " window.told.push(text); return write.call(this, text, ...at); }; null"
    )
    k, left, y = opened.evaluate(CELL, "V5")
    opened.mouse.move(left + 300 * 0.05 * k, y)
    opened.mouse.down()
    opened.mouse.move(left + 200 * 0.05 * k, y, steps=3)  # backwards
    opened.mouse.up()
    measured = [text for text in opened.evaluate("told") if re.match(r"\d+ ms, [+−]", text)]
    assert abs(int(measured[-1].split(" ms")[0]) - 200) <= 4


def test_printing_gives_one_page_of_a4_and_nothing_else(opened):
    pdf = opened.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    box = [float(part) for part in re.search(rb"/MediaBox\s*\[([^\]]+)\]", pdf)[1].split()]
    assert box == pytest.approx([0, 0, 841.9, 595], abs=0.5)  # A4 landscape, in points
    if not shutil.which("pdftoppm"):
        pytest.skip("no pdftoppm, which measures the ruler; apt-get install poppler-utils")
    command = ["pdftoppm", "-r", "254", "-gray", "-singlefile", "-"]
    pixels = subprocess.run(command, input=pdf, capture_output=True, check=True).stdout
    ink = np.asarray(Image.open(io.BytesIO(pixels)))[1700:] < 100  # below the ECG; 10 px a mm
    longest = [max(map(len, bytes(row).split(b"\0"))) for row in ink]
    assert max(longest) == pytest.approx(500, abs=6), "the ruler's 50 mm"
    assert 1700 + np.argmax(longest) == pytest.approx(1930, abs=8), "its distance from the top"


def test_results_without_a_review_show_neither_badges_nor_table(browser, shown, tmp_path):
    results = Results(shutil.copytree(shown.root, tmp_path / "results"))
    results.review.unlink()
    table = pd.DataFrame({"edit": ["slope"], "n": [9], "predicted": [0.97]})
    table.assign(dose=np.nan, true=1, measured=1, predicted_low=0.95, predicted_high=0.99).to_csv(
        results.effects("qt", 1), index=False
    )
    offline_page.build_site(results)
    page = browser.new_page()
    page.goto(results.site.as_uri())
    drawn(page)
    assert part(page, "review").is_hidden() and page.locator(".badge:visible").count() == 0
    assert part(page, "follows").text_content().startswith("the network follows the definition")
    page.close()


@pytest.mark.parametrize("view", ["view=one&leads=V5", "view=one&leads=all", "view=methods"])
def test_the_report_is_true_to_scale_and_nothing_lies_over_the_table(opened, view):
    opened.evaluate(f"location.hash = '{view}'")
    opened.wait_for_timeout(300)
    part(opened, "more").locator("summary").click()
    with opened.expect_download() as download:
        part(opened, "picture").click()
    path = OUTPUT / f"report-{view.split('=')[-1]}.png"
    download.value.save_as(path)
    image = Image.open(path)
    assert image.size == (round(297 / 25.4 * 300), round(210 / 25.4 * 300))
    pixels = np.asarray(image.convert("RGB")).astype(int)
    margin = round(8 / 25.4 * 300)
    assert (pixels[:margin] == 255).all() and (pixels[:, :margin] == 255).all()
    # The scale: six strokes, 10 mm apart, from 80 mm on, above a line of 50 mm.
    row = pixels[round((10 + 189 - 8) / 25.4 * 300), :, 0] < 100
    strokes = np.flatnonzero(row & ~np.roll(row, 1)) * 25.4 / 300 - 10
    strokes = strokes[(strokes > 75) & (strokes < 135)]
    np.testing.assert_allclose(np.diff(strokes), 10, atol=0.2)
    assert len(strokes) == 6


SIZES = {"laptop": (1280, 800), "desktop": (1920, 1080), "phone": (390, 844)}
PARTS = "[name=controls] > *, header > *, [name=panels] figure, .scale > *, h2, table"
PARTS += ", [name=pointer], [name=status]"
BOXES = f"""
[...{SHADE}.querySelectorAll('{PARTS}')]
  .filter(element => element.offsetParent && element.getBoundingClientRect().width)
  .map(element => [element.outerHTML.slice(0, 60), element.getBoundingClientRect()])
  .map(([name, box]) => [name, box.left, box.top, box.right, box.bottom])
"""
PANELS = f"{VIEW} [name=panels] canvas"


def open_page(browser, site, size, fragment="", **options):
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    page.goto(f"{site.as_uri()}#{fragment}")
    drawn(page)
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", ["one", "methods", "two"])
def test_nothing_overlaps_and_a_whole_ecg_is_on_one_screen(browser, shown, size, view):
    page = open_page(browser, shown.site, size, f"view={view}")
    page.screenshot(path=OUTPUT / f"page-{size}-{view}.png", full_page=size == "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    boxes = page.evaluate(BOXES)
    assert len(boxes) > 10
    for (name, *one), (other_name, *other) in itertools.combinations(boxes, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        down = min(one[3], other[3]) - max(one[1], other[1])
        assert across <= 1 or down <= 1, (view, name, other_name)
    if size != "phone" and view != "two":
        on_one_screen(page, *SIZES[size])
    page.close()


def on_one_screen(page, width, height):
    """The maps with their bar, and the measurements; the maps fill a quarter of the room."""
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


def test_a_phone_has_large_targets(browser, shown):
    page = open_page(browser, shown.site, "phone", has_touch=True, is_mobile=True)
    part(page, "more").locator("summary").click()
    small = page.locator(f"{VIEW} select, {VIEW} button:not(.badge)").evaluate_all(
        "all => all.filter(one => one.offsetParent).map(one => [one.outerHTML.slice(0, 60),"
        " Math.min(one.offsetHeight, one.closest('label') ? 44 : one.offsetWidth)])"
    )
    assert small and not [name for name, size in small if size < 44]
    page.close()
