"""A small project: the real front, Snakefile, runner and package, with notebooks that take no time.

Its notebooks write the files that the Snakefile names, with their parameters as the content, so
that tests of the machinery (order, skipping, failures, kills) need neither data nor training.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
OUTPUT = re.compile(r'update\((NETWORK \+ )?"([^"]+)"\)')
# Each run leaves a line in runs.txt; {body} stands for what a test wants to happen first.
CODE = """
import json, os, pathlib, time
given = {{n: v for n, v in list(globals().items()) if n in {names}}}
root = pathlib.Path(results) if os.path.isabs(results) else pathlib.Path.cwd() / results
with (root / "runs.txt").open("a") as runs:
    runs.write({label}.format(**given) + chr(10))
{body}
for name in {files}:
    path = root / name.format(**given)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{{os.getpid()}}")
    new.write_text(json.dumps(given | {{"results": ""}}, sort_keys=True))
    new.replace(path)
"""
PAGE = """import pathlib, sys
from . import heatmap

page = pathlib.Path(sys.argv[-1], "site", "index.html")
page.parent.mkdir(exist_ok=True)
page.write_text("page")
"""


def real_cells(name: str) -> list[dict]:
    """The code cells of one of the project's notebooks."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def parameters_cell(name: str) -> str:
    """The source of its cell with the tag ``parameters``."""
    (cell,) = (c for c in real_cells(name) if "parameters" in c.metadata.get("tags", []))
    return cell.source


def makes(name: str) -> list[str]:
    """The files besides itself that a notebook makes, as the Snakefile says."""
    rules = re.split(r"\n(?=rule )", (ROOT / "Snakefile").read_text(encoding="utf-8"))
    (rule,) = (text for text in rules if f'settings("{name}"' in text)
    found = ["{target}/model{model}/" * bool(net) + file for net, file in OUTPUT.findall(rule)]
    kinds = re.findall(r'"(\w+)"', re.search(r"KINDS = \[(.*)\]", "\n".join(rules))[1])
    each = re.findall(r'expand\("planted/{kind}/model1/([^"]+)"', rule)
    found += [f"planted/{kind}/model1/{file}" for kind in kinds for file in each]
    return [file for file in found if not file.endswith(".ipynb")]


def write_notebook(project: Path, name: str, body: str = "", tags: tuple = ("parameters",)) -> None:
    """Write one of the notebooks; body is code that runs before it writes its results."""
    parameters = parameters_cell(name)
    names = re.findall(r"^(\w+) =", parameters, re.M)
    label = " ".join([name, *(f"{{{n}}}" for n in ("target", "model", "plant") if n in names)])
    code = CODE.format(names=names, label=repr(label), body=body, files=makes(name))
    cells = [new_code_cell(parameters, metadata={"tags": list(tags)}), new_code_cell(code)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, project / "notebooks" / f"{name}.ipynb")


def make_project(folder: Path) -> Path:
    """Make the small project in a folder, and return the folder."""
    for name in ("notebooks", "parameters"):
        (folder / name).mkdir(parents=True)
    for name in ("run_all.sh", "environment.sh", "Snakefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    skip = shutil.ignore_patterns("__pycache__", "assets")
    for name in ("ecghelpers", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    (folder / "ecghelpers/views/offline_page.py").write_text(PAGE)
    (folder / "ecghelpers/views/heatmap.py").write_text("COLOR = 1\n")
    for name in NOTEBOOKS:
        write_notebook(folder, name)
    (folder / "parameters" / "quick.yaml").write_text("epochs: 2\n")
    return folder


def environment(**changes: str) -> dict:
    """The tests' environment, with this Python first on PATH and few threads."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"} | changes


def _call(project: Path, flags: tuple, changes: dict) -> dict:
    """./run_all.sh with flags, for subprocess."""
    command = ["bash", project / "run_all.sh", *flags]
    return {"args": command, "cwd": project, "env": environment(**changes), "text": True}


def run(project: Path, *flags: str, timeout: float = 600, **changes: str):
    """Run ./run_all.sh to its end."""
    return subprocess.run(**_call(project, flags, changes), capture_output=True, timeout=timeout)


def start(project: Path, *flags: str, start_new_session=False, **changes: str) -> subprocess.Popen:
    """Start ./run_all.sh and do not wait."""
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        **_call(project, flags, changes), **pipes, start_new_session=start_new_session
    )


def runs(project: Path, results: str = "results/quick") -> list[str]:
    """What has run since the last look, in order: "01_data", "02_train qt 1", …"""
    path = project / results / "runs.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def wait_for(condition, seconds: float = 120) -> None:
    """Wait until condition() is true; fail if it does not come true in time."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)
