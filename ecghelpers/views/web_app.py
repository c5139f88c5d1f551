"""The explorer of notebook 05 as a web app, which shows no code and runs none that it receives."""

import argparse
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

from ..data.medians import read_medians
from ..paths import ROOT, Results
from .bundle import ASSETS, WEB_APP

TOKEN, TAG = "WEB_APP_TOKEN", "web-app"
ADDRESS, MOST_PORT = "127.0.0.1", 65_535
# The browser refuses whatever a page would request from another server.
POLICY = (
    "default-src 'self' data: blob:; "
    "script-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' data: 'unsafe-inline'; frame-ancestors 'self'; object-src 'none'"
)
IDLE_S = 1800  # a visitor's process ends this long after the last use
# The JupyterLab extensions that a widget needs; the others that are installed are not loaded.
MANAGERS = ("@voila-dashboards/widgets-manager8", "@jupyter-widgets/jupyterlab-manager")
EXTENSIONS = ["anywidget", *MANAGERS]
TEMPLATE_FILE = r"[\w-]+/static/[\w./@~-]+"  # below voila/templates/
READY_S = 30  # after which the address is printed in any case
REFILL_S = 0.5  # from a visitor's arrival until a process starts for the next


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted."""
    options = _parse(arguments)
    os.environ[WEB_APP] = "yes"  # for the kernels: they show the widget
    token = os.environ.pop(TOKEN, "") or secrets.token_urlsafe(24)
    if problem := _problem(options, token):
        sys.exit(f"error: {problem}")
    with tempfile.TemporaryDirectory(prefix="web_app.") as folder:
        ready = Path(folder) / "ready"
        app = server(_notebook(options.results.resolve(), Path(folder), ready), token, options)
        address = f"http://{ADDRESS}:{options.port}{app.base_url}?token={quote(token, safe='')}"
        threading.Thread(target=_print_address, args=(address, ready), daemon=True).start()
        app.start()


def _print_address(address: str, ready: Path) -> None:
    """Print the address once a process waits for the first visitor, whose page opens at once."""
    print("starting", flush=True)
    deadline = time.monotonic() + READY_S
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    print(f"open {address}", flush=True)


def _problem(options: argparse.Namespace, token: str) -> str:
    """Why the app cannot be shown, "" if it can."""
    try:
        if not Results(options.results).models():
            return (
                f"{options.results} holds no trained network; run ./run_all.sh first, or name "
                "another results folder with --results"
            )
        read_medians(Results(options.results).medians, mapped=True)
    except (OSError, ValueError) as error:
        return f"{' '.join(str(error).split())}; run ./run_all.sh first"
    if not re.fullmatch(r"[!-~]+", token):
        return f"{TOKEN} in the environment: allowed are letters, digits and signs of ASCII"
    if not re.fullmatch(r"[\w./~-]*", options.base_url, re.ASCII):
        return f"--base-url {options.base_url!r}: allowed are letters, digits and /._~-"
    if not 1 <= options.port <= MOST_PORT:
        return f"--port is {options.port}; allowed are 1 to {MOST_PORT}"
    try:
        socket.create_server((ADDRESS, options.port)).close()
    except OSError as error:
        return f"port {options.port}: {error.strerror}; choose another with --port"
    return ""


def server(notebook: Path, token: str, options: argparse.Namespace):
    """A Voilà that listens on this machine alone, behind a login page.

    A process that has run the notebook waits for the next visitor, whose page opens at once.
    """
    from jinja2 import ChoiceLoader, FileSystemLoader
    from tornado.web import ErrorHandler
    from traitlets.config import Config
    from voila.app import Voila

    class WebApp(Voila):
        """Voilà with a login page of our own, and 404 for addresses that make it fail."""

        own_pages = ""

        def init_settings(self) -> dict:
            settings = super().init_settings()
            pages = settings["jinja2_env"]
            pages.loader = ChoiceLoader([FileSystemLoader(self.own_pages), pages.loader])
            return settings

        def init_handlers(self) -> list:
            failing = f"voila/templates/(?!{TEMPLATE_FILE}$).*", "logout"
            none = [
                (f"{self.base_url}{path}", ErrorHandler, {"status_code": 404}) for path in failing
            ]
            return none + super().init_handlers()

    app = WebApp.instance(
        config=Config(
            MappingKernelManager={"cull_idle_timeout": IDLE_S, "cull_interval": 60},
            Voila={"ip": ADDRESS, "port_retries": 0, "open_browser": False},
            VoilaConfiguration={"preheat_kernel": True, "extension_allowlist": EXTENSIONS},
            VoilaKernelManager={"fill_delay": REFILL_S},
        )
    )
    app.token, app.port = token, options.port
    app.base_url = f"/{options.base_url.strip('/')}/".replace("//", "/")
    app.tornado_settings = {"headers": {"Content-Security-Policy": POLICY}}
    app.initialize([str(notebook)])
    app.own_pages = _templates(app.template_paths, notebook.parent)
    app.template_paths = [app.own_pages, *app.template_paths]
    return app


def _templates(template_paths: list[str], folder: Path) -> str:
    """A folder with our own templates and copies of Voilà's without links to fonts on the internet.

    Only templates with such a link are copied; the first folder that has a template decides.
    """
    own = folder / "templates"
    shutil.copytree(ASSETS.parent / "web_app", own)
    first: dict[str, Path] = {}
    for place in filter(Path.is_dir, map(Path, template_paths)):
        for path in place.iterdir():
            if path.suffix in (".j2", ".html"):
                first.setdefault(path.name, path)
    for name, path in first.items():
        text = path.read_text(encoding="utf-8")
        plain = re.sub(r'<link[^>]*href="https?://[^>]*>', "", text)
        if plain != text:
            (own / name).write_text(plain, encoding="utf-8")
    return str(own)


def _notebook(results: Path, folder: Path, ready: Path) -> Path:
    """The cells of notebook 05 that are tagged for the web app, for one results folder.

    ready: a file that a process makes when it has run them.
    """
    import nbformat
    from papermill.parameterize import parameterize_notebook

    notebook = nbformat.read(ROOT / "notebooks" / "05_explore.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", ())]
    done = f"__import__('pathlib').Path({str(ready)!r}).touch()"
    notebook.cells.append(nbformat.v4.new_code_cell(done, metadata={"tags": [TAG]}))
    notebook.metadata["papermill"] = {}
    path = folder / "ECG heatmaps.ipynb"
    nbformat.write(parameterize_notebook(notebook, {"results": str(results)}), path)
    return path


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="web_app.sh",
        description="Show the explorer in a browser, without code. It listens on this machine "
        "alone (127.0.0.1) and requires a token, which is part of the address that it prints.",
        epilog=f"Each start draws a new token; set {TOKEN} in the environment to choose one. "
        "Behind a hospital's proxy: docs/web_app.md",
    )
    add = parser.add_argument
    add("--results", type=Path, default=ROOT / "results" / "quick", metavar="DIR")
    add("--port", type=int, default=8866)
    add("--base-url", default="/", metavar="/PATH/", help="where a proxy shows it (default: /)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
