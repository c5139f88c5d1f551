"""run_all.sh from outside: what runs, what is skipped, what is refused, what is said."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import toy

from ecghelpers.config import cores
from ecghelpers.data.medians import Block, write_medians
from ecghelpers.ecg import BEAT_SHAPE, TARGETS
from ecghelpers.run.report import Report

TWO = ("--target", "qt,pr")


@pytest.fixture
def whole(finished_project, tmp_path):
    """A copy of a project whose run is whole."""
    return shutil.copytree(finished_project, tmp_path / "project", symlinks=True)


def test_runs_each_step_once_and_says_where_to_look(finished_project, whole):
    results = whole / "results" / "quick"
    assert (results / "qt" / "model1" / "model.safetensors").read_text() == "2 0.003"
    assert (results / "notebooks" / "02_train.qt.model1.ipynb").exists()
    again = toy.run(whole, *TWO)
    assert again.returncode == 0
    assert toy.runs(whole) == []
    for part in ("site/index.html", "notebooks/", "metrics.csv", "review.csv"):
        assert f"results/quick/{part}" in again.stdout


def test_progress_tells_which_step_of_how_many_and_how_long(project):
    done = toy.run(project, "--target", "qt", "--only", "01,02")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["[1/2]", "01_data", "starts"]
    assert lines[3].startswith("[2/2] 02_train qt model1") and "done in" in lines[3]


def test_a_changed_parameter_runs_what_it_touches_and_no_more(whole):
    profile = whole / "parameters" / "quick.yaml"
    profile.write_text(profile.read_text() + "perturbation_steps: 9\n")
    plan = toy.run(whole, *TWO, "--dry-run").stdout
    [line] = [line for line in plan.splitlines() if line.startswith("06_perturbation qt model1  ")]
    assert "before: 'perturbation_steps=3' now: 'perturbation_steps=9'" in line
    assert toy.run(whole, *TWO).returncode == 0
    ran = ["06_perturbation pr 1", "06_perturbation qt 1", "08_review"]
    assert sorted(toy.runs(whole)) == ran
    assert (whole / "results/quick/qt/model1/perturbation.h5").read_text() == "9"


@pytest.mark.parametrize("name", ["review", "08", "8", "08_review"])
def test_new_ratings_run_the_review_again_and_nothing_else(whole, name):
    readings = whole / "results" / "quick" / "readings"
    readings.mkdir()
    (readings / "ratings-AB.csv").write_text("reader,time\n")
    plan = toy.run(whole, *TWO, "--only", name, "--dry-run").stdout
    assert "08_review" in plan and "before: '#readings=none' now: '#readings=1 files" in plan
    if name == "review":
        assert toy.run(whole, *TWO, "--only", name).returncode == 0
        assert toy.runs(whole) == ["08_review"]
        assert toy.run(whole, *TWO, "--only", name).returncode == 0
        assert toy.runs(whole) == []


def test_a_target_can_have_parameters_of_its_own(whole):
    (whole / "parameters" / "qt.yaml").write_text("epochs: 7\n")
    plan = toy.run(whole, *TWO, "--dry-run").stdout
    assert "02_train qt model1" in plan
    assert "02_train pr model1" not in plan


def test_code_that_a_step_uses_counts_and_comments_do_not(whole):
    notebook = whole / "notebooks" / "02_train.ipynb"
    toy.write_notebook(whole, "02_train", body="# nothing but a comment")
    assert "Nothing to do" in toy.run(whole, *TWO, "--dry-run").stdout
    toy.write_notebook(whole, "02_train", body="from ecghelpers import config")
    lines = toy.run(whole, *TWO, "--dry-run").stdout.splitlines()
    [line] = [line for line in lines if line.startswith("02_train qt model1 ")]
    assert re.search(r"before: '#code=\w+' now: '#code=\w+'$", line)
    assert json.loads(notebook.read_text())["nbformat"] == 4


def test_force_runs_the_chosen_steps_again(whole):
    assert toy.run(whole, *TWO, "--only", "04", "--force").returncode == 0
    assert sorted(toy.runs(whole)) == ["04_heatmaps pr 1", "04_heatmaps qt 1"]


def test_dry_run_changes_nothing(project):
    plan = toy.run(project, *TWO, "--dry-run")
    assert plan.returncode == 0
    assert "01_data" in plan.stdout and "16 to run" in plan.stdout
    assert not (project / "results").exists()


def test_dry_run_of_a_finished_folder_writes_nothing_into_it(whole):
    """Which may be one that only others can write."""
    results = whole / "results" / "quick"

    def times():
        return {path: path.lstat().st_mtime_ns for path in results.rglob("*")}

    before = times()
    assert toy.run(whole, *TWO, "--dry-run").returncode == 0
    assert times() == before


AT_ONCE = """
with (root / "threads.txt").open("a") as file:
    file.write(f"{os.environ['OMP_NUM_THREADS']} {time.time()} ")
