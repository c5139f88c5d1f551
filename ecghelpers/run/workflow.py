"""Functions for the Snakefile: parameters, digests of the code and of the user's files."""

import ast
import json
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from ..ecg import TARGETS
from ..files import directory_digest
from ..fingerprint import PACKAGE, closure, code_cells, digest, notebook_digest
from ..network import pretrained
from ..parameters import load
from ..paths import ROOT, Results, from_project

NOTEBOOKS = ROOT / "notebooks"
WILDCARDS = {"target": 'target="{target}"', "model": "model={model}"}  # settings from them


class Workflow:
    """One run of the Snakefile, from Snakemake's ``config``.

    config: ``profile``, ``target`` ("qt,pr"; empty for all), ``results``, ``device``, ``only``
    (names of rules); all may be absent.
    """

    def __init__(self, config: dict):
        self.profile = config.get("profile", "quick")
        named, only = (str(config.get(name) or "") for name in ("target", "only"))
        self.targets = named.split(",") if named else list(TARGETS)
        self.parameters = load(self.profile, self.targets)
        self.common = self.parameters[""]  # of the notebooks that run once
        self.results = ROOT / config.get("results", f"results/{self.profile}")
        self.device = config.get("device", "auto")
        self.only = only.split(",") if only else []
        if self.common.known_places and not self.only:
            self.only = ["data", "known_readouts"]
        # Unless targets are named, the user's own records decide which ones there are.
        self.finds_targets = not named and self.common.source != "gan"
        if self.finds_targets:
            self.targets = self._found_targets()
        # (target, model) of every network
        self.networks = [(target, k) for target in self.targets for k in self._models(target)]
        # The target whose maps are made before the other networks are trained.
        self.first = "qt" if "qt" in self.targets else self.targets[0]

    def makes(self, step: str) -> bool:
        """Whether a rule is part of this run."""
        return not self.only or step in self.only

    def settings(self, notebook: str, *, draws: bool = False) -> list:
        """The ``params`` of a rule: "name=value" of each parameter, and the version of the code.

        draws: whether figures are among the notebook's results. Entries that begin with # only
        make the rule run again when they change.
        """
        path = NOTEBOOKS / f"{notebook}.ipynb"
        names = [name for name in parameter_names(path) if name not in ("results", "device")]
        code = f"#code={notebook_digest(path, draws=draws)[:12]}"
        return [*(WILDCARDS.get(name) or partial(self._setting, name) for name in names), code]

    def _setting(self, name: str, wildcards) -> str:
        parameters = self.parameters[wildcards.get("target", "")]
        return f"{name}={json.dumps(getattr(parameters, name))}"

    def own_files(self, wildcards) -> str:
        """The state of the user's own files: the first step runs again when one changes."""
        paths = filter(None, (self.common.source_path, self.common.labels_path))
        return "#files=" + "; ".join(directory_digest(from_project(path)) for path in paths)

    def readings(self, wildcards) -> str:
        """The state of the reading study: new ratings run the review again."""
        return f"#readings={directory_digest(self.results / 'readings')}"

    def _models(self, target: str) -> range:
        """The numbers of a target's networks: of the pretrained ones as many as there are."""
        chosen = self.parameters[target]
        most = len(pretrained.models(target)) if chosen.network == "pretrained" else chosen.models
        return range(1, max(1, min(chosen.models, most)) + 1)

    def _found_targets(self) -> list[str]:
        """The targets known in ``medians.h5``; all targets before that file exists."""
        try:
            with h5py.File(Results(self.results).medians) as file:
                known = np.isfinite(file["targets"][:]).any(0)
                columns = list(file["targets"].attrs["columns"])
        except (OSError, LookupError):  # absent or damaged: the first step reports it
            return self.targets
        return [target for target in TARGETS if known[columns.index(target)]] or self.targets


def parameter_names(notebook: Path) -> list[str]:
    """The names in the cell with the tag ``parameters``. Raises ValueError without such a cell."""
    for cell in code_cells(notebook):
        if "parameters" in cell["metadata"].get("tags", []):
            body = ast.parse("".join(cell["source"])).body
            return [node.targets[0].id for node in body if isinstance(node, ast.Assign)]
    raise ValueError(f"notebooks/{notebook.name}: no cell has the tag 'parameters'; tag it again")


def page_code() -> str:
    """The version of the code and assets that the offline page is made of."""
    assets = sorted(path for path in (PACKAGE / "views/assets").rglob("*") if path.is_file())
    modules = closure({"views.offline_page"})
    return f"#code={digest(modules, *(path.read_bytes() for path in assets))[:12]}"
