"""The page, JupyterLab and the web app in a real browser. Skipped, with the reason, without one.

Pictures of what was seen are left in tests/output/browser/.
"""

import asyncio
import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fake_results
import pandas as pd
import pytest

from ecghelpers.study import reading_study
from ecghelpers.study.blinding import letters, text_hash
from ecghelpers.views import offline_page
from ecghelpers.views.plots import METHOD_LABELS
from ecghelpers.views.results_folder import Cases

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium; apt-get install chromium")

OUTPUT = fake_results.ROOT / "tests" / "output" / "browser"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
SIZES = {"laptop": (1280, 800), "desktop": (1920, 1080), "phone": (390, 844)}
FIRST_VIEW_S, CHANGE_MS, WIDGET_MS = 2, 200, 300


def slack() -> float:
    """What the limits above are multiplied by: they are for a machine with nothing else to do."""
    began = time.perf_counter()
    sum(number * number for number in range(1_000_000))
    return 3 * max(1.0, (time.perf_counter() - began) / 0.05)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = fake_results.make(tmp_path_factory.mktemp("results"))
    rows = [
        (target, model, method, 10 - number, 9 - number, "" if method == "random" else "yes")
        for target, model in results.models()
        for number, method in enumerate(METHOD_LABELS)
    ]
    columns = ["target", "model", "method", "aopc", "gain", "beats_random"]
    pd.DataFrame(rows, columns=columns).to_csv(results.aopc, index=False)
    offline_page.build_site(results)
    return results