time.sleep(1)
with (root / "threads.txt").open("a") as file:
    file.write(f"-{os.environ['OMP_NUM_THREADS']} {time.time()} ")
"""


@pytest.mark.parametrize("flags", [(), ("--jobs", "1"), ("--jobs", str(cores() + 1))])
def test_steps_beside_each_other_have_no_more_threads_than_cores(project, flags):
    for name in ("02_train", "04_heatmaps", "06_perturbation", "07_planted"):
        toy.write_notebook(project, name, body=AT_ONCE)
    assert toy.run(project, "--target", "qt", *flags).returncode == 0
    told = (project / "results/quick/threads.txt").read_text().split()
    changes = sorted(zip(map(float, told[1::2]), map(int, told[::2]), strict=True))
    running = np.cumsum([threads for _, threads in changes])
    most = max(cores(), int(flags[-1]) if flags else 0)  # so many steps as were asked for
    assert most // 2 < max(running) <= most and running[-1] == 0


def test_only_with_missing_inputs_names_them(project):
    refused = toy.run(project, "--target", "qt", "--only", "04")
    assert refused.returncode != 0
    assert "missing: data/medians.h5, qt/model1/model.safetensors" in refused.stderr
    assert toy.runs(project) == []


def test_a_failing_target_does_not_stop_the_others(project):
    toy.write_notebook(project, "02_train", body='if target == "qt": raise ValueError("no luck")')
    done = toy.run(project, *TWO)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "02_train qt model1" in last and "ValueError: no luck" in last
    assert "results/quick/notebooks/02_train.qt.model1.ipynb" in last
    results = project / "results" / "quick"
    assert "no luck" in (results / "notebooks" / "02_train.qt.model1.ipynb").read_text()
    assert (results / "metrics.csv").read_text() == "pr/model1/model.safetensors"
    assert (results / "site" / "index.html").exists()
    toy.runs(project)
    toy.write_notebook(project, "02_train")
    assert toy.run(project, *TWO).returncode == 0
    assert (results / "metrics.csv").read_text().split() == [
        "pr/model1/model.safetensors",
        "qt/model1/model.safetensors",
    ]
    assert "06_perturbation qt 1" in toy.runs(project)


def test_a_step_that_makes_nothing_has_failed(kernel_project):
    toy.write_notebook(
        kernel_project, "01_data", body="import sys; results = root = pathlib.Path('x')"
    )
    done = toy.run(kernel_project, *TWO)
    assert done.returncode == 1
    assert "without making data/medians.h5" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--profil", "quick"], "--profile"),
        (["--profile", "quik"], "quick"),
        (["--profile", "../quick"], "quick"),
        (["--profile", "qt"], "quick"),
        (["--target", "qtc"], "T_PeakAmpl_v5"),
        (["--target", ""], "--target"),
        (["--only", "09"], "08"),
        (["--jobs", "many"], "whole number"),
        (["--jobs", "0"], "1, 2"),
        (["--device", "tpu"], "cuda"),
    ],
)
def test_refuses_what_it_does_not_know_in_one_line(project, flags, named):
    (project / "parameters" / "qt.yaml").write_text("epochs: 7\n")
    refused = toy.run(project, *flags)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1
    assert named in refused.stderr
    assert not (project / "results").exists()


def test_the_second_run_in_a_folder_is_refused_with_its_owner_named(project):
    toy.write_notebook(project, "01_data", body="time.sleep(60)")
    first = toy.start(project, *TWO)
    try:
        toy.wait_for(lambda: toy.has_run(project, "01_data"))
        refused = toy.run(project, *TWO)
        assert refused.returncode == 2
        assert f"process {first.pid}" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        other = toy.run(project, *TWO, "--only", "01", "--results", "elsewhere", "--dry-run")
        assert other.returncode == 0
    finally:
        toy.kill(first)


def test_an_interrupted_run_leaves_nothing_running_and_goes_on(kernel_project):
    toy.write_notebook(kernel_project, "02_train", body="time.sleep(60)")
    first = toy.start(kernel_project, *TWO)
    toy.wait_for(lambda: toy.has_run(kernel_project, "02_train"), 120)  # two kernels start
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=30)
    assert first.returncode != 0
    assert "Stopping" in errors
    toy.runs(kernel_project)
    toy.write_notebook(kernel_project, "02_train")
    assert toy.run(kernel_project, *TWO).returncode == 0
    assert "01_data" not in toy.runs(kernel_project)


SAVES = """
import signal
def leave(*_):
    (root / "state").write_text("half")
    raise RuntimeError("saved")
