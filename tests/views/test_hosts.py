"""The view in its three hosts: the same words, numbers and keys; nothing asked outside."""

import asyncio
import json
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import fake_results
import numpy as np
import pytest
from conftest import OUTPUT, PATIENCE_MS
from seen import SHADE, VIEW, captions, change, choose, part, pictures

from ecghelpers.views.styles import METHOD_LABELS

CHANGE_MS, TEN_MS = 100, 150
HOSTS = ("page", "lab", "web_app")
KNOWN: dict[str, object] = {}  # what the first host showed, for the others to agree with
CELL = f"""name => {{
  const canvas = {SHADE}.querySelector('[name=panels] canvas');
  canvas.scrollIntoView({{ block: 'nearest' }}); // JupyterLab scrolls to what ran last
  const box = canvas.getBoundingClientRect(), cell = canvas.page.cells.find(c => c.name === name);
  const k = canvas.fit;
  return {{ k, x: box.left + cell.left * k, y: box.top + cell.baseline * k }};
}}"""
QUICK = """async ([name, turns]) => {
  const root = document.querySelector('.ecg-view'), times = [];
  for (let k = 0; k < turns; k++) {
    const before = root.dataset.drawn, began = performance.now();
    root.shadowRoot.querySelector(`[name=${name}]`).click();
    while (root.dataset.drawn === before) await new Promise(r => setTimeout(r, 0));
    times.push(performance.now() - began);
    await new Promise(r => setTimeout(r, 300));
  }
  return times.sort((a, b) => a - b)[Math.floor(turns / 2)];
}"""


def slack() -> float:
    """What the limits above are multiplied by: they are for a machine with nothing else to do."""
    began = time.perf_counter()
    sum(number * number for number in range(2_000_000))
    return 3 * max(1.0, (time.perf_counter() - began) / 0.1)


@pytest.fixture(scope="module", params=HOSTS)
def page(request, browser, shown):
    """The view as one host shows it, once for all tests; notes what is asked for and opened."""
    host = request.param
    where = shown.site.as_uri() if host == "page" else request.getfixturevalue(host)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE_MS)
    page.host, page.asked, page.opened, page.problems = host, [], [], []
    own = ("file:", "data:", "blob:", "http://127.0.0.1:")
    page.on("request", lambda r: r.url.startswith(own) or page.asked.append(r.url))
    page.on("popup", lambda window: page.opened.append(window.url))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.sockets = []
    page.on("websocket", lambda s: "/channels" in s.url and page.sockets.append(s.url))
    if request.param == "lab":
        page.goto(where)
        page.wait_for_selector("text=/Python 3.*Idle/")
        page.click(".lm-MenuBar-itemLabel:text('Run')")
        page.click("text='Run All Cells'")
    else:
        page.goto(where)
    page.wait_for_selector(f"{VIEW}[data-drawn]")
    if host == "lab":
        page.wait_for_selector("text=/Python 3.*Idle/")
    page.locator(VIEW).scroll_into_view_if_needed()
    yield page
    assert page.evaluate("window.hacked") is None
    page.close()


@pytest.fixture(autouse=True)
def as_opened(request):
    """Each test begins with the first view."""
    if "page" not in request.fixturenames:
        return
    page = request.getfixturevalue("page")
    if part(page, "to-study").get_attribute("aria-expanded") == "true":
        part(page, "to-study").click()
    for name, value in (("target", "qt"), ("model", "1"), ("view", "one"), ("leads", "all")):
        if part(page, name).input_value() != value:
            choose(page, name, value)
    for name, value in (("slot", "0"), ("record", fake_results.HOSTILE_IDS[0])):
        if part(page, name).input_value() != value:
            choose(page, name, value)


def click_paper(page, lead="aVF", mm=28.0, up=6.0, **options) -> None:
    """Click in a lead, so many mm after its beginning and above its baseline."""
    at = page.evaluate(CELL, lead)
    page.mouse.click(at["x"] + mm * at["k"], at["y"] - up * at["k"], **options)


def test_words_and_numbers_are_the_same(page):
    names = ("status", "measurements", "usual", "review", "meaning", "low", "high")
    words = {name: part(page, name).inner_text() for name in names}
    words["captions"] = captions(page)
    words["labels"] = page.locator(f"{VIEW} [name=controls] > label:visible").all_inner_texts()
    assert "Sensitivity: a higher voltage here" in words["meaning"]
    assert "Research only, not for diagnosis" in page.locator(f"{VIEW} header").inner_text()
    assert words == KNOWN.setdefault("words", words)
    numbers = []
    for number in range(1, len(METHOD_LABELS)):
        choose(page, "slot", str(number))
        numbers.append((part(page, "high").inner_text(), part(page, "panels").inner_text()))
    assert len(set(numbers)) == len(numbers)
    assert numbers == KNOWN.setdefault("numbers", numbers)


