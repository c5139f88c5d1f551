"""What the package's code says, so that a result can tell whether it was made by other code.

Comments, docstrings and layout do not count. Modules are named as from inside the package:
``training``, ``data.store``.
"""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent


def _file(module: str) -> Path | None:
    """Where a module or a folder of modules is, None if there is none of that name."""
    path = PACKAGE.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def parse(module: str) -> ast.Module:
    """The code of a module of this package."""
    path = _file(module)
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.Module, module: str = "") -> set[str]:
    """The modules of this package that a piece of code imports; module: whose code it is."""
    path = _file(module) if module else None
    folder = module.split(".") if path and path.stem == "__init__" else module.split(".")[:-1]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ["ecghelpers", *folder[: len(folder) + 1 - node.level]] if node.level else []
            base += node.module.split(".") if node.module else []
            names |= {".".join(base), *(".".join([*base, alias.name]) for alias in node.names)}
    inside = {name.removeprefix("ecghelpers.") for name in names if name.startswith("ecghelpers.")}
    return {name for name in inside if _file(name)} - {module}


def closure(modules: Iterable[str], without: tuple[str, ...] = ()) -> set[str]:
    """These modules with all that they import in turn, some folders of modules left out."""
    reached, ahead = set(), set(modules)
    while ahead:
        name = ahead.pop()
        if name not in reached and name.split(".")[0] not in without:
            reached.add(name)
            ahead |= imports(parse(name), name)
    return reached


def code_digest(module: str) -> str:
    """The SHA-256 of a module's code and of that of all modules of this package it rests on.

    module: its ``__name__``, or what follows the package's in it.
    """
    return digest(closure({module.removeprefix("ecghelpers.")}))


def digest(modules: Iterable[str], *further: str) -> str:
    """The SHA-256 of the code of these modules and of further code."""
    sources = [ast.unparse(_without_docstrings(parse(name))) for name in sorted(modules)]
    return hashlib.sha256("\n\n".join([*further, *sources]).encode()).hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree
