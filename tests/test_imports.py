"""Imports inside the package run one way: a room imports only from its own floor or one below."""

import subprocess
import sys
from graphlib import TopologicalSorter

import ecghelpers
from ecghelpers import fingerprint

# From the roof down. A room is a folder, or a module that stands on the floor itself.
FLOORS = (
    {"run", "views", "study"},
    {"evaluation"},
    {"data", "trainer", "training", "attribution_maps", "pretrained"},
    {
        "attribution",
        "attribution_methods",
        "intervention",
        "perturbation",
        "perturbation_operators",
        "measurement",
    },
    {"prediction"},
    {
        "model",
        "speed",
        "files",
        "selection",
        "checkpoints",
        "fingerprint",
        "config",
        "parameters",
        "ecg",
        "written",
    },
)
MODULES = sorted(
    ".".join(path.relative_to(fingerprint.PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in fingerprint.PACKAGE.rglob("*.py")
    if path != fingerprint.PACKAGE / "__init__.py"
)
IMPORTS = {name: fingerprint.imports_of(name) for name in MODULES}


def _room(module):
    return module.split(".")[0]


def _floor(module):
    return next(number for number, rooms in enumerate(FLOORS) if _room(module) in rooms)


def test_every_room_has_its_floor():
    assert {_room(module) for module in MODULES} <= set.union(*FLOORS)


def test_imports_lead_down_or_along():
    upwards = {(a, b) for a, names in IMPORTS.items() for b in names if _floor(b) < _floor(a)}
    assert not upwards


def test_no_module_and_no_room_imports_itself_through_others():
    # A folder's own __init__ and its modules count as one another's neighbours, not as a circle.
    modules = {a: {b for b in names if not a.startswith(f"{b}.")} for a, names in IMPORTS.items()}
    TopologicalSorter(modules).prepare()  # raises CycleError
    rooms = {_room(module): set() for module in MODULES}
    for module, names in IMPORTS.items():
        rooms[_room(module)] |= {_room(name) for name in names} - {_room(module)}
    TopologicalSorter(rooms).prepare()


def test_the_package_itself_and_the_front_door_import_no_torch():
    """So that a refusal comes at once."""
    code = "import sys, ecghelpers.run.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_package_tells_where_its_rooms_are():
    rooms = {path.parent.name for path in fingerprint.PACKAGE.glob("*/__init__.py")}
    assert all(f"{room}/" in ecghelpers.__doc__ for room in rooms)