signal.signal(signal.SIGTERM, leave)
(root / "waits").touch()
time.sleep(60)
"""


def test_ctrl_c_in_a_terminal_lets_steps_save_and_a_second_ends_them(kernel_project):
    toy.write_notebook(kernel_project, "02_train", body=SAVES)
    flags = ("--target", "qt", "--only", "01,02")
    run = toy.start(kernel_project, *flags, start_new_session=True)
    results = kernel_project / "results" / "quick"
    toy.wait_for((results / "waits").exists)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    _, errors = run.communicate(timeout=60)
    assert run.returncode != 0 and (results / "state").read_text() == "half", errors
    stubborn = SAVES.replace(
        "signal.signal(signal.SIGTERM, leave)", "signal.signal(15, signal.SIG_IGN)"
    )
    toy.write_notebook(kernel_project, "02_train", body=stubborn)
    (results / "waits").unlink()
    run = toy.start(kernel_project, *flags)
    toy.wait_for((results / "waits").exists)
    run.send_signal(signal.SIGTERM)
    time.sleep(1)
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=20)
    assert "Stopping at once" in errors


OWN = ("", ".", "notebooks", "parameters/x", "ecghelpers", ".git/x", "docs", "tests", "/", "a{b}")


@pytest.mark.parametrize("folder", OWN)
def test_results_never_go_into_the_project_itself(project, folder):
    before = (project / "notebooks" / "01_data.ipynb").read_bytes()
    done = toy.run(project, "--results", folder)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "--results" in done.stderr and "name a" in done.stderr
    assert (project / "notebooks" / "01_data.ipynb").read_bytes() == before


def test_a_closed_output_is_told_in_one_line(project):
    run = toy.start(project, *TWO)
    run.stdout.readline()
    run.stdout.close()  # as `| head -1` does
    errors = run.stderr.read()
    assert run.wait(60) == 2 and errors.splitlines() == [errors.strip()]
    assert "the output was closed" in errors
    assert toy.run(project, *TWO).returncode == 0


def test_an_output_that_cannot_be_written_is_told_in_one_line(project):
    with open("/dev/full", "w") as full:
        command = ["bash", project / "run_all.sh", "--only", "01", "--dry-run"]
        done = subprocess.run(command, stdout=full, stderr=-1, env=toy.environment(), text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "the output cannot be written: No space left on device" in done.stderr


def test_a_failure_is_not_told_with_an_older_log(tmp_path):
    log = tmp_path / "logs" / "02_train.qt.model1.log"
    log.parent.mkdir()
    log.write_text("took 21 s, 18 s of CPU time")
    os.utime(log, (1e9, 1e9))
    report = Report(tmp_path)
    report.take({"event": "start", "job": 1, "label": "02_train qt model1"})
    report.take(
        {"event": "message", "text": "sbatch failed. The error message was 'no\nsuch thing'."}
    )
    report.take({"event": "error", "job": 1, "logs": ["logs/02_train.qt.model1.log"]})
    [line] = report.failures()
    assert "it did not start: no such thing" in line and "snakemake.log" in line
    log.write_text("[IPKernelApp] WARNING | Kernel is running over TCP\n")
    assert "it was killed" in report.failures()[0]


def users_own(folder: Path) -> dict[str, str]:
    """Environment variables of settings and modules of the user's own, each of which would fail."""
    startup, settings, path = (folder / name for name in ("home/.ipython", "home/.config", "path"))
    kernel = folder / "home/.local/share/jupyter/kernels/python3/kernel.json"
    for file, text in {
        kernel: '{"argv": ["false"], "display_name": "x", "language": "python"}',
        startup / "profile_default/startup/00.py": "raise RuntimeError",
        startup / "profile_default/ipython_config.py": "raise RuntimeError",
        settings / "matplotlib/matplotlibrc": "backend: nonsense",
        settings / "snakemake/default/config.yaml": "dry-run: true",
        path / "numpy.py": "raise SystemExit('imported')",
    }.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return {"HOME": str(folder / "home"), "PYTHONPATH": f":{path}"}


