"""What the package's code says, so that a result can tell whether it was made by other code.

Comments, docstrings and layout do not count.
"""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent


def parse(module: str) -> ast.Module:
    """The code of a module of this package."""
    path = PACKAGE / f"{module}.py"
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.Module) -> set[str]:
    """The modules of this package that a piece of code imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ("ecghelpers." if node.level else "") + (node.module or "")
            names |= {f"{package.rstrip('.')}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    found = {part[1] for part in parts if part[0] == "ecghelpers" and len(part) > 1}
    return {name for name in found if (PACKAGE / f"{name}.py").exists()}


def closure(modules: Iterable[str], without: Iterable[str] = ()) -> set[str]:
    """These modules with all that they import in turn, some left out."""
    reached, ahead = set(), set(modules)
    while ahead:
        name = ahead.pop()
        if name not in reached and name not in without:
            reached.add(name)
            ahead |= imports(parse(name))
    return reached


def code_digest(module: str) -> str:
    """The SHA-256 of a module's code and of that of all modules of this package it rests on."""
    return digest(closure({module}))


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
