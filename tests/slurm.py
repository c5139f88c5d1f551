"""A Slurm of our own on this machine, for the tests: one controller, one node, no accounting."""

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

import toy

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0,requeue_delay=1
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 State=UNKNOWN
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


@contextlib.contextmanager
def cluster(folder: Path):
    """Start a cluster, and stop it at the end; yields nothing. See ``missing`` first."""
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(CONFIGURATION.format(host=host, folder=folder))
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    munge = ["--foreground", "--force", f"--key-file={key}"]
    for kind in ("socket", "pid-file", "log-file", "seed-file"):
        munge.append(f"--{kind}={folder}/munge.{kind.removesuffix('-file')}")
    started = []
    try:
        started.append(_start("munged", *munge))
        toy.wait_for((folder / "munge.socket").exists, 10)
        started += [_start("slurmctld", "-D"), _start("slurmd", "-D", "-N", host)]
        state = ["sinfo", "--noheader", "--format=%T"]
        toy.wait_for(lambda: subprocess.run(state, capture_output=True).stdout == b"idle\n", 30)
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], check=False)
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)
        PLACE.unlink()


def _start(name: str, *options: str) -> subprocess.Popen:
    quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    return subprocess.Popen([_program(name), *options], **quiet)
