"""run_all.sh from outside: what runs, what is skipped or refused, and what a failure costs."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
import toy

from ecghelpers.ecg import TARGETS
from ecghelpers.parameters import PROFILE

QT = ("--target", "qt")
NETWORK = Path("results/quick/qt/model1")


@pytest.fixture
def whole(finished_project, tmp_path):
    """A copy of a project whose run is complete; its times are those of the copy."""
    return shutil.copytree(finished_project, tmp_path / "project", symlinks=True)


def planned(project, *flags):
    """The steps that a dry run names, with their reasons."""
    done = toy.run(project, *QT, *flags, "--dry-run")
    assert done.returncode == 0, done.stderr
    lines = [line.partition("  ") for line in done.stdout.splitlines()[:-1]]
    return {step.strip(): why.strip() for step, _, why in lines}


def content(project, file):
    return (project / NETWORK / file).read_text()


def one_line(done, status=2):
    """The one line of a refusal or failure."""
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_copy_of_a_complete_run_has_nothing_to_do_and_says_where_to_look(whole):
    """A copy has other times: a step whose inputs are the same does not run again."""
    files = sorted(path for path in (whole / "results").rglob("*") if path.is_file())
    for number, path in enumerate(files[::-1]):
        os.utime(path, (1.9e9 + number, 1.9e9 + number))
    (whole / "notebooks" / "Untitled.ipynb").write_text("{}")  # a user's own
    done = toy.run(whole, *QT)
    assert done.returncode == 0 and toy.runs(whole) == []
    for part in ("site/index.html", "notebooks/", "metrics.csv", "review.csv"):
        assert f"results/quick/{part}" in done.stdout


@pytest.mark.parametrize("flags", [(), ("--slurm",)])
def test_a_dry_run_lists_everything_and_makes_nothing(project, flags):
    plan = planned(project, *flags)
    assert {"01_data", "02_train qt model1", "03_evaluate", "page"} <= set(plan)
    assert not (project / "results").exists()


def test_a_changed_parameter_runs_what_depends_on_it_and_no_more(whole):
    (whole / "parameters" / "quick.yaml").write_text("epochs: 2\nperturbation_steps: 9\n")
    plan = planned(whole)
    assert "02_train qt model1" not in plan and "04_heatmaps qt model1" not in plan
    reason = plan["06_perturbation qt model1"]
    before = PROFILE["perturbation_steps"].default
    assert f"perturbation_steps={before}'" in reason and "perturbation_steps=9'" in reason
    assert toy.run(whole, *QT, "--only", "06").returncode == 0
    assert toy.runs(whole) == ["06_perturbation qt 1"]
    assert '"perturbation_steps": 9' in content(whole, "perturbation.h5")
    (whole / "parameters" / "qt.yaml").write_text("heatmap_records: 3\n")
    assert "04_heatmaps qt model1" in planned(whole)


def test_changed_code_runs_the_steps_that_import_it(whole):
    body = "from ecghelpers import attribution"
    toy.write_notebook(whole, "06_perturbation", body=body)
    assert toy.run(whole, *QT, "--only", "06").returncode == 0
    for module, runs in (("views/heatmap", False), ("attribution/methods", True)):
        with (whole / f"ecghelpers/{module}.py").open("a") as file:
            file.write("\nUNUSED = 1\n")
        assert ("06_perturbation qt model1" in planned(whole, "--only", "06")) == runs
    assert "page" in planned(whole)  # which heatmap draws


def test_new_ratings_run_the_review_again_and_force_any_step(whole):
    (whole / "results/quick/readings").mkdir()
    (whole / "results/quick/readings/ratings-AB.csv").write_text("reader,time\n")
    (step,) = planned(whole, "--only", "review")
    assert step.endswith("review")
    assert toy.run(whole, *QT, "--only", "4", "--force").returncode == 0
    assert toy.runs(whole) == ["04_heatmaps qt 1"]


def test_a_failed_step_is_named_in_one_line_and_costs_nothing(whole):
    before = content(whole, "model.safetensors")
    (whole / "parameters" / "quick.yaml").write_text("epochs: 3\n")
    spoils = "(root / target / 'model1' / 'model.safetensors').write_text('half')\n"
    toy.write_notebook(whole, "02_train", body=spoils + "raise ValueError('no luck')")
    line = one_line(toy.run(whole, *QT), 1)
    assert line.startswith("failed: 02_train qt model1: ValueError: no luck")
    failed = re.search(r"\((.*)\)$", line)[1]
    assert "no luck" in (whole / failed).read_text() and failed.endswith(".failed.ipynb")
    assert content(whole, "model.safetensors") == before, "what there was is lost"
    executed = whole / "results/quick/notebooks/02_train.qt.model1.ipynb"
    assert "no luck" not in executed.read_text()
    toy.runs(whole)
    toy.write_notebook(whole, "02_train")
    assert toy.run(whole, *QT, "--only", "02").returncode == 0
    assert toy.runs(whole) == ["02_train qt 1"] and not (whole / failed).exists()
    assert '"epochs": 3' in content(whole, "model.safetensors")


def test_a_failing_target_is_left_out_of_the_summaries(project):
    toy.write_notebook(project, "04_heatmaps", body='assert target != "qt", "no luck"')
    done = toy.run(project, "--target", "qt,pr")
    assert done.returncode == 1
    failed, left_out = done.stderr.splitlines()
    assert failed.startswith("failed: 04_heatmaps qt model1") and "no luck" in failed
    assert "qt" in left_out and "pr" not in left_out
    for made in ("metrics.csv", "review.csv", "site/index.html", "notebooks/05_explore.ipynb"):
        assert (project / "results/quick" / made).exists(), made
    ran = toy.runs(project)
    assert ran.count("04_heatmaps pr 1") == 1 and "06_perturbation qt 1" not in ran
    toy.write_notebook(project, "04_heatmaps")
    assert toy.run(project, "--target", "qt,pr").returncode == 0
    assert {"04_heatmaps qt 1", "03_evaluate", "09_review"} <= set(toy.runs(project))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys; results = root = pathlib.Path('/tmp')", "without making data/medians.h5"),
        ("os.kill(os.getpid(), 9)", "the kernel died"),
    ],
)
def test_a_step_without_results_has_failed(project, body, said):
    toy.write_notebook(project, "01_data", body=body)
    assert said in one_line(toy.run(project, *QT, "--only", "01"), 1)


def test_missing_inputs_a_file_for_a_folder_and_a_notebook_without_parameters_are_named(project):
    line = one_line(toy.run(project, *QT, "--only", "04"), 1)
    assert line.startswith("missing: ")
    assert "data/medians.h5" in line and "qt/model1/model.safetensors" in line
    shutil.rmtree(project / "results")
    (project / "results").write_text("not a folder")
    assert "results" in one_line(toy.run(project, *QT))
    toy.write_notebook(project, "03_evaluate", tags=())
    assert "03_evaluate.ipynb" in one_line(toy.run(project, *QT))
    assert (project / "results").read_text() == "not a folder"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--profile", "quik"], "quick"),
        (["--profile", "../quick"], "quick"),
        (["--target", "qtc"], "T_PeakAmpl_v5"),
        (["--only", "99"], "01_data"),
        (["--jobs", "0"], "from 1"),
        (["--device", "cuda"], "cuda"),
        *((["--results", f], "--results") for f in (".", "docs/x", "a{b}")),
    ],
)
def test_impossible_flags_are_refused(project, flags, named):
    assert named in one_line(toy.run(project, *flags, CUDA_VISIBLE_DEVICES=""))
    assert not (project / "results").exists()


WAITS = """
(root / "waits").touch()
time.sleep(300)
"""


def test_a_second_run_is_refused_and_a_kill_leaves_nothing_running(whole):
    results = whole / "results/quick"
    before = content(whole, "model.safetensors")
    (whole / "parameters" / "quick.yaml").write_text("epochs: 3\n")
    toy.write_notebook(whole, "02_train", body=WAITS)
    first = toy.start(whole, *QT)
    toy.wait_for((results / "waits").exists)
    line = one_line(toy.run(whole, *QT))
    assert "in use by another run" in line and f"process {first.pid}" in line
    started = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.communicate(timeout=120)
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive, f"outlived the run: {[process.cmdline() for process in alive]}"
    assert content(whole, "model.safetensors") == before, "what there was is lost"
    toy.write_notebook(whole, "02_train")
    toy.runs(whole)
    assert toy.run(whole, *QT, "--only", "02").returncode == 0
    assert toy.runs(whole) == ["02_train qt 1"]
    assert '"epochs": 3' in content(whole, "model.safetensors")


def test_many_stop_signals_at_once_stop_a_step(project):
    toy.write_notebook(project, "01_data", body=WAITS)
    run = toy.start(project, "--only", "01")
    toy.wait_for((project / "results/quick/waits").exists)
    processes = psutil.Process(run.pid).children(recursive=True)
    (step,) = (p for p in processes if "ecghelpers.run.notebook" in p.cmdline())
    for _ in range(500):
        step.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive, [process.cmdline() for process in alive]


SAVES = """
import signal
def leave(*_):
    (root / "state").write_text("half")
    raise RuntimeError("saved")
