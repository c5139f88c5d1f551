"""The analysis as rules: each runs one notebook with papermill, in the order that files demand.

Started by run_all.sh, in the results folder, with a configuration that ecghelpers.run.cli has
checked: ``profile`` ``targets`` ``models`` ``notebooks`` (parameter values by notebook and target),
``code`` (fingerprints), ``own_files`` and ``readings`` (digests of their listings), ``steps``, ``device``, ``run``,
``partial``, ``threads``, ``resources``, ``setup``.
"""

import json
import os

from snakemake.logging import logger

from ecghelpers.run.slurm import become_own_task
from ecghelpers.run.events import report_events

become_own_task()
if workflow.is_main_process:
    report_events(logger)

DATA = "data/medians.h5"
NETWORK = "{target}/model{model}/model.safetensors"
HEATMAPS = "{target}/model{model}/attributions.h5"
PERTURBATION = "{target}/model{model}/perturbation.h5"
METRICS = "metrics.csv"
TRUTH = "{target}/model{model}/truth.csv"
PLANTED = "planted/{plant}/model1/attributions.h5"
REVIEW = ["review.csv", "aopc.csv"]
EXPLORED = "notebooks/.05_explore.whole"
PAGE = "site/index.html"

EACH = "{target}.model{model}"
# A cluster's own commands before a step (the shell's -u breaks many of them), and then the step.
SETUP = "{{ set +u; {config[setup][%s]}\n}} > {log.text} 2>&1 && "
RUN = (
    "exec python -P -m ecghelpers.run.notebook --notebook {log.notebook} --device {config[device]} --run {config[run]} "
    "--set {params.settings:q}"
)
ONE = " target={wildcards.target} model={wildcards.model}"
MAKES = " --makes {output} >> {log.text} 2>&1"


wildcard_constraints:
    plant="[a-z_]+",
    target="[A-Za-z0-9_]+",
    model="[0-9]+",


def every(pattern):
    """The files of a pattern for all targets and models of this run; when some have failed, those
    that there are."""
    files = expand(
        pattern, target=config["targets"], model=range(1, config["models"] + 1)
    )
    return [file for file in files if not config["partial"] or os.path.exists(file)]


def planted(pattern):
    """The files of a pattern for all plants; when some have failed, those that there are."""
    files = expand(pattern, plant=config["plants"])
    return [file for file in files if not config["partial"] or os.path.exists(file)]


def trainings(wildcards):
    """The maps of all trainings of one target: 07 compares them with each other."""
    found = every(HEATMAPS)
    return [file for file in found if file.startswith(f"{wildcards.target}/")]


def settings(notebook):
    """The values of a notebook's parameters: a change in them runs the rule again."""

    def of(wildcards):
        values = config["notebooks"][notebook][wildcards.get("target", "")]
        return [f"{key}={json.dumps(value)}" for key, value in sorted(values.items())]

    return of


def results_of(step):
    return {
        "data": [DATA],
        "train": every(NETWORK),
        "evaluate": [METRICS],
        "heatmaps": every(HEATMAPS),
        "explore": [EXPLORED],
        "perturbation": every(PERTURBATION),
        "planted": planted(PLANTED),
        "truth": every(TRUTH),
        "review": REVIEW,
        "page": [PAGE],
    }[step]


rule all:
    default_target: True
    input:
        [file for step in config["steps"] for file in results_of(step)],
    localrule: True


rule data:
    message: "01_data"
    output:
        DATA,
    log:
        notebook="notebooks/01_data.ipynb",
        text="logs/01_data.log",
    params:
        settings=settings("01_data"),
        own_files=config["own_files"],
        code=config["code"]["data"],
    threads: config["threads"]["data"]
    resources:
        **config["resources"]["data"],
    shell:
        SETUP % "data" + RUN + MAKES


rule train:
    message: "02_train {wildcards.target} model{wildcards.model}"
    input:
        DATA,
    output:
        NETWORK,
        "{target}/model{model}/training.json",
    log:
        notebook=f"notebooks/02_train.{EACH}.ipynb",
        text=f"logs/02_train.{EACH}.log",
    params:
        settings=settings("02_train"),
        code=config["code"]["train"],
    threads: config["threads"]["train"]
    resources:
        **config["resources"]["train"],
    shell:
        SETUP % "train" + RUN + ONE + MAKES


