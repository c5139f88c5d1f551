"""The environment of Snakemake and of all steps below it: nothing of the user's own decides."""

import contextlib
import os
import tempfile
from pathlib import Path

IN_JOB = Path(__file__).parent / "in_job"


def environment(results: Path, on_slurm: bool) -> dict[str, str]:
    """This process's environment, with folders of the run's own where programs look for settings.

    So no start-up file of IPython and no matplotlibrc of the user takes part, and a home that
    cannot be written, as on some nodes, is no obstacle.

    on_slurm: jobs take it over. Their step runs in the job's shell, not below Slurm's srun: on
    SIGTERM, which announces a job's end to all its processes, srun kills its step at once.
    """
    own = results / ".snakemake"
    changed = {"IPYTHONDIR": str(own / "ipython"), "XDG_CONFIG_HOME": str(own / "config")}
    changed["TMPDIR"] = tempfile.gettempdir()  # one that can be written, whatever was asked for
    if not _has_cache():
        changed["XDG_CACHE_HOME"] = str(own / "cache")
    if on_slurm:
        changed["PATH"] = f"{IN_JOB}{os.pathsep}{os.environ['PATH']}"
    return os.environ | changed


def _has_cache() -> bool:
    """Whether Snakemake can write where it keeps what is the same for all its workflows."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    with contextlib.suppress(OSError, ValueError):
        (cache / "snakemake").mkdir(parents=True, exist_ok=True)
        return cache.is_absolute() and os.access(cache / "snakemake", os.W_OK | os.X_OK)
    return False
