"""A small project with the real front, Snakefile and rules, and six notebooks that take no time.

Its notebooks write their parameters as their results, so that tests of the machinery (order,
skipping, failures, kills) need neither data nor training.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUND_FLOOR = ("__init__", "checksums", "config", "ecg", "files", "fingerprint", "pretrained")
MODULES = (*GROUND_FLOOR, "selection", "data/__init__", "data/hdf5", "data/medians")

COMMON = 'results = "results/quick"\ndevice = "auto"\nseed = 1\n'
EACH = COMMON + 'target = "qt"\nmodel = 1\n'
PARAMETERS = {
    "01_data": COMMON + 'source = "gan"\nsource_path = ""\nlabels_path = ""\nrecords = 4\n',
    "02_train": EACH + "epochs = 2\nlearning_rate = 3e-3\n",
    "03_evaluate": 'results = "results/quick"\ndevice = "auto"\n',
    "04_heatmaps": EACH + "multiply_by_inputs = True\n",
    "05_explore": COMMON,
    "06_perturbation": EACH + "multiply_by_inputs = True\nperturbation_steps = 3\n",
    "07_planted": COMMON + 'plant = "amplitude"\n',
    "07_truth": EACH,
    "08_review": COMMON,
}
# Each run leaves a line in runs.txt; {body} stands for what a test wants to happen first.
CODE = """
import os, pathlib, time
root = pathlib.Path(results)
root.mkdir(parents=True, exist_ok=True)
with (root / "runs.txt").open("a") as runs:
    runs.write({label} + chr(10))
{body}
for name, text in {files}.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{{os.getpid()}}")
    new.write_text(text)
    new.replace(path)
"""
FOLDER = 'f"{target}/model{model}/'
FILES = {
    "01_data": '{"data/medians.h5": f"{seed} {source} {records}", "data/strips.h5": "", '
    '"data/rejected.csv": ""}',
    "02_train": f'{{{FOLDER}model.safetensors": f"{{epochs}} {{learning_rate}}", '
    f'{FOLDER}training.json": "{{}}", {FOLDER}figures/agreement.png": ""}}',
    "03_evaluate": '{"metrics.csv": " ".join(sorted(str(p.relative_to(root)) '
    'for p in root.glob("*/model*/model.safetensors")))}',
    "04_heatmaps": f'{{{FOLDER}attributions.h5": str(multiply_by_inputs), '
    f'{FOLDER}figures/heatmap.png": "", {FOLDER}figures/methods.png": ""}}',
    "05_explore": "{}",
    "06_perturbation": f'{{{FOLDER}perturbation.h5": str(perturbation_steps), '
    f'{FOLDER}figures/perturbation.png": "", {FOLDER}figures/gaps.png": ""}}',
    "07_planted": '{f"planted/{plant}/model1/{name}": "ok" for name in '
    '("model.safetensors", "attributions.h5", "metrics.json", "scores.csv")}',
    "07_truth": f'{{{FOLDER}truth.csv": "ok", {FOLDER}effects.csv": "ok"}}',
    "08_review": '{"review.csv": "ok", "aopc.csv": "ok", "faithful.csv": "ok", '
    '"planted/scores.csv": "ok", "review.png": ""}',
}
SLURM = "check_seconds: 1\nevery: {cpus: 1, memory_gb: 1, minutes: 30}\n"
PAGE = """import pathlib
from . import heatmap

def build_site(root):
    page = pathlib.Path(root) / "site" / "index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("page")
"""


# Stands in for ecghelpers.run.notebook where a test is not about it: no kernel, so no time.
RUNNER = """import json, os, pathlib, sys
from .. import checksums
from .lock import die_with_parent
from .steps import NOTEBOOKS

die_with_parent()
arguments = sys.argv[1:] + ["--makes"]
executed = pathlib.Path(checksums.noted(arguments[arguments.index("--notebook") + 1]))
makes = [checksums.noted(name) for name in arguments[arguments.index("--makes") + 1 : -1]]
pairs = arguments[arguments.index("--set") + 1 : arguments.index("--makes")]
def value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
given = {pair.split("=", 1)[0]: value(pair.split("=", 1)[1]) for pair in pairs if pair[0] != "#"}
source = NOTEBOOKS / f"{executed.name.split('.')[0]}.ipynb"
cells = json.loads(source.read_text())["cells"]
executed.parent.mkdir(parents=True, exist_ok=True)
names = {}
root = pathlib.Path.cwd()
inputs = arguments[arguments.index("--from") + 1 : arguments.index("--set")]
origin = checksums.origin(root, sorted(pairs), inputs)
if "--force" not in arguments and checksums.restore(root, executed.stem, origin):
    sys.exit()
checksums.drop_notes(root, makes)
checksums.keep_before(root, str(executed))
try:
    exec(cells[0]["source"], names)
    names |= given | {"results": os.getcwd()}
    exec(cells[1]["source"], names)
except Exception as error:
    executed.write_text(repr(error))
    sys.exit(f"{type(error).__name__}: {error}")
executed.write_text(source.read_text())
missing = [path for path in makes if not pathlib.Path(path).exists()]
if missing:
    sys.exit(f"ended without making {missing[0]}")
checksums.record(root, makes)
checksums.remember(root, executed.stem, origin, makes)
"""


def write_notebook(project: Path, name: str, body: str = "", parameters: str | None = None) -> None:
    """Write one of the six notebooks; body is code that runs before it writes its results."""
    each = "target" in (parameters or PARAMETERS[name])
    label = f'f"{name} {{target}} {{model}}"' if each else repr(name)
    code = CODE.format(label=label, body=body, files=FILES[name])
    cells = [(parameters or PARAMETERS[name], ["parameters"]), (code, [])]
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "execution_count": None,
                "metadata": {"tags": tags},
                "outputs": [],
                "source": source,
            }
            for number, (source, tags) in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = project / "notebooks" / f"{name}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")


def make_project(folder: Path, kernel: bool = False) -> Path:
    """Make the small project in a folder, and return the folder.

    kernel: run its notebooks as the real project does, through run.notebook and papermill.
    """
    (folder / "ecghelpers" / "data").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    (folder / "parameters").mkdir()
    for name in ("run_all.sh", "environment.sh", "Snakefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name in MODULES:
        shutil.copy(ROOT / "ecghelpers" / f"{name}.py", folder / "ecghelpers" / f"{name}.py")
    shutil.copytree(ROOT / "ecghelpers" / "run", folder / "ecghelpers" / "run")
    if not kernel:
        (folder / "ecghelpers" / "run" / "notebook.py").write_text(RUNNER)
    (folder / "ecghelpers" / "truth").mkdir()
    shutil.copy(ROOT / "ecghelpers" / "truth" / "plants.py", folder / "ecghelpers" / "truth")
    views = folder / "ecghelpers" / "views"
    views.mkdir()
    shutil.copy(ROOT / "ecghelpers" / "views" / "__init__.py", views)
    (views / "offline_page.py").write_text(PAGE)
    (views / "heatmap.py").write_text("COLOR = 1\n")
    for name in PARAMETERS:
        write_notebook(folder, name)
    (folder / "parameters" / "slurm.yaml").write_text(SLURM)
    (folder / "parameters" / "quick.yaml").write_text("models: 1\nepochs: 2\nrecords: 4\n")
    return folder


def environment(**changes: str) -> dict:
    """The tests' environment, with this Python first on PATH and few threads."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"} | changes


def run(project: Path, *flags: str, timeout: float = 300, **changes: str):
    """Run ./run_all.sh to its end."""
    return subprocess.run(
        ["bash", project / "run_all.sh", *flags],
        cwd=project,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def start(project: Path, *flags: str, start_new_session=False, **changes: str) -> subprocess.Popen:
    """Start ./run_all.sh and do not wait."""
    return subprocess.Popen(
        ["bash", project / "run_all.sh", *flags],
        cwd=project,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=start_new_session,
    )


def runs(project: Path, results: str = "results/quick") -> list[str]:
    """What has run since the last look, in order: "01_data", "02_train qt 1", …"""
    path = project / results / "runs.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def has_run(project: Path, step: str) -> bool:
    """Whether a step has begun."""
    path = project / "results" / "quick" / "runs.txt"
    return path.exists() and step in path.read_text()


def wait_for(condition, seconds: float = 60) -> None:
    """Wait until condition() is true; fail if it does not come true in time."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def kill(process: subprocess.Popen, number: int = signal.SIGKILL) -> None:
    """Send a signal to the process that ./run_all.sh has become, and to it alone."""
    process.send_signal(number)
    process.communicate(timeout=60)
