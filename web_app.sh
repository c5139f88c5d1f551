#!/usr/bin/env bash
# The explorer in a browser, without code: ./web_app.sh --help
ROOT="$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)"
source "$ROOT/environment.sh"
exec python -P -m ecghelpers.views.web_app "$@"