@pytest.fixture
def opened(browser, results):
    """The page from its file, the network off; fails on errors and on requests of anything else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.problems.append(m.text))
    page.on(
        "request",
        lambda r: r.url.startswith(("file:", "blob:", "data:")) or page.problems.append(r.url),
    )
    page.goto(results.site.as_uri())
    drawn(page)
    yield page
    assert page.evaluate("window.hacked") is None
    assert page.problems == []
    context.close()


def drawn(page, before: str = "0") -> str:
    """Wait until the page has drawn something newer; returns its number."""
    # Polled from here: the page's content security policy may refuse a predicate given as text.
    for _ in range(6000):
        number = page.evaluate("document.body.dataset.drawn") or "0"
        if int(number) > int(before):
            return number
        page.wait_for_timeout(10)
    raise TimeoutError("the page was not drawn within a minute")


def picture(page) -> str:
    """A number for what the panels show."""
    panels = "[...document.querySelectorAll('#panels canvas')]"
    return page.evaluate(f"{panels}.map(c => ECG.textHash(c.toDataURL())).join()")


def change(page, act) -> None:
    """Act, and wait until the page is drawn again."""
    before = page.evaluate("document.body.dataset.drawn") or "0"
    act()
    drawn(page, before)


def captions(page) -> list[str]:
    return page.locator("#panels figcaption b").all_text_contents()


def test_first_view_is_quick_and_complete(browser, results):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    began = time.perf_counter()
    page.goto(results.site.as_uri())
    drawn(page)
    assert time.perf_counter() - began < FIRST_VIEW_S * slack()
    data = Cases(results).case("pr", 1, fake_results.HOSTILE_IDS[0])
    status = page.locator("#status").text_content()
    assert (
        f"measured {data.truth:.1f} ms" in status and f"predicted {data.prediction:.1f}" in status
    )
    assert "test records 4.20 ms" in status
    assert page.locator("#rank tr").count() == 11
    page.close()


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("target", "qt"),
        ("model", "2"),
        ("record", fake_results.HOSTILE_IDS[1]),
        ("view", "methods"),
        ("view", "models"),
        ("view", "two"),
        ("view", "difference"),
        ("method", "4"),
        ("mode", "averaged"),
        ("mode", "V5 only"),
        ("layout", "6x2"),
        ("layout", "12x1"),
        ("layout", "II"),
    ],
)
def test_every_choice_changes_the_picture(opened, control, value):
    before = picture(opened)
    change(opened, lambda: opened.select_option(f"#{control}", value))
    assert picture(opened) != before
    status = opened.locator("#status").text_content()
    assert ("QT" in status) == (value == "qt")


def test_marks_zoom_and_percentile(opened):
    pictures = [picture(opened)]
    change(opened, lambda: opened.uncheck("#fiducials"))
    pictures.append(picture(opened))
    change(opened, lambda: opened.click("#larger"))
    pictures.append(picture(opened))
    assert opened.locator("#zoom").text_content() == "125 %"
    change(opened, lambda: opened.locator("#percentile").fill("85"))
    pictures.append(picture(opened))
    assert len(set(pictures)) == 4
    assert "percentile 85 of" in opened.locator("#bar-label").text_content()


def test_changes_are_quick(opened):
    wait = """async (act) => {
      const old = document.body.dataset.drawn, began = performance.now();
      document.querySelector(act).click();
      while (document.body.dataset.drawn === old) await new Promise(requestAnimationFrame);
      return performance.now() - began;
    }"""
    times = [opened.evaluate(wait, "#next") for _ in range(5)]
    change(opened, lambda: opened.select_option("#view", "methods"))
    times += [opened.evaluate(wait, "#next") for _ in range(5)]
    assert sorted(times)[len(times) // 2] < CHANGE_MS * slack()


def test_the_grid_shows_all_methods_and_the_arrows_all_records(opened):
    change(opened, lambda: opened.select_option("#view", "methods"))
    assert captions(opened) == list(METHOD_LABELS.values())
    seen = set()
    for _ in fake_results.HOSTILE_IDS:
        seen.add(opened.input_value("#record"))
        change(opened, lambda: opened.keyboard.press("ArrowRight"))
    assert seen == set(fake_results.HOSTILE_IDS)
    change(opened, lambda: opened.click("#previous"))
    assert opened.input_value("#record") == fake_results.HOSTILE_IDS[-1]


def test_blinding_hides_names_and_shuffles_per_reader(opened, results):
    change(opened, lambda: opened.select_option("#view", "methods"))
    unblinded = picture(opened).split(",")
    change(opened, lambda: opened.keyboard.press("b"))
    assert captions(opened) == list("ABCDEFGHIJ")
    text = opened.locator("body").inner_text() + opened.content()
    assert not [label for label in METHOD_LABELS.values() if label in text]
    orders = []
    for reader in ("AB", "CD"):
        opened.fill("#reader", reader)
        change(opened, lambda: opened.locator("#reader").dispatch_event("change"))
        shown = [unblinded.index(one) for one in picture(opened).split(",")]
        place = ("pr", 1, fake_results.HOSTILE_IDS[0])
        expected = letters(list(METHOD_LABELS), 1, reader, *place)
        assert [list(METHOD_LABELS)[number] for number in shown] == list(expected.values())
        orders.append(shown)
    assert orders[0] != orders[1]
    opened.locator("#panels").click(position={"x": 2, "y": 2})
    change(opened, lambda: opened.keyboard.press("n"))
    assert captions(opened)[0].startswith("A: ")


def test_the_page_hashes_as_python_does(opened):
    texts = ["", "a", "1|AB|qt", *fake_results.HOSTILE_IDS, *(f"item {i}" for i in range(50))]
    assert opened.evaluate("texts => texts.map(ECG.textHash)", texts) == list(map(text_hash, texts))


def test_calipers_by_mouse_and_by_keyboard(opened):
    change(opened, lambda: opened.keyboard.press("c"))
    opened.fill("#mark1", "100")
    opened.fill("#mark2", "900")
    change(opened, lambda: opened.locator("#mark2").press("Enter"))
    assert "800 ms" in opened.locator("#measured").text_content()
    assert "800 ms" in opened.locator("#measured").text_content()
    box = opened.locator("#panels canvas").bounding_box()
    cell = opened.evaluate(
        "(() => { const c = document.querySelector('#panels canvas');"
        "return { k: c.k, ...c.page.cells.find(cell => cell.lead === 'V5') }; })()"
    )
    y = box["y"] + cell["k"] * (cell["top"] + 3)
    x = [box["x"] + cell["k"] * (cell["left"] + mm) for mm in (22, 15)]
    opened.mouse.move(x[0], y)
    opened.mouse.down()
    change(opened, lambda: opened.mouse.move(x[1], y))
    opened.mouse.up()
    assert opened.input_value("#caliper-lead") == "V5"
    assert abs(int(opened.input_value("#mark2")) - 600) <= 4
    assert opened.input_value("#mark1") == "100"


def test_ratings_survive_a_reload_and_are_exported_as_entered(opened, results, tmp_path):
    study = reading_study.Study(Cases(results, seed=1).networks(), seed=1)
    reader = 'Ø"<b>, R'
    entered = []
    opened.fill("#reader", reader)
    opened.click("#start")
    opened.wait_for_selector("#rating:visible")
    assert "0 of 100 maps rated" in opened.locator("#progress").text_content()

    def rate(score, text):
        opened.check(f"[name=score0][value='{score}']")
        opened.fill("#remark0", text)
        change(opened, lambda: opened.click("#save"))
        entered.append((str(score), text))

    opened.click("#export")
    assert "has rated no map" in opened.locator("#message").text_content()
    opened.click("#save")
    assert "score" in opened.locator("#message").text_content()
    opened.set_viewport_size({"width": 390, "height": 844})
    place = opened.locator("#message").bounding_box()
    assert place["y"] >= 0 and place["y"] + place["height"] <= 844, "nobody sees what is wrong"
    opened.set_viewport_size({"width": 1280, "height": 800})
    for score, text in (
        (1, ""),
        (5, 'a "quoted", remark'),
        (3, "<script>window.hacked=1</script>"),
    ):
        items = study.items(reader)
        assert opened.input_value("#record") == items[len(entered)].record
        assert captions(opened) == [items[len(entered)].code]
        assert opened.is_disabled("#record") and opened.is_disabled("#names")
        rate(score, text)
    opened.reload()
    drawn(opened)
    opened.fill("#reader", reader)
    opened.click("#start")
    sync_api.expect(opened.locator("#progress")).to_contain_text("3 of 100 maps rated")
    rate(2, "after the reload")
    with opened.expect_download() as download:
        opened.click("#export")
    path = tmp_path / "ratings.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.open(newline="", encoding="utf-8")))
    assert [(row["score"], row["text"]) for row in rows] == entered
    assert tuple(rows[0]) == reading_study.COLUMNS and {row["reader"] for row in rows} == {reader}
    assert not [m for m in METHOD_LABELS if f'"{m}"' in path.read_text(encoding="utf-8")]
    table = study.read([path])
    assert list(table["method"]) == [item.method for item in study.items(reader)[:4]]
    opened.click("#stop")
    assert opened.is_enabled("#record") and opened.is_hidden("#rating")


def test_pairs_are_rated_side_by_side(opened, results, tmp_path):
    study = reading_study.Study(Cases(results, seed=1).networks(), seed=1)
    opened.fill("#reader", "AB")
    opened.select_option("#together", "2")
    change(opened, lambda: opened.click("#start"))
    pairs = study.screens("AB", 2)
    for pair in pairs[:2]:
        assert captions(opened) == [item.code for item in pair]
        assert opened.input_value("#record") == pair[0].record
        label = {"pr": "PR interval", "qt": "QT interval"}[pair[0].target]
        assert opened.locator("#question").text_content().startswith(label)
        opened.check("[name=score0][value='4']")
        opened.click("#save")
        assert "score" in opened.locator("#message").text_content()
        opened.fill("#remark1", "worse")
        opened.locator("[name=score0]").nth(3).focus()
        opened.keyboard.press("2")  # scores the map that has no score yet
        assert "share" not in opened.locator("#panels").inner_text()
        assert opened.is_hidden("#curves"), "a curve would tell what to think of the map"
        change(opened, lambda: opened.keyboard.press("Enter"))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=OUTPUT / "page-pair.png")
    with opened.expect_download() as download:
        opened.click("#export")
    download.value.save_as(tmp_path / "ratings.csv")
    table = study.read([tmp_path / "ratings.csv"])
    expected = [item for pair in pairs[:2] for item in pair]
    assert list(table["method"]) == [item.method for item in expected]
    assert list(table["score"]) == [4, 2, 4, 2] and list(table["text"]) == ["", "worse"] * 2
    assert list(table["beside"]) == [i.code for pair in pairs[:2] for i in pair[::-1]]


def test_a_missing_part_is_told(browser, results, tmp_path):
    copy = shutil.copytree(results.site.parent, tmp_path / "site")
    (copy / "data" / "qt-model1.js").unlink()
    page = browser.new_page()
    page.goto((copy / "index.html").as_uri())
    drawn(page)
    page.select_option("#target", "qt")
    sync_api.expect(page.locator("#message")).to_contain_text("is missing")
    change(page, lambda: page.select_option("#target", "pr"))
    assert page.locator("#message").text_content() == ""
    page.close()


BOXES = """
[...document.querySelectorAll('#controls > *, #status span, #panels figure, #bar, h2, #rank table')]
  .filter((element) => element.offsetParent)
  .map((element) => element.getBoundingClientRect())
  .map((box) => [box.left, box.top, box.right, box.bottom])
