#!/usr/bin/env bash
# plugin.sh NAME: make the environment of a model that an installed package adds. FORCE=1 makes it again.
set -euo pipefail
# shellcheck source=setup/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

facts=$(plugin_facts "$1")
lines=()
while IFS= read -r line; do lines+=("$line"); done <<<"$facts"
PLUGIN_REQUIREMENTS=${lines[2]}
PLUGIN_DIGEST=${lines[3]}
PLUGIN_PACKAGE=("${lines[@]:5}")
make_environment "${lines[0]}" "${lines[4]}"
