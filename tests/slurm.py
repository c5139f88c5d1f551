"""A Slurm of our own on this machine, for the tests: one controller, one node, no accounting."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0,requeue_delay=1
MinJobAge=300
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


# Where Slurm's programs look on their own: job steps drop SLURM_CONF from their environment.
PLACE = Path("/etc/slurm/slurm.conf")


def missing() -> str:
    """Why no Slurm can be started here; empty when one can."""
    absent = [name for name in ("slurmctld", "slurmd", "munged") if not _program(name)]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm, munge)"
    if PLACE.exists():
        return f"{PLACE} is there: this machine belongs to a cluster"
    return "" if os.getuid() == 0 else "slurmd and munged need root"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def cluster(folder: Path, cpus: int = 4):
    """Start a cluster, and stop it at the end; yields nothing. See ``missing`` first."""
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    os.chmod(folder, 0o755)
    text = CONFIGURATION.format(
        host=host,
        folder=folder,
        cpus=cpus,
        user="root",
        controller_port=_free_port(),
        node_port=_free_port(),
    )
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(text)
    started = []
    try:
        started.append(_munged(folder, key))
        for name in ("slurmctld", "slurmd"):
            command = [_program(name), "-D"]
            started.append(_start([*command, "-N", host] if name == "slurmd" else command))
        _wait_until_idle()
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], check=False)
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)
        PLACE.unlink()


def _munged(folder: Path, key: Path) -> subprocess.Popen:
    options = {
        "key-file": key,
        "socket": folder / "munge.socket",
        "pid-file": folder / "munge.pid",
        "log-file": folder / "munge.log",
        "seed-file": folder / "munge.seed",
    }
    command = [_program("munged"), "--foreground", "--force"]
    process = _start([*command, *(f"--{name}={value}" for name, value in options.items())])
    for _ in range(100):
        if (folder / "munge.socket").exists():
            return process
        time.sleep(0.1)
    raise RuntimeError(f"munged did not start: {(folder / 'munge.log').read_text()}")


def _start(command: list) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_until_idle() -> None:
    for _ in range(300):
        state = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            capture_output=True,
            text=True,
        ).stdout.strip()
        if state == "idle":
            return
        time.sleep(0.1)
    raise RuntimeError(f"the cluster's node did not come up: it is {state!r}")
