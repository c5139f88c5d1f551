"""Imports inside the package run one way: a package imports from its own layer or one below."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import metadata

import pytest
import toy
from packaging.specifiers import SpecifierSet

from ecghelpers import fingerprint

# From the top down. A unit is a folder, or a module outside folders.
LAYERS = (
    "run views study",
    "evaluation",
    "attribution perturbation",
    "data",
    "model network measurement",
    "files lazy_rows fingerprint paths validation runtime parameters ecg formatting",
)
MODULES = sorted(
    ".".join(path.relative_to(fingerprint.PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in fingerprint.PACKAGE.rglob("*.py")
    if path != fingerprint.PACKAGE / "__init__.py"
)
IMPORTS = {name: fingerprint.imports_of(name) for name in MODULES}


def _unit(module):
    return module.split(".")[0]


def test_imports_lead_down_or_along():
    layer = {unit: number for number, units in enumerate(LAYERS) for unit in units.split()}
    pairs = {(a, b) for a, names in IMPORTS.items() for b in names}
    assert not {(a, b) for a, b in pairs if layer[_unit(b)] < layer[_unit(a)]}


def test_no_module_and_no_unit_imports_itself_through_others():
    # A folder's own __init__ and its modules count as one another's neighbours, not as a circle.
    modules = {a: {b for b in names if not a.startswith(f"{b}.")} for a, names in IMPORTS.items()}
    TopologicalSorter(modules).prepare()  # raises CycleError
    units = {_unit(module): set() for module in MODULES}
    for module, names in IMPORTS.items():
        units[_unit(module)] |= {_unit(name) for name in names} - {_unit(module)}
    TopologicalSorter(units).prepare()


IMPORTS_OF_01_TO_03 = "\n".join(
    ast.unparse(node)
    for name in toy.NOTEBOOKS[:3]
    for cell in toy.real_cells(name)
    for node in ast.parse("".join(cell["source"])).body
    if isinstance(node, ast.Import | ast.ImportFrom)
)


@pytest.mark.parametrize(
    ("imports", "absent"),
    [
        ("import ecghelpers.run.cli", {"torch", "pandas", "scipy"}),  # a refusal comes at once
        (IMPORTS_OF_01_TO_03, {"captum"}),
    ],
)
def test_a_step_imports_only_what_it_needs(imports, absent):
    code = f"{imports}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_every_pinned_version_runs_on_every_supported_python(python):
    lines = (toy.ROOT / "requirements.txt").read_text().splitlines()
    needs = {
        name: metadata(name)["Requires-Python"]
        for name, sep, _ in (line.partition("==") for line in lines)
        if sep
    }
    assert not {n: r for n, r in needs.items() if r and not SpecifierSet(r).contains(python)}