"""


@pytest.mark.parametrize("size", SIZES)
def test_nothing_overlaps_or_runs_out_of_the_page(browser, results, size):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(results.site.as_uri())
    drawn(page)
    for view in ("one", "methods", "two"):
        if view != "one":
            change(page, lambda view=view: page.select_option("#view", view))
        page.screenshot(path=OUTPUT / f"page-{size}-{view}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        boxes = page.evaluate(BOXES)
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                across = min(one[2], other[2]) - max(one[0], other[0])
                down = min(one[3], other[3]) - max(one[1], other[1])
                assert across <= 1 or down <= 1, (view, one, other)
    page.close()


# JupyterLab and Voilà: the same explorer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(folder: Path, arguments: list[str], ready: str) -> tuple[subprocess.Popen, int]:
    """Start a server in a folder of its own and wait until `ready` answers."""
    port = free_port()
    homes = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | homes | {"PYTHONPATH": str(fake_results.ROOT)}
    command = [sys.executable, "-m", *(part.format(port=port) for part in arguments)]
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    for _ in range(240):
        try:
            urllib.request.urlopen(ready.format(port=port), timeout=1).close()
            return server, port
        except urllib.error.HTTPError:
            return server, port  # it answers, even if with a refusal
        except OSError:
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.25)
    server.terminate()
    raise TimeoutError((folder / "server.log").read_text())


@pytest.fixture(scope="module")
def notebook(results, tmp_path_factory):
    """05_explore with these results, in a folder of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    text = (fake_results.ROOT / "notebooks" / "05_explore.ipynb").read_text(encoding="utf-8")
    assert "results/quick" in text
    text = text.replace("results/quick", str(results.root))
    (folder / "05_explore.ipynb").write_text(text, encoding="utf-8")
    return folder / "05_explore.ipynb"


