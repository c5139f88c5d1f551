"""Imports inside the package run one way: a module imports only from its own floor or one below."""

import ast
import subprocess
import sys
from pathlib import Path

import ecghelpers

PACKAGE = Path(ecghelpers.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def _imported(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return {name.split(".")[0] for name in names} & set(MODULES)


IMPORTS = {module: _imported(module) for module in MODULES}


def _reached(module):
    reached, ahead = set(), set(IMPORTS[module])
    while ahead:
        name = ahead.pop()
        reached.add(name)
        ahead |= IMPORTS[name] - reached
    return reached


def test_no_module_imports_itself_through_others():
    circular = {module for module in MODULES if module in _reached(module)}
    assert not circular


def test_the_ground_floor_imports_nothing_of_the_package():
    assert IMPORTS["ecg"] == set()
    assert IMPORTS["config"] <= {"ecg"}


def test_what_people_see_is_imported_by_nothing_below_it():
    above = {"front", "explorer", "gallery"}
    importers = {module for module in MODULES if IMPORTS[module] & above}
    assert importers <= above


def test_calculations_do_not_depend_on_drawing_or_on_running_the_analysis():
    drawing, running = {"figures", "curves"}, {"engine", "runner", "cluster", "profiles", "front"}
    for module in ("model", "attribution", "perturbation", "measurement", "synthesis", "training"):
        assert not _reached(module) & (drawing | running), module


def test_figures_need_neither_torch_nor_files():
    code = "import sys, ecghelpers.figures; print('torch' in sys.modules, 'h5py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_package_itself_and_the_front_door_import_no_torch():
    """So that a refusal comes at once."""
    code = "import sys, ecghelpers.front; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