def test_arrows_and_digits_work_after_a_click_on_the_paper(page):
    ids = fake_results.HOSTILE_IDS
    page.locator(f"{VIEW} [name=panels] canvas").click(position={"x": 3, "y": 3})
    change(page, lambda: page.keyboard.press("ArrowRight"))
    assert part(page, "record").input_value() == ids[1]
    change(page, lambda: page.keyboard.press("ArrowLeft"))
    change(page, lambda: page.keyboard.press("ArrowLeft"))
    assert part(page, "record").input_value() == ids[-1]
    for key, name in (("5", "Integrated gradients"), ("0", "Random"), ("1", "Saliency")):
        change(page, lambda key=key: page.keyboard.press(key))
        assert captions(page) == [name]


def test_a_click_enlarges_a_lead_and_a_map_and_escape_goes_back(page):
    change(page, lambda: click_paper(page, "V5"))
    assert part(page, "leads").input_value() == "V5"
    change(page, lambda: page.keyboard.press("Escape"))
    assert part(page, "leads").input_value() == "all"
    choose(page, "view", "methods")
    assert captions(page) == list(METHOD_LABELS.values())
    page.screenshot(path=OUTPUT / f"{page.host}-methods.png", full_page=page.host != "lab")
    change(page, lambda: page.locator(f"{VIEW} [name=panels] canvas").nth(7).click())
    assert captions(page) == ["Guided backprop"]
    change(page, lambda: page.keyboard.press("Escape"))
    assert len(captions(page)) == len(METHOD_LABELS)


def test_the_readout_names_the_end_of_t(page):
    at = page.evaluate(CELL, "V5")
    page.mouse.move(at["x"] + 0.05 * fake_results.FIDUCIALS[5] * at["k"], at["y"])
    told = part(page, "pointer").inner_text()
    assert told.startswith("V5: 8") and "(T end)" in told and "map " in told, told


def test_styles_of_the_host_do_not_reach_the_view(page):
    page.evaluate(
        "() => { const style = new CSSStyleSheet();"
        " style.replaceSync('dt, table { float: left !important; width: 20% !important }');"
        " document.adoptedStyleSheets = [...document.adoptedStyleSheets, style]; }"
    )
    assert page.evaluate(f"getComputedStyle({SHADE}.querySelector('dt')).cssFloat") == "none"


def test_an_edge_is_dragged_and_prediction_and_map_follow(page):
    choose(page, "slot", str(list(METHOD_LABELS).index("inputxgradient")))
    before = pictures(page)
    change(page, lambda: part(page, "edit").check())
    began, at = pictures(page), page.evaluate(CELL, "V5")
    page.mouse.move(at["x"] + 22 * at["k"], at["y"])
    page.mouse.down()
    page.mouse.move(at["x"] + 22.5 * at["k"], at["y"], steps=3)
    page.mouse.up()
    page.wait_for_selector("text=/true change \\+\\d+ ms, network .*\\)\\.$/")
    assert pictures(page) != began
    page.screenshot(path=OUTPUT / f"{page.host}-edit.png")
    if page.host != "page":  # any edge, under any network
        part(page, "edited").select_option("pr")
        part(page, "dose").fill("16")
        page.wait_for_selector("text=/PR interval \\+16 ms, true change of this target 0/")
    change(page, lambda: part(page, "edit").uncheck())
    assert pictures(page) == before


def test_a_study_is_rated_by_keys(page, shown):
    part(page, "to-study").click()
    part(page, "reader").fill(page.host)
    change(page, lambda: page.keyboard.press("Enter"))
    assert "Practice" in part(page, "progress").text_content()
    for score in (5, 4, 2):  # the first is of the practice map
        page.keyboard.press(str(score))
        change(page, lambda: page.keyboard.press("Enter"))
    change(page, lambda: page.keyboard.press("Backspace"))
    assert part(page, "score0").nth(1).is_checked() and part(page, "marks").is_hidden()
    page.screenshot(path=OUTPUT / f"{page.host}-study.png")
    change(page, lambda: part(page, "stop").click())
    if page.host != "page":
        texts = [path.read_text("utf-8") for path in shown.readings.glob("*.csv")]
        assert sum(text.count(f'"{page.host.upper()}"') for text in texts) == 2