rule evaluate:
    message: "03_evaluate"
    input:
        DATA,
        every(NETWORK),
    output:
        METRICS,
    log:
        notebook="notebooks/03_evaluate.ipynb",
        text="logs/03_evaluate.log",
    params:
        settings=settings("03_evaluate"),
        code=config["code"]["evaluate"],
    threads: config["threads"]["evaluate"]
    resources:
        **config["resources"]["evaluate"],
    shell:
        SETUP % "evaluate" + RUN + MAKES


rule heatmaps:
    message: "04_heatmaps {wildcards.target} model{wildcards.model}"
    input:
        DATA,
        NETWORK,
    output:
        HEATMAPS,
    log:
        notebook=f"notebooks/04_heatmaps.{EACH}.ipynb",
        text=f"logs/04_heatmaps.{EACH}.log",
    params:
        settings=settings("04_heatmaps"),
        code=config["code"]["heatmaps"],
    threads: config["threads"]["heatmaps"]
    resources:
        **config["resources"]["heatmaps"],
    shell:
        SETUP % "heatmaps" + RUN + ONE + MAKES


rule explore:
    message: "05_explore"
    input:
        METRICS,
        every(HEATMAPS),
    output:
        touch(EXPLORED),
    log:
        notebook="notebooks/05_explore.ipynb",
        text="logs/05_explore.log",
    params:
        settings=settings("05_explore"),
        code=config["code"]["explore"],
    threads: config["threads"]["explore"]
    resources:
        **config["resources"]["explore"],
    shell:
        SETUP % "explore" + RUN + " >> {log.text} 2>&1"


rule perturbation:
    message: "06_perturbation {wildcards.target} model{wildcards.model}"
    input:
        DATA,
        NETWORK,
    output:
        PERTURBATION,
    log:
        notebook=f"notebooks/06_perturbation.{EACH}.ipynb",
        text=f"logs/06_perturbation.{EACH}.log",
    params:
        settings=settings("06_perturbation"),
        code=config["code"]["perturbation"],
    threads: config["threads"]["perturbation"]
    resources:
        **config["resources"]["perturbation"],
    shell:
        SETUP % "perturbation" + RUN + ONE + MAKES


rule planted:
    message: "07_planted {wildcards.plant}"
    input:
        DATA,
    output:
        PLANTED,
        "planted/{plant}/model1/metrics.json",
        "planted/{plant}/model1/scores.csv",
    log:
        notebook="notebooks/07_planted.{plant}.ipynb",
        text="logs/07_planted.{plant}.log",
    params:
        settings=settings("07_planted"),
        code=config["code"]["planted"],
    threads: config["threads"]["planted"]
    resources:
        **config["resources"]["planted"],
    shell:
        SETUP % "planted" + RUN + " plant={wildcards.plant}" + MAKES


rule truth:
    message: "07_truth {wildcards.target} model{wildcards.model}"
    input:
        DATA,
        NETWORK,
        HEATMAPS,
        trainings,
        planted(PLANTED),
    output:
        TRUTH,
        "{target}/model{model}/effects.csv",
    log:
        notebook=f"notebooks/07_truth.{EACH}.ipynb",
        text=f"logs/07_truth.{EACH}.log",
    params:
        settings=settings("07_truth"),
        code=config["code"]["truth"],
    threads: config["threads"]["truth"]
    resources:
        **config["resources"]["truth"],
    shell:
        SETUP % "truth" + RUN + ONE + MAKES


rule review:
    message: "08_review"
    input:
        DATA,
        METRICS,
        every(PERTURBATION),
        every(TRUTH),
        planted(PLANTED),
    output:
        REVIEW,
    log:
        notebook="notebooks/08_review.ipynb",
        text="logs/08_review.log",
    params:
        settings=settings("08_review"),
        readings=config["readings"],
        code=config["code"]["review"],
    threads: config["threads"]["review"]
    resources:
        **config["resources"]["review"],
    shell:
        SETUP % "review" + RUN + MAKES


rule page:
    message: "page"
    input:
        METRICS,
        every(HEATMAPS),
        every(PERTURBATION),
        REVIEW,
    output:
        PAGE,
    log:
        text="logs/page.log",
    params:
        code=config["code"]["page"],
    threads: config["threads"]["page"]
    resources:
        **config["resources"]["page"],
    shell:
        SETUP % "page"
        + "exec python -P -c 'from ecghelpers.views.offline_page import build_site; build_site(\".\")' "
        ">> {log.text} 2>&1"
