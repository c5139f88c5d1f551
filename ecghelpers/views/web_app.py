"""The explorer of notebook 05 as a web app, which shows no code and runs none that it receives."""

import argparse
import os
import re
import secrets
import socket
import sys
import tempfile
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
PAGES = str(ASSETS.parent / "web_app")  # templates in place of Voilà's
REFILL_S = 0.5  # from a visitor's arrival until a process starts for the next


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted."""
    options = _parse(arguments)
    os.environ[WEB_APP] = "yes"  # for the kernels: they show the widget
    token = os.environ.pop(TOKEN, "") or secrets.token_urlsafe(24)
    if problem := _problem(options, token):
        sys.exit(f"error: {problem}")
    with tempfile.TemporaryDirectory(prefix="web_app.") as folder:
        app = server(_notebook(options.results.resolve(), Path(folder)), token, options)
        address = f"http://{ADDRESS}:{options.port}{app.base_url}"
        print(f"open {address}?token={quote(token, safe='')}", flush=True)
        app.start()


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
        return f"{TOKEN} in the environment: use ASCII letters, digits and punctuation"
    if not re.fullmatch(r"[\w./~-]*", options.base_url, re.ASCII):
        return f"--base-url {options.base_url!r}: use letters, digits and /._~-"
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
    from traitlets.config import Config
    from voila.app import Voila

    class WebApp(Voila):
        """Voilà with a login page of our own."""

        def init_settings(self) -> dict:
            settings = super().init_settings()
            pages = settings["jinja2_env"]
            pages.loader = ChoiceLoader([FileSystemLoader(PAGES), pages.loader])
            return settings

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
    app.template_paths = [PAGES, *app.template_paths]
    return app


def _notebook(results: Path, folder: Path) -> Path:
    """The cells of notebook 05 that are tagged for the web app, for one results folder."""
    import nbformat
    from papermill.parameterize import parameterize_notebook

    notebook = nbformat.read(ROOT / "notebooks" / "05_explore.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", ())]
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
