"""The analysis: one rule per notebook.

./run_all.sh calls Snakemake with this file. It also works alone, from the project's folder:

    snakemake --cores 2 --config profile=smoke target=qt,pr

Paths are relative to the results folder, results/<profile>. Outputs are flagged ``update``: they
stay where they are while a rule runs, and Snakemake restores them when it fails. A rule runs again
when its inputs change or anything in its ``params``: parameters, and a digest of the notebook and
the code that it imports.
"""

from snakemake.logging import logger

from ecghelpers.run import progress
from ecghelpers.run.workflow import Workflow, page_code

run = Workflow(config)
NETWORK = "{target}/model{model}/"
KINDS = ["level", "contrast", "interval", "shortcut", "decoy"]  # of known readouts
NOTEBOOK = (
    "exec python -P -m ecghelpers.run.notebook --notebook {output.notebook} "
    f"--device {run.device} --set {{params:q}} --makes {{output}} > {{log}} 2>&1"
)
PAGE = 'exec python -P -m ecghelpers.views.offline_page "$PWD" > {log} 2>&1'
if config.get("progress") and workflow.is_main_process:
    logger.addHandler(progress.Progress(workflow.output_settings.dryrun))


workdir: run.results
wildcard_constraints: target=r"\w+", model=r"\d+"


def every_network(file, of=None):
    """A file of each network of this run, or of one target's."""
    return [f"{target}/model{k}/{file}" for target, k in run.networks if of in (None, target)]


rule data:
    output:
        medians=update("data/medians.h5"),
        strips=update("data/strips.h5"),
        rejected=update("data/rejected.csv"),
        events=update("data/events.csv"),
        notebook=update("notebooks/01_data.ipynb"),
    log: "logs/01_data.log"
    params: *run.settings("01_data"), run.own_files
    resources: mem_mb=16_000, runtime=240
    shell: NOTEBOOK


rule train:
    input: medians="data/medians.h5"
    output:
        network=update(NETWORK + "model.safetensors"),
        training=update(NETWORK + "training.json"),
        metrics=update(NETWORK + "metrics.json"),
        notebook=update("notebooks/02_train.{target}.model{model}.ipynb"),
    log: "logs/02_train.{target}.model{model}.log"
    params: *run.settings("02_train")
    priority: 1  # the longest chains start first, so that no core waits at the end
    resources: mem_mb=12_000, runtime=240
    shell: NOTEBOOK


rule evaluate:
    input:
        medians="data/medians.h5",
        networks=every_network("model.safetensors"),
        metrics=every_network("metrics.json"),
    output:
        metrics=update("metrics.csv"),
        notebook=update("notebooks/03_evaluate.ipynb"),
    log: "logs/03_evaluate.log"
    params: *run.settings("03_evaluate")
    resources: mem_mb=16_000, runtime=480
    shell: NOTEBOOK


rule heatmaps:
    input:
        medians="data/medians.h5",
        events="data/events.csv",
        network=NETWORK + "model.safetensors",
    output:
        attributions=update(NETWORK + "attributions.h5"),
        heatmap=update(NETWORK + "figures/heatmap.png"),
        methods=update(NETWORK + "figures/methods.png"),
        notebook=update("notebooks/04_heatmaps.{target}.model{model}.ipynb"),
    log: "logs/04_heatmaps.{target}.model{model}.log"
    params: *run.settings("04_heatmaps", draws=True)
    priority: 2  # so that the first maps can be seen before every network is trained
    shell: NOTEBOOK


rule explore:
    input:
        metrics="metrics.csv",
        attributions=every_network("attributions.h5"),
    output: notebook=update("notebooks/05_explore.ipynb")
    log: "logs/05_explore.log"
    params: *run.settings("05_explore", draws=True)
    shell: NOTEBOOK


rule perturbation:
    input:
        medians="data/medians.h5",
        network=NETWORK + "model.safetensors",
        attributions=NETWORK + "attributions.h5",
    output:
        perturbation=update(NETWORK + "perturbation.h5"),
        intervention=update(NETWORK + "intervention.h5"),
        interventions=update(NETWORK + "figures/interventions.png"),
        curves=update(NETWORK + "figures/perturbation.png"),
        notebook=update("notebooks/06_perturbation.{target}.model{model}.ipynb"),
    log: "logs/06_perturbation.{target}.model{model}.log"
    params: *run.settings("06_perturbation")
    resources: runtime=600
    shell: NOTEBOOK


rule known_readouts:
    input: medians="data/medians.h5"
    output:
        scores=update("planted/scores.csv"),
        attributions=update(expand("planted/{kind}/model1/attributions.h5", kind=KINDS)),
        notebook=update("notebooks/07_known_readouts.ipynb"),
    log: "logs/07_known_readouts.log"
    params: *run.settings("07_known_readouts")
    priority: 1  # as for train
    resources: runtime=1440
    shell: NOTEBOOK


rule network_truth:
    input:
        medians="data/medians.h5",
        network=NETWORK + "model.safetensors",
        intervention=NETWORK + "intervention.h5",
        attributions=lambda wildcards: every_network("attributions.h5", wildcards.target),
    output:
        truth=update(NETWORK + "truth.csv"),
        effects=update(NETWORK + "effects.csv"),
        notebook=update("notebooks/08_network_truth.{target}.model{model}.ipynb"),
    log: "logs/08_network_truth.{target}.model{model}.log"
    params: *run.settings("08_network_truth")
    resources: runtime=240
    shell: NOTEBOOK


rule review:
    input:
        medians="data/medians.h5",
        metrics="metrics.csv",
        perturbation=every_network("perturbation.h5"),
        truth=every_network("truth.csv"),
        known="planted/scores.csv",
    output:
        review=update("review.csv"),
        figure=update("review.png"),
        aopc=update("aopc.csv"),
        notebook=update("notebooks/09_review.ipynb"),
    log: "logs/09_review.log"
    params: *run.settings("09_review", draws=True), run.readings
    shell: NOTEBOOK


rule first_page:
    """A page of the first maps, to look at until the page of everything replaces it."""
    input: attributions=f"{run.first}/model1/attributions.h5"
    output: touch("logs/first_page.done")
    log: "logs/first_page.log"
    shell: PAGE


rule page:
    input:
        strips="data/strips.h5",
        metrics="metrics.csv",
        tables=["review.csv", "aopc.csv"],
        attributions=every_network("attributions.h5"),
        perturbation=every_network("perturbation.h5"),
        intervention=every_network("intervention.h5"),
    output: page=update("site/index.html")
    log: "logs/page.log"
    params: page_code()
    shell: PAGE


rule all:
    """The first file that each step of this run makes, for every network."""
    default_target: True
    input:
        [
            str(file.apply_wildcards({"target": target, "model": model}))
            for step in workflow.rules if run.makes(step.name)
            for file in step.output[:1]
            for target, model in run.networks
        ],