TITLE = "document.querySelector('.ecg-explorer .gtitle').textContent"
SHOWN = (
    f"{TITLE} + [...document.querySelectorAll('.ecg-explorer image')].map(i => i.outerHTML).join()"
)


MARK = """
(() => {
  const plot = document.querySelector('.ecg-explorer .js-plotly-plot');
  const { xaxis, yaxis, shapes: [line] } = plot._fullLayout;
  const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
  const scale = xaxis._length / (xaxis.range[1] - xaxis.range[0]);
  return [box.left + xaxis.d2p(line.x1), box.top + yaxis.d2p(line.y1), scale];
})()
"""


def calipers_are_dragged(page) -> None:
    """Drag the second mark by 10 mm, which are 400 ms more."""
    page.get_by_label("Calipers").check()
    page.wait_for_selector("text=/Between the marks: 400 ms/")
    page.wait_for_timeout(500)
    x, y, px_per_mm = page.evaluate(MARK)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5 * px_per_mm, y, steps=4)
    page.mouse.move(x + 10 * px_per_mm, y, steps=4)
    page.mouse.up()
    page.wait_for_selector("text=/Between the marks: (79|80)[0-9] ms/")
    page.get_by_label("Calipers").uncheck()


def explorer_works(page, name: str) -> None:
    """Change target, record and blinding of the explorer on a page; the figure must follow."""
    box = page.locator(".ecg-explorer").first
    page.wait_for_selector(".ecg-explorer .gtitle", timeout=90_000)
    page.wait_for_function("document.querySelectorAll('.ecg-explorer image').length >= 3")
    page.wait_for_timeout(1000)  # for the figure to take its width
    OUTPUT.mkdir(parents=True, exist_ok=True)

    def title() -> str:
        return page.locator(".ecg-explorer .gtitle").first.text_content()

    def press(key: str) -> None:
        box.focus()  # JupyterLab takes the focus whenever a cell has run
        page.keyboard.press(key)

    def follows(act) -> float:
        """Act, and wait for another picture or title; returns milliseconds."""
        before, began = page.evaluate(SHOWN), time.perf_counter()
        act()
        page.wait_for_function(f"old => {SHOWN} !== old", arg=before, timeout=60_000)
        return (time.perf_counter() - began) * 1000

    box.scroll_into_view_if_needed()
    times = [follows(lambda: press("ArrowRight")) for _ in range(4)]
    page.wait_for_function(f"{TITLE}.includes('Ærø')")  # the fifth record
    assert sorted(times)[1] < WIDGET_MS * slack()
    calipers_are_dragged(page)
    follows(lambda: box.locator("select").first.select_option("QT interval"))
    page.wait_for_function(f"{TITLE}.includes('QT interval')")
    follows(lambda: press("b"))
    page.wait_for_function(f"{TITLE}.startsWith('A: ')")
    assert not [n for n in METHOD_LABELS.values() if n in title()]
    page.screenshot(path=OUTPUT / f"{name}-blind.png")
    follows(lambda: box.locator("select").nth(3).select_option("All methods"))
    page.wait_for_timeout(500)
    page.screenshot(path=OUTPUT / f"{name}-methods.png", full_page=True)
    follows(lambda: box.locator("select").nth(3).select_option("One map"))
    assert page.evaluate("window.hacked") is None


