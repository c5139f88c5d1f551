"""Run a notebook's cells in a forked process, so that it starts at once and can be killed."""

import json
import multiprocessing
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLOW_IMPORTS = [
    "torch",
    "captum.attr",
    "pandas",
    "matplotlib.pyplot",
    "ecghelpers.data.build",
    "ecghelpers.views.network_figures",
    "ecghelpers.evaluation.published",
    "ecghelpers.evaluation.performance",
    "ecghelpers.data.gan",
    "ecghelpers.network.training",
]


def forkserver():
    """A multiprocessing context whose processes begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW_IMPORTS)
    return context


def run_notebook(name: str, parameters: dict) -> None:
    """Execute the code cells of a notebook in this process, with parameters for its own."""
    import IPython.display
    import torch

    torch.set_num_threads(1)
    os.chdir(ROOT)
    names = {"display": lambda *_: None, "__name__": name}
    IPython.display.display = names["display"]
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= parameters
