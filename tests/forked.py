"""Run a notebook's cells in a forked process, so that it starts at once and can be killed."""

import json
import multiprocessing
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLOW_IMPORTS = ["torch", "captum.attr", "pandas", "matplotlib.pyplot"]
OWN = ("data.build", "data.gan", "evaluation.performance", "evaluation.published")
OWN += ("network.training", "views.heatmap")
SLOW_IMPORTS += [f"ecghelpers.{name}" for name in OWN]
# Parameters with which every notebook takes seconds.
SMALL = {
    "epochs": 1,
    "batch_size": 8,
    "heatmap_records": 2,
    "smoothgrad_draws": 2,
    "gradientshap_draws": 2,
    "integrated_gradients_steps": 32,
    "perturbation_records": 3,
    "perturbation_steps": 4,
    "intervention_donors": 2,
    "target": "qt",
}


def forkserver():
    """A multiprocessing context whose processes begin with everything imported."""
    os.environ |= {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW_IMPORTS)
    return context


def start(name: str, **parameters):
    """Start a notebook with few records and these parameters in a process of its own."""
    process = forkserver().Process(target=run_notebook, args=(name, SMALL | parameters))
    process.start()
    return process


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
