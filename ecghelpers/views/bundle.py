"""The view's JavaScript: the modules in assets/view joined into one script, with the style sheet.

A page opened from a file may not import ES modules, and a widget's code is one text. The modules
use so little of the language's import and export that joining them needs no tool: one ``import {…}
from "./other.js";`` a module, ``export`` before a declaration, and no name twice.
"""

import json
import re
from pathlib import Path

WEB_APP = "ECG_WEB_APP"  # in the environment of the web app's kernels
ASSETS = Path(__file__).parent / "assets" / "view"
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|let|function|async) )", re.MULTILINE)


def page_script() -> str:
    """The script of the offline page, for a classic <script>."""
    return f'"use strict";\n(() => {{\n{_bundle("page.js")}}})();\n'


def widget_module() -> str:
    """The module of the widget."""
    return _bundle("widget.js")


def _bundle(entry: str) -> str:
    """The style sheet as a constant, then a module after all that it imports."""
    texts: dict[str, str] = {}

    def gather(module: str) -> None:
        text = (ASSETS / module).read_text(encoding="utf-8")
        for needed in IMPORT.findall(text):
            if needed not in texts:
                gather(needed)
        texts[module] = f"// {module}\n{EXPORT.sub('', IMPORT.sub('', text))}"

    gather(entry)
    style = json.dumps((ASSETS / "view.css").read_text(encoding="utf-8"))
    return "\n".join([f"const VIEW_CSS = {style};", *texts.values()])
