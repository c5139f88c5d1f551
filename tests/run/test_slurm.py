"""--slurm on a real Slurm of our own: failures, signals, what is sent again, leftovers."""

import shutil
import subprocess

import pytest
import slurm
import toy
from ruamel.yaml import YAML

pytestmark = [pytest.mark.long, pytest.mark.slurm]

# A training that waits until it is told to stop, takes its time to save that, and ends at once the
# next time.
STOPPABLE = """
import signal
state = root / f"{target}.state"
def leave(*_):
    time.sleep(3)
    state.write_text(os.environ.get("WORD", ""))
    raise RuntimeError("saved the state")
if not state.exists():
    signal.signal(signal.SIGTERM, leave)
    (root / f"{target}.waits").write_text(os.environ["SLURM_JOB_ID"])
    time.sleep(200)
"""
# Before it: qt fails, after pr.
FAILS = """
if target == "qt":
    while not (root / "pr/model1/model.safetensors").exists():
        time.sleep(0.2)
    time.sleep(2)
    raise ValueError("no luck")
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running cluster of one node."""
    with slurm.cluster(tmp_path_factory.mktemp("slurm") / "cluster"):
        yield


def fit_to_cluster(project, **changes):
    """Fit the project's profile to the cluster of one node, with these changes."""
    path, yaml = project / "profiles" / "slurm" / "config.yaml", YAML(typ="safe")
    profile = yaml.load(path.read_text())
    for name in ("set-resources", "set-threads"):
        profile.pop(name, None)
    waits = ("seconds-between-status-checks", "slurm-init-seconds-before-status-checks")
    profile |= dict.fromkeys(waits, 1) | {"latency-wait": 5}
    yaml.dump(profile | {"default-resources": {"cpus_per_task": 1}} | changes, path)


@pytest.fixture
def project(cluster, project):
    """A small project with a profile for the cluster."""
    fit_to_cluster(project)
    return project


def _running_tasks() -> list[str]:
    command = ["squeue", "--noheader", "--states=RUNNING", "--format=%i"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


def test_a_failing_job_a_signal_and_only_what_is_missing_again(project):
    toy.write_notebook(project, "02_train", body=FAILS + STOPPABLE)
    run = toy.start(project, "--slurm", "--target", "qt,pr", "--only", "01,02,04")
    task = project / "results/quick/pr.waits"
    toy.wait_for(lambda: task.exists() and task.read_text(), 300)
    subprocess.run(["scancel", "--full", "--signal=TERM", task.read_text()], check=True)
    output, errors = run.communicate(timeout=600)
    assert run.returncode == 1
    (line,) = errors.splitlines()
    assert "02_train qt model1" in line and "ValueError: no luck" in line
    assert "02_train.qt.model1.failed.ipynb" in line
    results = project / "results" / "quick"
    assert (results / "pr.state").exists()
    assert (results / "pr/model1/attributions.h5").exists(), output
    assert not (results / "qt/model1/attributions.h5").exists()
    ran = toy.runs(project)
    assert ran.count("02_train pr 1") == 2
    assert ran.count("02_train qt 1") == 1, "an error that was raised is not tried again"

    toy.write_notebook(project, "02_train", body=STOPPABLE)
    plan = toy.run(project, "--slurm", "--target", "qt", "--only", "01,02", "--dry-run").stdout
    assert "02_train qt" in plan and "01_data" not in plan


def test_time_limit_and_requeueing_cost_nothing_and_jobs_have_their_setup(project):
    toy.write_notebook(project, "02_train", body=STOPPABLE)
    setup = "trap '' TERM USR1; export WORD='two words'"
    fit_to_cluster(project, **{"set-resources": {"train": {"runtime": 1}}, "precommand": setup})
    run = toy.start(project, "--slurm", "--target", "qt,pr", "--only", "01,02")
    results = project / "results" / "quick"
    toy.wait_for(lambda: len(list(results.glob("*.waits"))) == 2, 120)
    task, _ = _running_tasks()  # the other meets its time limit
    subprocess.run(["scontrol", "requeue", task], check=True)
    output, errors = run.communicate(timeout=300)
    assert run.returncode == 0, output + errors
    for target in ("qt", "pr"):
        assert (results / f"{target}.state").read_text() == "two words"
        times = [(results / f"{target}.{name}").stat().st_mtime for name in ("waits", "state")]
        assert times[1] - times[0] < 48, "told by Slurm at the limit itself, not before it"
        assert (results / target / "model1" / "model.safetensors").exists()
    assert sorted(toy.runs(project)) == ["01_data"] + ["02_train pr 1"] * 2 + ["02_train qt 1"] * 2


def test_what_a_killed_run_left_is_cancelled_and_a_small_batch_job_steers_the_next(project):
    toy.write_notebook(project, "01_data", body="time.sleep(200)")
    first = toy.start(project, "--slurm", "--target", "qt", "--only", "01")
    toy.wait_for(lambda: toy.runs(project), 120)
    left = set(_running_tasks())
    first.kill()
    first.communicate(timeout=120)
    toy.write_notebook(project, "01_data")
    wrapped = f"{project}/run_all.sh --slurm --target qt --only 01"
    command = ["sbatch", "--wait", "--cpus-per-task=1", "--mem=500", "--output=steer.log"]
    subprocess.run(
        [*command, f"--wrap={wrapped}"], cwd=project, env=toy.environment(), check=True, timeout=120
    )
    assert "01_data" in (project / "steer.log").read_text()
    assert (project / "results/quick/data/medians.h5").exists()
    assert not left & set(_running_tasks())

    toy.write_notebook(project, "02_train", body="time.sleep(200)")
    third = toy.start(project, "--slurm", "--target", "qt", "--only", "02")
    toy.wait_for(lambda: "02_train qt 1" in toy.runs(project), 120)
    third.terminate()  # as its own time limit would
    third.communicate(timeout=90)
    assert third.returncode != 0 and not _running_tasks()


def test_the_projects_own_notebooks_run_with_the_profile_smoke(cluster, tmp_path):
    """The whole pipeline as jobs, with the project's own profile but for its GPUs and memory."""
    skip = shutil.ignore_patterns(".*", "results", "tests", "docs", "__pycache__")
    project = shutil.copytree(toy.ROOT, tmp_path / "project", ignore=skip)
    fit_to_cluster(project, **{"default-resources": {"cpus_per_task": 1, "mem_mb": 4000}})
    done = toy.run(project, "--profile", "smoke", "--target", "qt", "--slurm", timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("review.csv", "site/index.html", "notebooks/05_explore.ipynb"):
        assert (project / "results" / "smoke" / name).is_file(), name