def test_own_files_are_taken_one_by_one_and_large_ones_are_refused(page, tmp_path):
    if page.host == "page":
        pytest.skip("the page has no Python, and says so")
    beat = fake_results.beat(np.random.default_rng(11))
    rows = "\n".join(",".join(map(str, row)) + "," for row in beat.T)
    (tmp_path / "mine.csv").write_text(f"header,1,\n12 lead medians\n{rows}\n")
    (tmp_path / "large.dat").write_bytes(b"0" * 12 * 2**20)
    part(page, "more").locator("summary").click()
    files = [tmp_path / "large.dat", tmp_path / "mine.csv"]
    change(page, lambda: part(page, "own").set_input_files(files))
    page.wait_for_selector("text=/large.dat has 12.0 MB; at most 8 MB are read/")
    status = part(page, "status").inner_text()
    assert "own: mine" in status and "10 s" not in status, "it is a median beat"
    numbers = part(page, "measurements").locator("tbody tr td:last-child").all_inner_texts()
    assert "for this ECG its error is unknown" in part(page, "usual").inner_text()
    assert sum(text not in ("", "–") for text in numbers) == 2, "both networks predict it"
    page.screenshot(path=OUTPUT / f"{page.host}-own.png")
    page.keyboard.press("Escape")
    part(page, "dismiss").click() if part(page, "dismiss").is_visible() else None


def test_any_record_is_computed_where_python_is(page):
    if page.host == "page":
        pytest.skip("the page has no Python, and says so")
    part(page, "more").locator("summary").click()
    part(page, "find").fill("extra-1")
    change(page, lambda: part(page, "find").press("Enter"))
    page.wait_for_selector(f"{VIEW} [name=panels] canvas[aria-label*='extra-1'][aria-label*='QRS']")
    assert "computing" not in part(page, "panels").inner_text()
    page.keyboard.press("Escape")


def test_changes_are_quick(page):
    limit = slack()
    one = page.evaluate(QUICK, ["next", 5])
    choose(page, "view", "methods")
    ten = page.evaluate(QUICK, ["next", 5])
    print(f"{page.host}: {one:.0f} ms a change, {ten:.0f} ms for all ten (slack {limit:.1f})")
    assert one < CHANGE_MS * limit and ten < TEN_MS * limit


def test_nothing_was_asked_outside(page):
    """The last of a host's tests: with everything clicked that there is."""
    part(page, "more").locator("summary").click()
    for button in page.locator(f"{VIEW} button:visible").all():
        if button.get_attribute("name") not in ("print", "start", "dismiss"):
            button.click(force=True)
    assert page.asked == [] and page.opened == []
    assert page.locator(f"{VIEW} a[href^=http]").count() == 0
    assert page.problems == []


def kernel_message(kind: str, content: dict) -> dict:
    header = {"msg_type": kind, "msg_id": uuid.uuid4().hex, "session": "x", "username": ""}
    header["version"] = "5.3"
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content} | {
        "channel": "shell"
    }


def send_code(page, code: str) -> None:
    """Ask a page's kernel to run code, as it might, and wait until it answers a later request."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    execute = kernel_message("execute_request", {"code": code, "silent": False})
    later = kernel_message("kernel_info_request", {})

    async def send() -> None:
        connection = await websocket_connect(
            HTTPRequest(page.sockets[0].split("?")[0], headers={"Cookie": cookies})
        )
        await connection.write_message(json.dumps(execute))
        await connection.write_message(json.dumps(later))
        answers = ""
        while later["header"]["msg_id"] not in answers or "kernel_info_reply" not in answers:
            answers += str(await connection.read_message())
        connection.close()

    with ThreadPoolExecutor(1) as pool:  # this thread has Playwright's event loop
        pool.submit(asyncio.run, asyncio.wait_for(send(), 60)).result()


def test_the_web_app_runs_no_code_that_is_sent_to_it(page, tmp_path):
    if page.host == "page":
        pytest.skip("the page has no kernel")
    ran = tmp_path / "ran"
    send_code(page, f"open({str(ran)!r}, 'w')")
    assert ran.exists() == (page.host == "lab"), "JupyterLab runs code, the web app does not"


def test_the_web_app_shows_itself_to_who_has_the_token(page):
    if page.host != "web_app":
        pytest.skip("about the web app")
    address = page.url.split("?")[0]
    with urllib.request.urlopen(f"{address}?token=wrong", timeout=60) as refused:
        assert "/login" in refused.url
        text = refused.read().decode()
    assert "Paste the token" in text and "assword" not in text.replace('"password"', "")
    token = {"Authorization": "token secret"}
    for closed in ("api/contents", "api/sessions", "api/terminals", "api/kernels", "lab"):
        assert page.request.get(address + closed).status in (403, 404, 405), closed
        answer = page.request.post(address + closed, data={}, headers=token)
        assert answer.status in (403, 404, 405), closed
    for odd in ("logout", "voila/templates/x", "voila/templates/x/y/z", "voila/files/x", "x/../.."):
        assert page.request.get(address + odd).status in (200, 403, 404), odd  # 200: the login
    text = page.locator("body").inner_text()
    assert "import numpy" not in text and "Explorer(" not in text
