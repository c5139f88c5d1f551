"""--slurm on a real Slurm of our own: failures, signals, what is sent again, leftovers."""

import re
import shutil
import subprocess

import pytest
import slurm
import toy

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing() or "a Slurm can be started"),
]

# pr waits until it is told to stop, takes its time to save that, and ends at once the next time; qt
# fails after it.
STOPPABLE = """
import signal
state = root / f"{target}.state"
def leave(*_):
    time.sleep(3)
    state.write_text("half")
    raise RuntimeError("saved the state")
if target == "pr" and not state.exists():
    signal.signal(signal.SIGTERM, leave)
    (root / "waits").write_text(os.environ["SLURM_JOB_ID"])
    time.sleep(200)
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


def _queue(*columns: str) -> list[str]:
    command = ["squeue", "--noheader", "--states=all", f"--format={' '.join(columns)}"]
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def _running_tasks() -> list[str]:
    rows = [row.split() for row in _queue("%i", "%T")]
    return [job for job, state in rows if state == "RUNNING"]


def test_a_failing_job_a_signal_and_only_what_is_missing_again(cluster, kernel_project):
    project = kernel_project
    toy.write_notebook(project, "02_train", body=STOPPABLE)
    run = toy.start(project, "--slurm", "--target", "qt,pr", "--only", "01,02,04")
    task = project / "results/quick/waits"
    toy.wait_for(lambda: task.exists() and task.read_text(), 300)
    subprocess.run(["scancel", "--full", "--signal=TERM", task.read_text()], check=True)
    output, errors = run.communicate(timeout=600)
    assert run.returncode == 1
    last = errors.splitlines()[-1]
    assert "02_train qt model1: ValueError: no luck" in last and "02_train.qt.model1.ipynb" in last
    results = project / "results" / "quick"
    assert (results / "pr.state").exists()
    assert (results / "pr/model1/attributions.h5").exists(), output
    assert not (results / "qt/model1/attributions.h5").exists()
    ran = toy.runs(project)
    assert ran.count("02_train pr 1") == 2
    assert ran.count("02_train qt 1") == 1, "an error that was raised is not tried again"

    toy.write_notebook(project, "02_train", body=STOPPABLE.replace("raise ValueError", "print"))
    plan = toy.run(project, "--slurm", "--target", "qt", "--only", "01,02", "--dry-run").stdout
    assert "02_train qt" in plan and "01_data" not in plan


# A training that leaves a mark when it is told to stop, and ends at once when it finds the mark.
GOES_ON = """
import signal
state = root / f"{target}.state"
def leave(*_):
    time.sleep(3)
    state.write_text(os.environ["WORD"])
    raise RuntimeError("saved the state")
if not state.exists():
    signal.signal(signal.SIGTERM, leave)
    (root / f"{target}.waits").touch()
    time.sleep(200)
"""


def test_time_limit_and_requeueing_cost_nothing_and_each_step_has_its_setup(
    cluster, kernel_project
):
    project = kernel_project
    toy.write_notebook(project, "02_train", body=GOES_ON)
    own = """train: {minutes: 1, setup: 'export WORD="two $((1 + 1)) words"; echo "set up"'}\n"""
    (project / "parameters" / "slurm.yaml").write_text(toy.SLURM + own)
    run = toy.start(project, "--slurm", "--target", "qt,pr", "--only", "01,02")
    results = project / "results" / "quick"
    toy.wait_for(lambda: len(list(results.glob("*.waits"))) == 2, 120)
    task, _ = _running_tasks()  # the other meets its time limit
    subprocess.run(["scontrol", "requeue", task], check=True)
    output, errors = run.communicate(timeout=300)
    assert run.returncode == 0, output + errors
    for target in ("qt", "pr"):
        assert (results / f"{target}.state").read_text() == "two 2 words"
        times = [(results / f"{target}.{name}").stat().st_mtime for name in ("waits", "state")]
        assert times[1] - times[0] < 48, "told by Slurm at the limit itself, not before it"
        assert (results / target / "model1" / "model.safetensors").exists()
        assert "set up" in (results / f"logs/02_train.{target}.model1.log").read_text()
    assert sorted(toy.runs(project)) == ["01_data"] + ["02_train pr 1"] * 2 + ["02_train qt 1"] * 2


def test_what_a_killed_run_left_is_cancelled_and_a_small_batch_job_steers_the_next(
    cluster, project
):
    toy.write_notebook(project, "01_data", body="time.sleep(200)")
    first = toy.start(project, "--slurm", "--target", "qt", "--only", "01")
    toy.wait_for(lambda: toy.has_run(project, "01_data"), 120)
    left = set(_running_tasks())
    toy.kill(first)
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
    toy.wait_for(lambda: toy.has_run(project, "02_train"), 120)
    third.terminate()  # as its own time limit would
    third.communicate(timeout=90)
    assert third.returncode != 0 and not _running_tasks()


def test_smoke_through_to_the_end_report(cluster, tmp_path):
    skip = shutil.ignore_patterns(".*", "results", "output", "__pycache__")
    project = shutil.copytree(toy.ROOT, tmp_path / "project", ignore=skip)
    asked = project / "parameters" / "slurm.yaml"
    asked.write_text(re.sub(r"check_seconds: \d+", "check_seconds: 2", asked.read_text()))
    flags = ["--slurm", "--profile", "smoke", "--target", "qt,pr"]
    done = toy.run(project, *flags, "--resources", "cpus=1,memory_gb=2,gres=", timeout=900)
    assert done.returncode == 0, done.stderr
    results = project / "results" / "smoke"
    assert (results / "site" / "index.html").exists()
    assert "metrics.csv" in done.stdout and "review.csv" in done.stdout
    for target in ("qt", "pr"):
        assert (results / target / "model1" / "perturbation.h5").exists()
