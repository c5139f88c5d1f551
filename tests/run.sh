#!/usr/bin/env bash
# The tests: ./tests/run.sh. With --all also those that take minutes: kills, and a real Slurm. On a
# fresh machine it makes the environment first. Other arguments go to pytest, for example:
# ./tests/run.sh -k perturbation
ROOT="$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)"
source "$ROOT/environment.sh"
cd "$ROOT" || exit 1

# What the browser and the Slurm tests need, where this user may install it; they say so and are
# skipped where it is absent.
wanted=()
command -v chromium >/dev/null || command -v google-chrome >/dev/null || wanted+=(chromium)
[[ " $* " != *" --all "* ]] || command -v slurmctld >/dev/null || wanted+=(slurm-wlm munge)
if [ ${#wanted[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${wanted[*]}"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >/dev/null 2>&1 ||
        echo "could not install ${wanted[*]}: the tests that need it are skipped"
fi

status=0
python -m ruff check . || status=1
python -m ruff format --check . || status=1
# A process for each core, and a file of tests for one process, so that fixtures are made once.
# The executed notebooks take part as tests/test_notebooks.py; the closing line counts everything.
python -m pytest -n auto --dist loadfile --durations=10 "$@" || status=1
exit $status
