#!/usr/bin/env bash
# The whole analysis: ./run_all.sh --help
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$ROOT/environment.sh"
exec python -m ecghelpers.run.cli "$@"
