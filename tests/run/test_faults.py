"""Full disks, read-only folders, damaged files, dead kernels: said in one line, and mended by the
next run."""

import os
import shutil
import subprocess

import pytest
import toy

ONE = ("--target", "qt", "--results", "results/quick")


@pytest.fixture
def mounted(project):
    """A function that makes results/quick a small file system of its own, with mount options."""
    place = project / "results" / "quick"
    place.mkdir(parents=True)

    def mount(options):
        asked = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        if os.getuid() != 0 or subprocess.run(asked, capture_output=True).returncode:
            pytest.skip("mounting a tmpfs needs root")
        return place

    yield mount
    subprocess.run(["umount", place], capture_output=True)


@pytest.fixture
def whole(finished_project, tmp_path):
    return shutil.copytree(finished_project, tmp_path / "project", symlinks=True)


def test_a_full_disk_is_named_and_the_next_run_with_room_ends_well(project, mounted):
    place = mounted("size=400k")
    body = 'extra = root / ".big.part"; extra.write_bytes(bytes(2_000_000))'
    toy.write_notebook(project, "02_train", body=body)
    full = toy.run(project, *ONE)
    assert full.returncode == 1
    assert "No space left on device" in full.stderr.splitlines()[-1]
    assert not (place / "qt/model1/model.safetensors").exists()
    subprocess.run(["mount", "-o", "remount,size=20m", place], check=True)
    toy.write_notebook(project, "02_train")
    done = toy.run(project, *ONE)
    assert done.returncode == 0, done.stderr


def test_a_disk_without_any_room_is_refused(project, mounted):
    place = mounted("size=4k,nr_inodes=40")
    (place / "filler").write_bytes(bytes(4096))
    refused = toy.run(project, *ONE)
    assert refused.returncode == 2
    assert "No space left on device" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_results_folder_that_cannot_be_written_is_refused(project, mounted):
    mounted("ro,size=1m")
    refused = toy.run(project, *ONE)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: results/quick cannot be written")
    assert len(refused.stderr.splitlines()) == 1


def test_a_file_where_the_results_folder_should_be_is_refused(project):
    (project / "results").write_text("not a folder")
    refused = toy.run(project, *ONE)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert (project / "results").read_text() == "not a folder"


def _damage(path, content):
    """Change a file as a disk does it: without touching its time."""
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    _damage(path, content)


def _truncate(path):
    _damage(path, path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "name", "step"),
    [
        (_flip, "data/medians.h5", "01_data"),
        (_truncate, "qt/model1/model.safetensors", "02_train qt 1"),
        (_flip, "qt/model1/perturbation.h5", "06_perturbation qt 1"),
        (_truncate, "notebooks/03_evaluate.ipynb", "03_evaluate"),
    ],
)
def test_a_damaged_file_is_named_and_made_again_and_nothing_else(whole, damage, name, step):
    path = whole / "results" / "quick" / name
    before = path.read_bytes()
    damage(path)
    done = toy.run(whole, "--target", "qt,pr")
    assert done.returncode == 0, done.stderr
    assert f"results/quick/{name} is damaged" in done.stdout
    assert path.read_bytes() == before
    assert toy.runs(whole) == [step]
    assert not list((whole / "results").rglob("*.damaged"))


def test_what_is_gone_is_made_again_and_nothing_else(whole):
    results = whole / "results" / "quick"
    gone = {
        "aopc.csv": "08_review",
        "data/strips.h5": "01_data",
        "planted/amplitude/model1/metrics.json": "07_planted",
        "qt/model1/figures/heatmap.png": "04_heatmaps qt 1",
        "notebooks/05_explore.ipynb": "05_explore",
    }
    for name in gone:
        (results / name).unlink()
    (results / "site/index.html").unlink()
    plan = toy.run(whole, "--target", "qt,pr", "--dry-run")
    assert "aopc.csv is gone" in plan.stdout and "Forced" not in plan.stdout
    assert toy.run(whole, "--target", "qt,pr").returncode == 0
    assert sorted(toy.runs(whole)) == sorted(gone.values())
    assert all((results / name).exists() for name in (*gone, "site/index.html"))


def test_what_was_made_by_hand_is_kept_aside(whole):
    """As a notebook run by hand in JupyterLab leaves it, over the result of the run."""
    path = whole / "results/quick/qt/model1/attributions.h5"
    before = path.read_text()
    path.write_text("by hand")
    os.utime(path, (2e9, 2e9))
    notebook = whole / "results/quick/notebooks/02_train.qt.model1.ipynb"
    notebook.write_text(notebook.read_text() + " ")  # a reader saved it
    done = toy.run(whole, "--target", "qt,pr")
    assert "attributions.h5 was written since by something else" in done.stdout
    assert "kept as results/quick/qt/model1/attributions.h5.by_hand" in done.stdout
    assert path.read_text() == before
    assert path.with_name("attributions.h5.by_hand").read_text() == "by hand"
    assert toy.runs(whole) == ["04_heatmaps qt 1"]


