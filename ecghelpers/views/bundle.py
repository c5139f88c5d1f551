"""The view's JavaScript: the modules in assets/view joined into one script, with the style sheet.

A page opened from a file may not import ES modules, and a widget's code is one text. The modules
use so little of the language's import and export that joining them needs no tool: one ``import {…}
from "./other.js";``, ``export`` before a declaration, and no name twice.
"""

import json
import re
from pathlib import Path

WEB_APP = "ECG_WEB_APP"  # in the environment of the web app's kernels
ASSETS = Path(__file__).parent / "assets" / "view"
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|let|function|async) )", re.MULTILINE)
NAME = re.compile(r"^(?:async )?(?:const|let|function) (\w+)", re.MULTILINE)
FURTHER = re.compile(r"^(?:const|let) .*", re.MULTILINE)  # may declare several: a = 1, b = 2


def bundle(entry: str) -> str:
    """A module and all that it imports, each after those that it needs, as one module's text.

    Raises ValueError for a name that two modules declare.
    """
    texts: dict[str, str] = {}
    _gather(entry, texts)
    seen: dict[str, str] = {}
    for module, text in texts.items():
        further = re.findall(r", (\w+) = ", "\n".join(FURTHER.findall(text)))
        for name in [*NAME.findall(text), *further]:
            if name in seen:
                raise ValueError(f"{name} is declared in {seen[name]} and in {module}; rename one")
            seen[name] = module
    return "\n".join(f"// {module}\n{text}" for module, text in texts.items())


def page_script() -> str:
    """The script of the offline page, for a classic <script>."""
    return f'"use strict";\n(() => {{\n{_style()}{bundle("page.js")}}})();\n'


def widget_module() -> str:
    """The module of the widget."""
    return _style() + bundle("widget.js")


def _style() -> str:
    """The style sheet as a constant of the script, for the view's shadow tree."""
    return f"const VIEW_CSS = {json.dumps((ASSETS / 'view.css').read_text(encoding='utf-8'))};\n"


def _gather(module: str, texts: dict[str, str]) -> None:
    """Put a module's text after those of the modules that it imports."""
    if module in texts:
        return
    text = (ASSETS / module).read_text(encoding="utf-8")
    for needed in IMPORT.findall(text):
        _gather(needed, texts)
    texts[module] = EXPORT.sub("", IMPORT.sub("", text))
