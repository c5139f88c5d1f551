"""JupyterLab and the web app: the view of the page, with what Python adds to it.

test_browser.py tests the view itself on the page.
"""

import urllib.request

import fake_results
import numpy as np
import pytest
from seen import OUTPUT, PATIENCE_MS, VIEW, captions, change, choose, part, pictures

FIRST = "target=qt&model=1&view=one&leads=all"  # in the address, or the widget's state


@pytest.fixture(scope="module", params=("lab", "web_app"))
def page(request, browser):
    """The view as one host shows it, once for all tests; notes what leaves the host."""
    where = request.getfixturevalue(request.param)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE_MS)
    page.host, page.outside, page.problems, page.sockets = request.param, [], [], []
    own = ("data:", "blob:", "http://127.0.0.1:")

    # The content security policy refuses the others.
    page.on("requestfinished", lambda r: r.url.startswith(own) or page.outside.append(r.url))
    page.on("popup", lambda window: page.outside.append(window.url))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("websocket", lambda s: "/channels" in s.url and page.sockets.append(s.url))
    page.goto(where)
    if page.host == "lab":
        page.wait_for_selector("text=/Python 3.*Idle/")
        page.click(".lm-MenuBar-itemLabel:text('Run')")
        page.click("text='Run All Cells'")
    page.wait_for_selector(f"{VIEW}[data-drawn]")
    if page.host == "lab":
        page.wait_for_selector("text=/Python 3.*Idle/")
    page.locator(VIEW).scroll_into_view_if_needed()
    yield page
    assert page.evaluate("window.hacked") is None
    page.close()


@pytest.fixture(autouse=True)
def as_opened(page):
    """Each test begins with one map of the first record."""
    opening = {"target": "qt", "model": "1", "view": "one", "leads": "all", "slot": "0"}
    for name, value in (opening | {"record": fake_results.HOSTILE_IDS[0]}).items():
        if part(page, name).input_value() != value:
            choose(page, name, value)


def words(page):
    """Everything that the view says of its maps, method by method."""
    found = [part(page, name).inner_text() for name in ("status", "measurements", "review")]
    for number in range(len(fake_results.METHOD_LABELS)):
        if number:
            choose(page, "slot", str(number))
        names = ("meaning", "low", "high", "panels")
        found.append([part(page, name).inner_text() for name in names])
    return found


def test_words_and_numbers_are_those_of_the_page(page, opened):
    opened.evaluate(f"location.hash = '{FIRST}'")
    opened.wait_for_selector("text=/Sensitivity: a higher voltage here/")
    assert words(page) == words(opened)
    page.locator(f"{VIEW} [name=panels] canvas").click(position={"x": 3, "y": 3})
    change(page, lambda: page.keyboard.press("5"))
    assert captions(page) == ["Integrated gradients"]


def test_an_edge_is_dragged_and_prediction_and_map_follow(page):
    choose(page, "slot", str(list(fake_results.METHOD_LABELS).index("integrated_gradients")))
    before = pictures(page)
    change(page, lambda: part(page, "edit").check())
    began, box = pictures(page), page.locator(f"{VIEW} [name=panels] canvas").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 305, box["y"] + 100, steps=3)
    page.mouse.up()
    page.wait_for_selector("text=/true change \\+\\d+ ms, network .*\\)\\.$/")
    assert pictures(page) != began
    page.screenshot(path=OUTPUT / f"{page.host}-edit.png")
    part(page, "edited").select_option("pr")  # any edge, under any network
    part(page, "dose").fill("16")
    page.wait_for_selector("text=/PR interval \\+16 ms, true change of this target 0, network/")
    change(page, lambda: part(page, "edit").uncheck())
    assert pictures(page) == before


def test_ratings_are_saved_at_once(page, shown):
    part(page, "to-study").click()
    part(page, "rater").fill(page.host)
    change(page, lambda: page.keyboard.press("Enter"))
    for score in (5, 4, 2):  # the first is of the practice map
        page.keyboard.press(str(score))
        change(page, lambda: page.keyboard.press("Enter"))
    texts = [path.read_text("utf-8") for path in shown.readings.glob("*.csv")]
    assert sum(text.count(f'"{page.host.upper()}"') for text in texts) == 2
    change(page, lambda: part(page, "stop").click())
    part(page, "to-study").click()


def test_own_files_are_read_and_large_ones_are_refused(page, tmp_path):
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
    assert sum(text not in ("", "–") for text in numbers) == 2, "both networks predict it"
    page.wait_for_selector("[name=panels] small:has-text('Share of the colour')")
    page.screenshot(path=OUTPUT / f"{page.host}-own.png")


def test_nothing_leaves_the_host(page):
    """The last test of the view in a host: every button has been clicked."""
    part(page, "more").locator("summary").click()
    for button in page.locator(f"{VIEW} button:visible").all():
        if button.get_attribute("name") not in ("print", "start", "dismiss"):
            button.click(force=True)
    assert page.outside == [] and page.problems == []
    assert page.locator(f"{VIEW} a[href^=http]").count() == 0


SEND = """([url, code]) => new Promise((done, fail) => {
  const socket = new WebSocket(url), message = (kind, content) => JSON.stringify({
    channel: "shell", parent_header: {}, metadata: {}, content,
    header: { msg_type: kind, msg_id: kind, session: "x", username: "", version: "5.3" },
  });
  socket.onopen = () => {
    socket.send(message("execute_request", { code, silent: false }));
    socket.send(message("kernel_info_request", {}));
  };
  socket.onmessage = ({ data }) => { if (data.includes?.("kernel_info_reply")) done(); };
  socket.onerror = fail;
})"""


def test_the_web_app_runs_no_code_that_is_sent_to_it(page, tmp_path):
    ran = tmp_path / "ran"
    page.evaluate(SEND, [page.sockets[0].split("?")[0], f"open({str(ran)!r}, 'w')"])
    assert ran.exists() == (page.host == "lab"), "JupyterLab runs code, the web app does not"


def test_the_web_app_requires_the_token(page):
    if page.host == "lab":
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
    text = page.locator("body").inner_text()
    assert "import numpy" not in text and "Explorer(" not in text