def open_with_kernel(page, address: str) -> str:
    """Open an address; returns that of the websocket to its kernel, without the page's session."""
    with page.expect_websocket(lambda socket: "/channels" in socket.url) as opened:
        page.goto(address, timeout=90_000)
    return opened.value.url.split("?")[0]


def kernel_message(kind: str, content: dict) -> dict:
    header = {"msg_type": kind, "msg_id": uuid.uuid4().hex, "session": "x", "username": ""}
    header["version"] = "5.3"
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content} | {
        "channel": "shell"
    }


def send_code(page, socket: str, code: str) -> None:
    """Ask a kernel to run code, as this page might, and wait until it answers a later request."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    execute = kernel_message("execute_request", {"code": code, "silent": False})
    later = kernel_message("kernel_info_request", {})

    async def send() -> None:
        connection = await websocket_connect(HTTPRequest(socket, headers={"Cookie": cookies}))
        await connection.write_message(json.dumps(execute))
        await connection.write_message(json.dumps(later))
        answers = ""
        while later["header"]["msg_id"] not in answers or "kernel_info_reply" not in answers:
            answers += str(await connection.read_message())
        connection.close()

    with ThreadPoolExecutor(1) as pool:  # this thread has Playwright's event loop
        pool.submit(asyncio.run, asyncio.wait_for(send(), 60)).result()


def test_jupyterlab_runs_the_explorer(browser, notebook):
    pytest.importorskip("jupyterlab")
    arguments = ["jupyterlab", "--no-browser", "--allow-root", "--port={port}"]
    arguments += ["--IdentityProvider.token=secret", "--LabApp.news_url=None"]
    arguments += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    server, port = serve(notebook.parent, arguments, "http://127.0.0.1:{port}/api")
    try:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        address = f"http://127.0.0.1:{port}/lab/tree/05_explore.ipynb?token=secret"
        socket = open_with_kernel(page, address)
        page.wait_for_selector("text=/Python 3.*Idle/", timeout=60_000)
        page.click(".lm-MenuBar-itemLabel:text('Run')")
        page.click("text='Run All Cells'")
        page.wait_for_selector(".ecg-explorer", timeout=120_000)
        page.wait_for_selector("text=/Python 3.*Idle/", timeout=60_000)
        explorer_works(page, "jupyterlab")
        ran = notebook.parent / "ran-in-lab"
        send_code(page, socket, f"open({str(ran)!r}, 'w')")
        assert ran.exists(), "what the web app must refuse would not run anywhere"
        page.close()
    finally:
        server.terminate()
        server.wait(20)


def test_web_app_serves_the_explorer_without_code(browser, results, tmp_path, monkeypatch):
    pytest.importorskip("voila")
    monkeypatch.setenv("WEB_APP_TOKEN", "secret")
    arguments = ["ecghelpers.views.web_app", "--results", str(results.root), "--port={port}"]
    server, port = serve(tmp_path, arguments, "http://127.0.0.1:{port}/")
    outside = []
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/?token=wrong", timeout=30) as refused:
            assert "/login" in refused.url
        assert f"http://127.0.0.1:{port}/?token=secret" in (tmp_path / "server.log").read_text()
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        own = (f"http://127.0.0.1:{port}/", "data:", "blob:")
        # Asked for, whether the policy then refuses it or not.
        page.on("request", lambda r: r.url.startswith(own) or outside.append(r.url))
        socket = open_with_kernel(page, f"http://127.0.0.1:{port}/?token=secret")
        token = {"Authorization": "token secret"}
        for closed in ("api/contents", "api/sessions", "api/terminals", "api/kernels", "lab"):
            address = f"http://127.0.0.1:{port}/{closed}"
            assert page.request.get(address).status in (403, 404, 405), closed
            answer = page.request.post(address, data={}, headers=token)
            assert answer.status in (403, 404, 405), closed
        explorer_works(page, "web-app")
        assert outside == [], "the app asked servers on the internet"
        ran = tmp_path / "ran-in-app"
        send_code(page, socket, f"open({str(ran)!r}, 'w')")
        assert not ran.exists(), "the web app ran code that was sent to it"
        page.set_viewport_size({"width": 390, "height": 844})
        width = "document.querySelector('.ecg-explorer .main-svg').getBoundingClientRect().width"
        page.wait_for_function(f"{width} <= 390", timeout=60_000)
        page.screenshot(path=OUTPUT / "web-app-phone.png", full_page=True)
        text = page.locator("body").inner_text()
        assert "import numpy" not in text and "Explorer(" not in text
        page.close()
    finally:
        server.terminate()
        server.wait(20)