def test_a_step_that_fails_costs_nothing_that_was_made(whole):
    data, profile = whole / "results/quick/data/medians.h5", whole / "parameters/quick.yaml"
    before, kept = data.read_text(), profile.read_text()
    notebook = whole / "results/quick/notebooks/01_data.ipynb"
    executed = notebook.read_text()
    profile.write_text(kept.replace("records: 4", "records: 5"))
    toy.write_notebook(whole, "01_data", body='raise ValueError("a typo")')
    failed = toy.run(whole, "--target", "qt,pr")
    assert failed.returncode == 1 and "a typo" in failed.stderr and data.read_text() == before
    assert "a typo" in notebook.read_text()
    toy.write_notebook(whole, "01_data")
    profile.write_text(kept)
    toy.runs(whole)
    assert toy.run(whole, "--target", "qt,pr").returncode == 0
    assert toy.runs(whole) == [] and notebook.read_text() == executed


def test_a_copy_without_its_times_is_whole(whole):
    files = sorted(path for path in (whole / "results").rglob("*") if path.is_file())
    for number, path in enumerate(files[::-1]):
        os.utime(path, (1e9 + number, 1e9 + number))
    assert "Nothing to do" in toy.run(whole, "--target", "qt,pr", "--dry-run").stdout


def test_damage_of_another_target_stops_nothing(whole):
    _flip(whole / "results/quick/pr/model1/perturbation.h5")
    for flags in (("--dry-run",), ()):
        done = toy.run(whole, "--target", "qt", *flags)
        assert done.returncode == 0, done.stderr
        assert "pr/model1/perturbation.h5 is damaged" in done.stdout
    assert not (whole / "results/quick/pr/model1/perturbation.h5").exists(), "a step may read it"
    toy.runs(whole)
    assert toy.run(whole, "--target", "qt,pr").returncode == 0
    assert "06_perturbation pr 1" in toy.runs(whole)
    assert not list((whole / "results").rglob("*.damaged"))


def test_a_damaged_input_is_refused_in_one_line(whole):
    _flip(whole / "results/quick/data/medians.h5")
    done = toy.run(whole, "--target", "qt", "--only", "04", "--force")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "data/medians.h5 is damaged" in done.stderr and "(data)" in done.stderr


def test_a_step_of_a_killed_run_is_waited_for(kernel_project):
    leaves = "import signal\nsignal.signal(15, lambda *_: (time.sleep(6), os._exit(0)))\n"
    leaves += '(root / "waits").touch()\ntime.sleep(60)'
    toy.write_notebook(kernel_project, "01_data", body=leaves)
    first = toy.start(kernel_project, "--only", "01")
    toy.wait_for((kernel_project / "results/quick/waits").exists)
    toy.kill(first)
    toy.write_notebook(kernel_project, "01_data")
    done = toy.run(kernel_project, "--only", "01")
    assert done.returncode == 0 and "Waiting for the steps of an earlier run" in done.stdout


@pytest.mark.parametrize(
    ("name", "kind"),
    [("logs", "file"), (".snakemake", "file"), (".checksums", "file"), ("qt", "file"),
     ("settings.json", "folder"), ("logs/snakemake.log", "folder")],
)  # fmt: skip
def test_a_file_or_folder_of_the_wrong_kind_is_told_in_one_line(whole, name, kind):
    path = whole / "results" / "quick" / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.write_text("") if kind == "file" else path.mkdir()
    for flags in ((), ("--dry-run",)):
        done = toy.run(whole, "--target", "qt,pr", *flags)
        assert done.returncode == 2 and done.stdout == ""
        assert f"is a {kind} where a" in done.stderr and len(done.stderr.splitlines()) == 1


def test_notes_that_hold_nonsense_are_no_obstacle(whole):
    results = whole / "results" / "quick"
    for note in (results / ".slurm_run", next((results / ".checksums").rglob("*.sha256"))):
        note.write_bytes(b"\xff\xfe\x00 nonsense")
    done = toy.run(whole, "--target", "qt,pr")
    assert done.returncode == 0, done.stderr


def test_a_dead_kernel_is_named(kernel_project):
    toy.write_notebook(kernel_project, "01_data", body="os.kill(os.getpid(), 9)")
    done = toy.run(kernel_project, "--target", "qt")
    assert done.returncode == 1
    assert "the kernel died" in done.stderr.splitlines()[-1]


def test_a_gpu_that_is_not_there_is_refused_before_anything_runs(project):
    refused = toy.run(project, "--device", "cuda", CUDA_VISIBLE_DEVICES="")
    assert refused.returncode == 2
    assert "cuda" in refused.stderr
    assert not (project / "results").exists()


def test_a_clock_that_was_set_back_does_not_hide_what_is_new(whole):
    """File times lie in the future after that; what is made now must still count as newer."""
    results = whole / "results" / "quick"
    for path in results.rglob("*"):
        os.utime(path, (4_000_000_000, 4_000_000_000))
    (whole / "parameters" / "quick.yaml").write_text("models: 1\nepochs: 5\nrecords: 4\n")
    assert toy.run(whole, "--target", "qt,pr", "--only", "02").returncode == 0
    plan = toy.run(whole, "--target", "qt,pr", "--dry-run").stdout
    assert "04_heatmaps qt" in plan and "06_perturbation pr" in plan
