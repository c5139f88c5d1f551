# Sourced by run_all.sh, web_app.sh and tests/run.sh: puts a Python with the versions of
# requirements.txt first on PATH. Takes the active environment if it has them, else the project's
# .venv, which is created or repaired as needed. A second call waits while another one installs.

# Python's own variables must not change the package, the environment or the kernel, turn warnings
# into errors, or switch off assertions.
unset "${!PYTHON@}"

# Succeeds if this Python has every pinned version (build suffixes such as +cpu do not count).
holds_requirements() {
    [ -n "$1" ] && "$1" -I - "$ROOT/requirements.txt" <<'PYTHON' 2>/dev/null
import re, sys
from importlib.metadata import distributions
if sys.version_info < (3, 11):
    sys.exit(1)
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
installed = {plain(d.name): d.version.split("+")[0] for d in distributions() if d.name}
pins = (line.split("==") for line in open(sys.argv[1], encoding="utf-8") if "==" in line)
sys.exit(any(installed.get(plain(name)) != version.strip() for name, version in pins))
PYTHON
}

# Prints the first Python of at least 3.11 on PATH.
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "error: no Python 3.11 or newer on PATH; install one (https://www.python.org)" >&2
    return 1
}

make_venv() {
    local python
    if ! "$ROOT/.venv/bin/python" -c 'import pip' 2>/dev/null; then
        python=$(find_python) || return 1
        echo "Making .venv with $("$python" --version); the first time takes some minutes." >&2
        "$python" -m venv --clear "$ROOT/.venv" >&2 || {
            echo "error: '$python -m venv' failed (on Debian and Ubuntu: apt install python3-venv)" >&2
            return 1
        }
    fi
    if ! holds_requirements "$ROOT/.venv/bin/python"; then
        echo "Installing the versions of requirements.txt into .venv" >&2
        "$ROOT/.venv/bin/python" -m pip install --quiet -r "$ROOT/requirements.txt" >&2 || {
            echo "error: pip could not install requirements.txt into .venv (see above)" >&2
            return 1
        }
    fi
    "$ROOT/.venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e "$ROOT" >&2 || {
        echo "error: pip could not install the project itself into .venv (see above)" >&2
        return 1
    }
}

# Prints the Python to use.
choose_python() {
    local candidate stamp="$ROOT/.venv/.complete" wanted
    for candidate in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" \
        "${CONDA_PREFIX:+$CONDA_PREFIX/bin/python}" "$(command -v python3)"; do
        if [ "$candidate" != "$ROOT/.venv/bin/python" ] && holds_requirements "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    wanted="$(cat "$ROOT/requirements.txt" "$ROOT/pyproject.toml" | cksum) $ROOT"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        (
            if command -v flock >/dev/null; then flock 9; fi
            if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
                make_venv && echo "$wanted" >"$stamp"
            fi
        ) 9>"$ROOT/.venv.lock" || return 1
    fi
    echo "$ROOT/.venv/bin/python"
}

PYTHON=$(choose_python) || exit 1
PATH="$(dirname "$PYTHON"):$PATH"
JUPYTER_PATH="$("$PYTHON" -c 'import sys; print(sys.prefix)')/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"
export PATH JUPYTER_PATH PYTHONPATH="$ROOT" PYTHONUTF8=1 PYTHONNOUSERSITE=1
