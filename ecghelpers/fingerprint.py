"""A digest of the code that a result depends on: the bytes of a notebook's or module's imports.

Modules are named as from inside the package: ``training``, ``data.medians``.
"""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def _file(module: str) -> Path | None:
    """The file of a module or package, None if there is none with that name."""
    path = PACKAGE.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@cache
def imports(source: str | bytes, module: str = "") -> frozenset[str]:
    """The modules of this package that a piece of code imports; module: whose code it is."""
    path = _file(module) if module else None
    folder = module.split(".") if path and path.stem == "__init__" else module.split(".")[:-1]
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ["ecghelpers", *folder[: len(folder) + 1 - node.level]] if node.level else []
            base += node.module.split(".") if node.module else []
            names |= {".".join(base), *(".".join([*base, alias.name]) for alias in node.names)}
    inside = {name.removeprefix("ecghelpers.") for name in names if name.startswith("ecghelpers.")}
    return frozenset(name for name in inside if _file(name)) - {module}


def imports_of(module: str) -> frozenset[str]:
    """The modules of this package that a module imports."""
    return imports(_file(module).read_bytes(), module)


def closure(modules: Iterable[str], without: tuple[str, ...] = ()) -> set[str]:
    """These modules and all that they import in turn, except the subpackages in ``without``."""
    reached, ahead = set(), set(modules)
    while ahead:
        name = ahead.pop()
        if name not in reached and name.split(".")[0] not in without:
            reached.add(name)
            ahead |= imports_of(name)
    return reached


def digest(modules: Iterable[str], *further: bytes) -> str:
    """The SHA-256 of the files of these modules and of further bytes."""
    parts = [*further, *(_file(name).read_bytes() for name in sorted(modules))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def code_digest(module: str) -> str:
    """The SHA-256 of a module and of all modules of this package that it imports."""
    return digest(closure({module.removeprefix("ecghelpers.")}))


def notebook_digest(notebook: Path, *, draws: bool = False) -> str:
    """The SHA-256 of a notebook's code cells and of all modules of this package they import.

    draws: whether its figures are among its results; otherwise modules that only draw (``views``)
    do not count. Raises ValueError for a file that is not a notebook.
    """
    code = "\n".join("".join(cell["source"]) for cell in code_cells(notebook))
    python = "\n".join(
        line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))
    )
    return digest(closure(imports(python), () if draws else ("views",)), code.encode())


def code_cells(notebook: Path) -> list[dict]:
    """The code cells of a notebook, as nbformat stores them. Raises ValueError for another file."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{notebook} is not a notebook that can be read: {error}") from error
    return [cell for cell in cells if cell["cell_type"] == "code"]
