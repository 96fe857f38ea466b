#!/usr/bin/env bash
# `make lock`: make the lock files from the version ranges in pyproject.toml. Needs uv (pip install uv).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() {
    uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-header --no-emit-index-url \
        pyproject.toml --extra dev "$@"
}

compile --output-file "$work/core" >/dev/null
compile --extra cogvideox --constraint <(echo 'torch==2.13.0') --output-file "$work/all" >/dev/null

# Leave out the CUDA packages: each wheel of torch names the ones it needs, and the one for the CPU needs none.
grep -vxFf "$work/core" "$work/all" | grep -vE '^(nvidia-|cuda-|triton)' >"$work/models"

compile --extra docs --constraint "$work/core" --constraint "$work/models" --output-file "$work/docs" >/dev/null
{
    echo '# On top of requirements.lock: what the documentation site needs. Made by: make lock'
    grep -vxFf "$work/core" "$work/docs"
} >requirements-docs.lock

{
    echo '# The kit and the tools to work on it. Made by: make lock'
    cat "$work/core"
} >requirements.lock
{
    echo '# On top of requirements.lock: what CogVideoX needs. Made by: make lock'
    cat "$work/models"
} >requirements-models.lock
