"""Work on all processors from any script; errors, deaths and Ctrl-C end it cleanly."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
import toy

from ecghelpers.data import parallel
from ecghelpers.data.medians import read_medians
from ecghelpers.runtime import cores

TWO = os.environ | {"OMP_NUM_THREADS": "2", "TQDM_DISABLE": "1"}
COLLECT = """
from ecghelpers.data import build, parallel
parallel.WORTH_A_POOL = 8
build.collect(build.open_source("gan", records=12, device="cpu"), "medians.h5")
"""
WAIT = """
import os, pathlib, time
from ecghelpers.data import parallel
parallel.WORTH_A_POOL = parallel.PART = 1

def wait(seconds):
    pathlib.Path(f"{os.getpid()}.began").touch()
    time.sleep(seconds[0])

parallel.in_parts(wait, [120, 120])
"""


@pytest.mark.skipif(cores() < 2, reason="needs two processors")
def test_a_plain_script_collects_generated_records(tmp_path):
    (tmp_path / "plain.py").write_text(COLLECT)
    how = {"cwd": tmp_path, "env": TWO, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([sys.executable, "plain.py"], **how)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert len(read_medians(tmp_path / "medians.h5").record_id) == 12


@pytest.mark.skipif(cores() < 2, reason="needs two processors")
def test_the_same_processes_serve_several_calls(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(parallel, "WORTH_A_POOL", 2)
    monkeypatch.setattr(parallel, "PART", 1)
    first, second = (set(parallel.in_parts(lambda _: [os.getpid()], [0] * 8)) for _ in range(2))
    assert first & second and os.getpid() not in first


@pytest.fixture
def script(tmp_path):
    """A script whose two processes wait, and those processes."""
    (tmp_path / "plain.py").write_text(WAIT)
    how = {"cwd": tmp_path, "env": TWO, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "plain.py"], **how, start_new_session=True)
    toy.wait_for(lambda: len(list(tmp_path.glob("*.began"))) == 2)
    return process, [psutil.Process(int(path.stem)) for path in tmp_path.glob("*.began")]


def test_ctrl_c_ends_the_script_and_its_processes(script):
    """The terminal sends it to all processes; only the script reports it, and none is left."""
    process, started = script
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert said.count("Traceback") <= 1 and said.rstrip().endswith("KeyboardInterrupt"), said
    assert process.returncode in (-signal.SIGINT, 130)  # 130 where joblib had to be given up
    assert not psutil.wait_procs(started, timeout=10)[1]


def test_no_process_outlives_a_script_that_was_killed(script):
    process, started = script
    process.kill()
    process.wait()
    assert not psutil.wait_procs(started, timeout=20)[1]


STUCK = """
import os, signal, time
from ecghelpers.data import parallel
parallel.PATIENCE_S = 0.5
with parallel._ctrl_c_ends():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        time.sleep(60)  # as joblib may after a signal at the wrong moment
"""


def test_ctrl_c_ends_even_what_waits_for_ever():
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=50)
    assert done.returncode == 130 and done.stderr == "KeyboardInterrupt\n"


def numbers(texts):
    return list(map(int, texts))


def die(_):
    os._exit(9)


@pytest.mark.parametrize(
    ("work", "error", "said"),
    [
        (numbers, ValueError, "invalid literal"),
        (die, RuntimeError, "a process died while .* run again"),
    ],
)
def test_an_error_or_a_death_in_a_process_is_told_and_the_next_call_works(
    monkeypatch, work, error, said
):
    monkeypatch.setattr(parallel, "processors", lambda: 2)
    for name in ("WORTH_A_POOL", "PART"):
        monkeypatch.setattr(parallel, name, 1)
    with pytest.raises(error, match=said) as told:
        parallel.in_parts(work, ["1", "one", "2"])
    assert "\n" not in str(told.value)
    assert parallel.in_parts(numbers, ["1", "2"]) == [1, 2]
