"""A browser, results to show, and the three hosts of the view: page, JupyterLab and web app.

Pictures of what was seen are left in tests/output/browser/.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import fake_results
import pandas as pd
import pytest

from ecghelpers.files import write_table
from ecghelpers.views import offline_page

OUTPUT = fake_results.ROOT / "tests" / "output" / "browser"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE_MS = 120_000  # on a machine that does other things


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests; they are skipped, with the reason, without one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no chromium; apt-get install chromium")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def shown(tmp_path_factory):
    """Results with a ranking, a review and a page. Copy them before changing anything."""
    results = fake_results.make(tmp_path_factory.mktemp("shown"))
    rows = [
        fake_results.judged(
            target, method, "change matters", 5.0 - k, 4.5 - k, 5.5 - k, 0.0, "passes"
        )
        for target in ("all", "qt", "pr")
        for k, method in enumerate(fake_results.METHOD_LABELS)
        if method != "random"
    ]
    write_table(pd.DataFrame(rows), results.review)
    offline_page.build_site(results)
    return results


@pytest.fixture
def opened(browser, shown):
    """The page; fails on errors and on requests of anything else."""
    import seen  # which needs this module

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
    seen.drawn(page)
    yield page
    assert page.evaluate("window.hacked") is None
    assert page.problems == []
    context.close()


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
    limit = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < limit:
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


@pytest.fixture(scope="session")
def lab(shown, tmp_path_factory):
    """The address of a JupyterLab with 05_explore for these results."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("lab")
    text = (fake_results.ROOT / "notebooks" / "05_explore.ipynb").read_text(encoding="utf-8")
    assert "results/quick" in text
    text = text.replace("results/quick", str(shown.root))
    (folder / "05_explore.ipynb").write_text(text, encoding="utf-8")
    arguments = ["jupyterlab", "--no-browser", "--allow-root", "--port={port}"]
    arguments += ["--IdentityProvider.token=secret", "--LabApp.news_url=None"]
    arguments += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    server, port = serve(folder, arguments, "http://127.0.0.1:{port}/api")
    yield f"http://127.0.0.1:{port}/lab/tree/05_explore.ipynb?token=secret"
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="session")
def web_app(shown, tmp_path_factory):
    """The address of a web app with these results."""
    pytest.importorskip("voila")
    folder = tmp_path_factory.mktemp("web_app")
    arguments = ["ecghelpers.views.web_app", "--results", str(shown.root), "--port={port}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEB_APP_TOKEN", "secret")
        server, port = serve(folder, arguments, "http://127.0.0.1:{port}/")
    address = f"http://127.0.0.1:{port}/?token=secret"
    assert f"open {address}" in (folder / "server.log").read_text(encoding="utf-8")
    yield address
    server.terminate()
    server.wait(20)