def long_temporary_folder(folder: Path) -> dict[str, str]:
    """TMPDIR with more characters than the path of a socket may have."""
    deep = folder / ("temporary " * 20)
    deep.mkdir(parents=True)
    return {"TMPDIR": str(deep)}


NONSENSE = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TQDM_MININTERVAL", "COLUMNS", "PYTHONHASHSEED")
NONSENSE += ("PYTHONWARNINGS", "PYTHONHOME", "TZ", "CUDA_VISIBLE_DEVICES", "XDG_CACHE_HOME")
ENVIRONMENTS = {
    "the user's own": users_own,
    "nonsense": lambda folder: dict.fromkeys(NONSENSE, "error") | {"PYTHONOPTIMIZE": "2"},
    "a long temporary folder": long_temporary_folder,
    "nothing can be written": lambda folder: dict.fromkeys(("HOME", "TMPDIR"), "/proc"),
}


NO_PORT_TO_LOSE = """
import ipykernel
assert ipykernel.get_connection_info(unpack=True)["transport"] == "ipc"
"""


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_no_environment_is_an_obstacle(kernel_project, tmp_path, kind):
    odd = kernel_project.rename(tmp_path / "Größe ü'2")
    flags = ("--target", "qt", "--only", "01", "--results", "mine é 1")
    toy.write_notebook(odd, "01_data", body=f"import numpy, matplotlib.pyplot\n{NO_PORT_TO_LOSE}")
    done = toy.run(odd, *flags, LC_ALL="C", **ENVIRONMENTS[kind](tmp_path))
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert (odd / "mine é 1/data/medians.h5").exists()


def test_it_is_found_by_a_link_and_whatever_the_shell_searches(project, tmp_path):
    (tmp_path / "link.sh").symlink_to(project / "run_all.sh")
    for script in (f"{project.name}/run_all.sh", tmp_path / "link.sh"):
        command, place = ["bash", script, "--dry-run", "--only", "01"], toy.environment(CDPATH=".")
        done = subprocess.run(
            command, cwd=project.parent, env=place, capture_output=True, text=True
        )
        assert done.returncode == 0 and "01_data" in done.stdout, done.stderr


def test_own_data_that_is_not_there_is_refused(project):
    profile = project / "parameters" / "quick.yaml"
    profile.write_text(profile.read_text() + "source_path: nowhere/at_all\n")
    refused = toy.run(project)
    assert refused.returncode == 2
    assert "nowhere/at_all" in refused.stderr


def own_records(project, folder, source="wfdb"):
    """Let the small project read records of one's own: two files, one in a subfolder."""
    (folder / "deep").mkdir(parents=True)
    for name in ("a.hea", "deep/b.hea"):
        (folder / name).write_text(name)
    profile = project / "parameters" / "quick.yaml"
    kept = profile.read_text().partition("source:")[0]
    profile.write_text(f"{kept}source: {source}\nsource_path: {folder}\n")


def test_any_change_among_own_files_is_noticed(project, tmp_path):
    own_records(project, tmp_path / "ecgs")
    changes = {
        "nothing": lambda folder: None,
        "added": lambda folder: (folder / "deep" / "c.hea").write_text("c"),
        "written": lambda folder: (folder / "deep" / "b.hea").write_text("B"),
        "removed": lambda folder: (folder / "deep" / "c.hea").unlink(),
        "hidden": lambda folder: (folder / ".DS_Store").write_text("seen by a Mac"),
    }
    toy.run(project, "--only", "01")
    toy.runs(project)
    noticed = []
    for name, change in changes.items():
        change(tmp_path / "ecgs")
        assert toy.run(project, "--only", "01").returncode == 0
        noticed += [name] * len(toy.runs(project))
    assert noticed == ["added", "written", "removed"]
    (tmp_path / "ecgs" / "d.hea").write_text("d")
    told = toy.run(project, "--only", "01", "--dry-run").stdout
    assert "before: '#source_path holds=2 files" in told and "now: '#source_path holds=3" in told


