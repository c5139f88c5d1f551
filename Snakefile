"""The analysis as rules: each runs one notebook with papermill, in the order that files demand.

Started by run_all.sh, in the results folder, with a configuration that ecghelpers.run.cli has
checked: ``profile`` ``targets`` ``models`` ``notebooks`` (parameter values by notebook and target),
``code`` (fingerprints), ``own_files`` and ``readings`` (digests of their listings), ``steps``, ``device``, ``run``,
``force``, ``partial``, ``threads``, ``resources``, ``setup``.
"""

import json
import os

from snakemake.logging import logger

from ecghelpers.checksums import note
from ecghelpers.run.events import report_events
from ecghelpers.run.parameter_files import EVERY_STEP

if workflow.is_main_process:
    report_events(logger)

# Files are known here by the notes that vouch for them (ecghelpers/checksums.py): Snakemake deletes
# outputs before it makes them anew, and what there is stays until something whole replaces it.
STEP = {step.rule: step for step in EVERY_STEP}
DATA, METRICS = note("data/medians.h5"), note("metrics.csv")
STRIPS = note("data/strips.h5")
NETWORK, HEATMAPS, PERTURBATION, TRUTH = (
    note("{target}/model{model}/" + name)
    for name in ("model.safetensors", "attributions.h5", "perturbation.h5", "truth.csv")
)
PLANTED = note("planted/{plant}/model1/attributions.h5")
REVIEW = [note("review.csv"), note("aopc.csv")]

EACH = "{target}.model{model}"
# A cluster's own commands before a step (the shell's -u breaks many of them), and then the step.
SETUP = "{{ set +u; {config[setup][%s]}\n}} > {log} 2>&1 && "
RUN = (
    "exec python -P -m ecghelpers.run.notebook --notebook {params.notebook} --device {config[device]} "
    "--run {config[run]} {config[force]} --code {params.code} --from {input} --set {params.settings:q}"
)
ONE = " target={wildcards.target} model={wildcards.model}"
MAKES = " --makes {output} >> {log} 2>&1"


def run_on(own):
    """RUN for a step that reads files of the user's own, as a parameter lists them."""
    return RUN.replace("{params.code}", "{params.code} {params.%s:q}" % own)


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


def makes(rule):
    """The notes of all that a rule makes."""
    return list(map(note, STEP[rule].files))


def results_of(rule):
    files = []
    for pattern in makes(rule):
        if "{plant}" in pattern:
            files += planted(pattern)
        else:
            files += every(pattern) if "{target}" in pattern else [pattern]
    return files


rule all:
    default_target: True
    input:
        [file for step in config["steps"] for file in results_of(step)],
    localrule: True


rule data:
    message: "01_data"
    output:
        makes("data"),
    log:
        "logs/01_data.log",
    params:
        notebook="notebooks/01_data.ipynb",
        settings=settings("01_data"),
        own_files=config["own_files"],
        code=config["code"]["data"],
    threads: config["threads"]["data"]
    resources:
        **config["resources"]["data"],
    shell:
        SETUP % "data" + run_on("own_files") + MAKES


rule train:
    message: "02_train {wildcards.target} model{wildcards.model}"
    input:
        DATA,
    output:
        makes("train"),
    log:
        f"logs/02_train.{EACH}.log",
    params:
        notebook=f"notebooks/02_train.{EACH}.ipynb",
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
        makes("evaluate"),
    log:
        "logs/03_evaluate.log",
    params:
        notebook="notebooks/03_evaluate.ipynb",
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
        makes("heatmaps"),
    log:
        f"logs/04_heatmaps.{EACH}.log",
    params:
        notebook=f"notebooks/04_heatmaps.{EACH}.ipynb",
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
        makes("explore"),
    log:
        "logs/05_explore.log",
    params:
        notebook="notebooks/05_explore.ipynb",
        settings=settings("05_explore"),
        code=config["code"]["explore"],
    threads: config["threads"]["explore"]
    resources:
        **config["resources"]["explore"],
    shell:
        SETUP % "explore" + RUN + MAKES


rule perturbation:
    message: "06_perturbation {wildcards.target} model{wildcards.model}"
    input:
        DATA,
        NETWORK,
    output:
        makes("perturbation"),
    log:
        f"logs/06_perturbation.{EACH}.log",
    params:
        notebook=f"notebooks/06_perturbation.{EACH}.ipynb",
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
        makes("planted"),
    log:
        "logs/07_planted.{plant}.log",
    params:
        notebook="notebooks/07_planted.{plant}.ipynb",
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
        makes("truth"),
    log:
        f"logs/07_truth.{EACH}.log",
    params:
        notebook=f"notebooks/07_truth.{EACH}.ipynb",
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
        makes("review"),
    log:
        "logs/08_review.log",
    params:
        notebook="notebooks/08_review.ipynb",
        settings=settings("08_review"),
        readings=config["readings"],
        code=config["code"]["review"],
    threads: config["threads"]["review"]
    resources:
        **config["resources"]["review"],
    shell:
        SETUP % "review" + run_on("readings") + MAKES


rule page:
    message: "page"
    input:
        STRIPS,
        METRICS,
        every(HEATMAPS),
        every(PERTURBATION),
        REVIEW,
    output:
        makes("page"),
    log:
        "logs/page.log",
    params:
        code=config["code"]["page"],
    threads: config["threads"]["page"]
    resources:
        **config["resources"]["page"],
    shell:
        SETUP % "page"
        + "exec python -P -c 'from pathlib import Path; from ecghelpers.checksums import record; "
        "from ecghelpers.views.offline_page import build_site; "
        'build_site("."); record(Path(), ["site"])'
        "' >> {log} 2>&1"
