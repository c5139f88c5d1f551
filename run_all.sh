#!/usr/bin/env bash
# The whole analysis: ./run_all.sh --help
ROOT="$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)"
source "$ROOT/environment.sh"
unset SNAKEMAKE_PROFILE # a profile of the user's own would change what a run does
exec python -P -m ecghelpers.run.cli "$@"
