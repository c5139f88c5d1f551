"""A browser, results to show, and the three hosts of the view: page, JupyterLab and web app."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import fake_results
import pandas as pd
import pytest
import toy
from fake_results import judged
from seen import OUTPUT, PATIENCE_MS, drawn

from ecghelpers.files import write_table
from ecghelpers.views import offline_page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


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
        judged(target, method, "change matters", 5.0 - k, 4.5 - k, 5.5 - k, 0.0, "passes")
        for target in ("all", "qt", "pr")
        for k, method in enumerate(fake_results.METHODS)
        if method != "random"
    ]
    write_table(pd.DataFrame(rows), results.review)
    offline_page.build_site(results)
    return results


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


@contextlib.contextmanager
def served(folder: Path, arguments: list[str], ready: str):
    """Start a server in a folder of its own, wait until `ready` answers, and give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    homes = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | homes | {"PYTHONPATH": str(fake_results.ROOT)}
    command = [sys.executable, "-m", *(part.format(port=port) for part in arguments)]
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)

    def answers():
        assert server.poll() is None, (folder / "server.log").read_text()
        try:
            urllib.request.urlopen(ready.format(port=port), timeout=1).close()
        except OSError as error:
            return isinstance(error, urllib.error.HTTPError)  # a refusal is an answer
        return True

    try:
        toy.wait_for(answers, PATIENCE_MS / 1000)
        yield port
    finally:
        server.terminate()
        server.wait(20)


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
    with served(folder, arguments, "http://127.0.0.1:{port}/api") as port:
        yield f"http://127.0.0.1:{port}/lab/tree/05_explore.ipynb?token=secret"


@pytest.fixture(scope="session")
def web_app(shown, tmp_path_factory):
    """The address of a web app with these results."""
    pytest.importorskip("voila")
    folder = tmp_path_factory.mktemp("web_app")
    arguments = ["ecghelpers.views.web_app", "--results", str(shown.root), "--port={port}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEB_APP_TOKEN", "secret")
        with served(folder, arguments, "http://127.0.0.1:{port}/") as port:
            address = f"http://127.0.0.1:{port}/?token=secret"
            assert f"open {address}" in (folder / "server.log").read_text(encoding="utf-8")
            yield address
