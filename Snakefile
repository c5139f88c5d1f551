"""The analysis as rules: each step of ecghelpers/run/steps.py runs one notebook with papermill, in
the order that files demand.

Started by run_all.sh, in the results folder, with a configuration that ecghelpers.run.plan has
checked: ``targets`` ``models`` ``plants``, ``notebooks`` (parameter values by notebook and target),
``noticed`` (by rule: digests of its code and of what is read from elsewhere), ``steps``, ``device``,
``run``, ``force``, ``partial``, ``threads``, ``resources``.
"""

import json
import os

from snakemake.logging import logger

from ecghelpers.checksums import note
from ecghelpers.run.events import report_events
from ecghelpers.run.steps import STEPS, WITH_NOTEBOOK, each, read_by

if workflow.is_main_process:
    report_events(logger)

# Files are known here by the notes that vouch for them (ecghelpers/checksums.py): Snakemake deletes
# outputs before it makes them anew, and what there is stays until something whole replaces it.
EVERY = {
    "target": config["targets"],
    "model": range(1, config["models"] + 1),
    "plant": config["plants"],
}
# Snakemake looks RUN up when it runs a rule, so that all rules share it. First come a cluster's own
# commands before a step (the shell's -u breaks many of them).
SETUP = "{{ set +u; {resources.setup}\n}} > {log} 2>&1 && "
RUN = (
    SETUP + "exec python -P -m ecghelpers.run.notebook --notebook {output.notebook} "
    "--device {config[device]} --run {config[run]} {config[force]} --from {input} --set {params:q} "
    "--makes {output} >> {log} 2>&1"
)


wildcard_constraints:
    plant="[a-z_]+",
    target="[A-Za-z0-9_]+",
    model="[0-9]+",


def there(file):
    """Whether a file of one among several networks can be read; when some steps have failed."""
    return not config["partial"] or os.path.exists(note(file))


def reads(step):
    """The notes of what a step reads."""

    def of(wildcards):
        own = {name: wildcards[name] for name in step.of}
        return list(map(note, read_by(step, EVERY, own, there)))

    return of


def setting(step, key):
    """A parameter of the notebook: a change in it runs the rule again, and is told as its reason."""

    def of(wildcards):
        values = config["notebooks"][step.notebook][wildcards.get("target", "")]
        return f"{key}={json.dumps(values[key])}"

    return of


def settings(step):
    """All that decides what a step makes besides its input; what begins with # is no parameter."""
    parameters = sorted(config["notebooks"][step.notebook][""])
    own = [f"{name}={{{name}}}" for name in step.of]
    return [
        *(setting(step, key) for key in parameters),
        *own,
        *config["noticed"][step.rule],
    ]


rule all:
    default_target: True
    input:
        [
            note(file)
            for step in STEPS
            if step.rule in config["steps"]
            for file in each(step.files, EVERY)
        ],
    localrule: True


for step in WITH_NOTEBOOK:

    rule:
        name:
            step.rule
        message:
            step.label.replace("{", "{wildcards.")
        input:
            reads(step),
        output:
            *map(note, step.files[:-1]),
            notebook=note(step.files[-1]),
        log:
            f"logs/{step.stem}.log",
        benchmark:
            f"logs/{step.stem}.tsv"
        params:
            *settings(step),
        threads: config["threads"][step.rule]
        resources:
            **config["resources"][step.rule],
        shell:
            RUN


rule page:
    message:
        "page"
    input:
        reads(STEPS[-1]),
    output:
        note("site"),
    log:
        "logs/page.log",
    params:
        config["noticed"]["page"],
    threads: config["threads"]["page"]
    resources:
        **config["resources"]["page"],
    shell:
        SETUP
        + "exec python -P -c 'from pathlib import Path; from ecghelpers.checksums import record; "
        "from ecghelpers.views.offline_page import build_site; "
        'build_site("."); record(Path(), ["site"])'
        "' >> {log} 2>&1"