signal.signal(signal.SIGTERM, leave)
(root / "waits").touch()
time.sleep(120)
"""


def test_a_run_waits_for_the_steps_of_one_that_was_killed(project):
    waits = 'def leave(*_):\n    while not (root / "go").exists():\n        time.sleep(0.1)'
    toy.write_notebook(project, "01_data", body=SAVES.replace("def leave(*_):", waits))
    results = project / "results/quick"
    run = toy.start(project, "--only", "01")
    toy.wait_for((results / "waits").exists)
    run.kill()
    toy.write_notebook(project, "01_data", body="assert (root / 'state').read_text() == 'half'")
    again = toy.start(project, "--only", "01")
    waited = any("Waiting" in line for line in iter(again.stdout.readline, ""))
    (results / "go").touch()
    _, errors = again.communicate(timeout=120)
    assert waited and again.returncode == 0, errors


def test_ctrl_c_lets_steps_save_and_a_second_ends_them(project):
    toy.write_notebook(project, "01_data", body=SAVES)
    results = project / "results/quick"
    run = toy.start(project, "--only", "01", start_new_session=True)
    toy.wait_for((results / "waits").exists)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 1 and (results / "state").read_text() == "half", errors
    assert "Stopping" in errors
    toy.write_notebook(project, "01_data", body=SAVES.replace(", leave)", ", signal.SIG_IGN)"))
    (results / "waits").unlink()
    run = toy.start(project, "--only", "01")
    toy.wait_for((results / "waits").exists)
    run.send_signal(signal.SIGTERM)
    time.sleep(1)
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=60)
    assert "Stopping at once" in errors


def test_a_run_in_the_background_of_a_script_starts_no_step_after_a_signal(project):
    assert toy.run(project, "--only", "01").returncode == 0
    toy.write_notebook(project, "02_train", body=SAVES)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a new process inherits that
    run = toy.start(project, "--target", "qt,pr", "--only", "02", "--jobs", "1")
    signal.signal(signal.SIGINT, handler)
    toy.wait_for((project / "results/quick/waits").exists, 60)
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 1 and (project / "results/quick/state").read_text() == "half", errors
    assert len(list((project / "results/quick/logs").glob("02_train.*.log"))) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a tmpfs needs root")
def test_a_full_disk_is_named_and_the_next_run_with_room_continues(project):
    place = project / "results" / "quick"
    place.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", place]).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        fills = "(root / '.big.part').write_bytes(bytes(2_000_000))"
        toy.write_notebook(project, "02_train", body=fills)
        full = toy.run(project, *QT, "--only", "01,02")
        assert "No space left on device" in one_line(full, 1)
        assert not (place / "qt/model1/model.safetensors").exists()
        subprocess.run(["mount", "-o", "remount,size=20m", place], check=True)
        toy.write_notebook(project, "02_train")
        assert toy.run(project, *QT, "--only", "01,02").returncode == 0
    finally:
        subprocess.run(["umount", place])


def odd_environment(folder: Path) -> dict[str, str]:
    """Settings and modules of the user's own, and nonsense: each of them would fail."""
    for name, text in {
        "home/.local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["false"]}',
        "home/.ipython/profile_default/startup/00.py": "raise RuntimeError",
        "home/.config/matplotlib/matplotlibrc": "backend: nonsense",
        "home/.config/snakemake/default/config.yaml": "dry-run: true",
        "path/numpy.py": "raise SystemExit('imported')",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    names = "OMP_NUM_THREADS TQDM_MININTERVAL COLUMNS PYTHONWARNINGS PYTHONHOME TZ XDG_CACHE_HOME"
    deep = folder / ("temporary " * 20)  # more characters than the path of a socket may have
    deep.mkdir()
    own = {"HOME": str(folder / "home"), "PYTHONPATH": f":{folder / 'path'}"}
    odd = dict.fromkeys(names.split(), "error") | {"PYTHONOPTIMIZE": "2", "TMPDIR": str(deep)}
    return own | odd


def test_settings_of_the_user_do_no_harm(project, tmp_path):
    odd = project.rename(tmp_path / "Größe ü'2")
    body = "import numpy, matplotlib.pyplot, ipykernel\n"
    body += 'assert ipykernel.get_connection_info(unpack=True)["transport"] == "ipc"'
    toy.write_notebook(odd, "01_data", body=body)
    flags = ("--only", "01", "--results", "mine é 1")
    done = toy.run(odd, *flags, LC_ALL="C", **odd_environment(tmp_path))
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert (odd / "mine é 1/data/medians.h5").exists()


def test_the_users_own_files_count_and_their_targets_are_found(project):
    """Of targets that nobody named, those that no record has are left out."""
    own, profile = project / "own", project / "parameters" / "quick.yaml"
    own.mkdir()
    (own / "a.hea").write_text("a")
    with h5py.File(own / "only_qt.h5", "w") as file:
        file["targets"] = np.where(np.arange(7) == 3, 400, np.full((2, 7), np.nan))
        file["targets"].attrs["columns"] = list(TARGETS)
    body = "import atexit, shutil\n"  # in place of the text that toy notebooks write
    body += "atexit.register(shutil.copy, 'own/only_qt.h5', root / 'data/medians.h5')"
    toy.write_notebook(project, "01_data", body=body)
    profile.write_text("source: wfdb\nsource_path: own\n")
    done = toy.run(project, "--only", "01,02")
    assert done.returncode == 0, done.stderr
    assert toy.runs(project) == ["01_data", "02_train qt 1"]
    (own / "b.hea").write_text("b")
    assert "01_data" in toy.run(project, "--only", "01", "--dry-run").stdout
    profile.write_text("source: wfdb\nsource_path: gone\n")
    assert "no such folder" in one_line(toy.run(project))


def test_commands_of_snakemake_work(whole):
    environment = toy.environment(PYTHONPATH=str(whole))
    for flags in (["--summary"], ["--dag"]):
        command = ["python", "-m", "snakemake", "--nolock", *flags, "--config", "target=qt"]
        done = subprocess.run(command, cwd=whole, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 and "heatmaps" in done.stdout, done.stderr