def test_targets_that_no_record_has_are_left_out_unless_they_are_named(project, tmp_path):
    own_records(project, tmp_path / "ecgs")
    known = np.where([name in ("qt", "qrs") for name in TARGETS], 1.0, np.nan)
    arrays = (np.zeros((2, *BEAT_SHAPE), np.int16), np.tile(known, (2, 1)), np.full((2, 6), np.nan))
    write_medians(tmp_path / "medians.h5", iter([Block(["a", "b"], *arrays)]), 2, source="wfdb")
    notebook = project / "notebooks" / "01_data.ipynb"
    cells = json.loads(notebook.read_text())
    copied = f"import shutil; shutil.copy({str(tmp_path / 'medians.h5')!r}, root / 'data')"
    cells["cells"][-1]["source"] += copied
    notebook.write_text(json.dumps(cells))
    for flags in ((), ("--force",)):
        done = toy.run(project, *flags)
        assert done.returncode == 0 and not done.stderr
        assert "left out: VentRate, pr, STJ_v5" in done.stdout
        ran = toy.runs(project)
        assert ran.count("01_data") == 1
        assert {name.split()[1] for name in ran if name.startswith("02")} == {"qt", "qrs"}
    assert "Nothing to do" in toy.run(project, "--dry-run").stdout
    toy.run(project, "--only", "02")
    assert toy.runs(project) == []
    toy.run(project, "--only", "02", "--target", "pr,qt")
    assert [name.split()[1] for name in toy.runs(project)] == ["pr"]


def test_results_inside_the_own_records_are_refused(project, tmp_path):
    own_records(project, tmp_path / "ecgs")
    refused = toy.run(project, "--results", str(tmp_path / "ecgs" / "results"))
    assert refused.returncode == 2 and "lies inside source_path" in refused.stderr
    profile = project / "parameters" / "quick.yaml"
    profile.write_text(profile.read_text().replace(str(tmp_path / "ecgs"), "/"))
    refused = toy.run(project, "--results", str(tmp_path / "results"))
    assert refused.returncode == 2 and "the project itself lies in it" in refused.stderr


def test_records_of_another_source_do_not_come_beside_networks(finished_project, tmp_path):
    project = shutil.copytree(finished_project, tmp_path / "project", symlinks=True)
    own_records(project, tmp_path / "ecgs")
    before = (project / "results/quick/data/medians.h5").read_bytes()
    for flags in (("--target", "qt"), ("--target", "qt,pr", "--only", "01,03")):
        refused = toy.run(project, *flags)
        assert refused.returncode == 2 and toy.runs(project) == []
        assert "holds networks of other records" in refused.stderr and "pr model1" in refused.stderr
        assert "source 'wfdb' (was 'gan')" in refused.stderr and refused.stderr.count("\n") == 1
    assert (project / "results/quick/data/medians.h5").read_bytes() == before
    assert toy.run(project, "--target", "qt,pr", "--dry-run").returncode == 0


def test_help_shows_flags_with_examples(project):
    shown = toy.run(project, "--help").stdout
    for flag in ("--profile", "--target", "--only", "--results", "--jobs", "--device", "--force"):
        assert flag in shown
    assert "./run_all.sh --only 04,06 --force" in shown


def test_nothing_of_the_folder_it_is_called_from_takes_part(project, tmp_path):
    """No module of that folder, and no Snakemake profile of the user's own."""
    (tmp_path / "yaml.py").write_text("raise SystemExit('imported')")
    done = subprocess.run(
        ["bash", project / "run_all.sh", "--dry-run"],
        cwd=tmp_path,
        env=toy.environment(SNAKEMAKE_PROFILE="/nowhere"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "imported" not in done.stderr + done.stdout
    assert "01_data" in done.stdout
