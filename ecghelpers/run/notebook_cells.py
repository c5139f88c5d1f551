"""What stands in a notebook: its parameters, and code; a change of which runs its step again."""

import ast
import json
import re
from pathlib import Path

from ..fingerprint import PACKAGE, closure, digest, imports
from .steps import Step

# Folders whose modules only show: a change in them does not touch the numbers that steps save.
SHOWING = ("views",)


def code_cells(notebook: Path) -> list[dict]:
    """The code cells of a notebook, as nbformat stores them. Raises ValueError for another file."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{notebook} is not a notebook that can be read: {error}") from error
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _is_parameters(cell: dict) -> bool:
    return "parameters" in cell["metadata"].get("tags", [])


def notebook_parameters(notebook: Path) -> dict:
    """Name and default value of each parameter in the cell tagged ``parameters``."""
    parameters = {}
    for cell in filter(_is_parameters, code_cells(notebook)):
        for node in ast.parse("".join(cell["source"])).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                parameters[node.targets[0].id] = ast.literal_eval(node.value)
    return parameters


def fingerprint(step: Step) -> str:
    """Changes when the code of a step does: its notebook's and that of the modules it imports.

    Comments, docstrings, layout and text between the cells do not count, nor do modules that only
    show unless showing is what the step is for, nor the values in the parameters cell.
    """
    without = () if step.draws else SHOWING
    if not step.notebook:
        assets = sorted((PACKAGE / "views" / "assets").rglob("*.*"))
        modules = closure({"views.offline_page"}, without)
        return digest(modules, *(path.read_text(encoding="utf-8") for path in assets))[:12]
    cells = [cell for cell in code_cells(step.path) if not _is_parameters(cell)]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    tree = ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", text))
    modules = closure(imports(tree), without)
    return digest(modules, ast.unparse(tree))[:12]


def plant_names() -> list[str]:
    """The rows of truth.plants.PLANTS, read from its code: importing it would take torch."""
    tree = ast.parse((PACKAGE / "truth" / "plants.py").read_text(encoding="utf-8"))
    (rows,) = (
        node.value.keys
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PLANTS"
    )
    return [ast.literal_eval(name) for name in rows]
