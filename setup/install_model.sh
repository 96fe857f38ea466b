#!/usr/bin/env bash
# Install the environments of models, each into envs/<name>/ at the repository's root. `--help` says how.
set -euo pipefail
SETUP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=setup/lib/common.sh
source "$SETUP/lib/common.sh"

QUESTIONS=(tests_0001 tests_0002)

usage() {
    cat <<EOF
usage: bash setup/install_model.sh NAME... [--fast] [--validate] [--weights DIR] [--force]
       bash setup/install_model.sh --list

Makes a Python environment with exact versions for each model, in envs/NAME. One that is there and good is kept.

  --list         the models that can be installed, and which are
  --fast         the newest versions that were measured, with the fastest kernels, in envs/NAME-fast; a run prefers it
  --validate     then let the model answer ${QUESTIONS[*]} in few steps, and check the videos
  --weights DIR  take the model's weights from DIR instead of the hub, for --validate
  --force        make environments again that are there
  --help         this

Exit status: 0 all done; 1 something failed; 2 wrong usage, nothing touched.
Models: ${OPENSOURCE_MODELS[*]}
EOF
}

list() {
    local name state
    for name in "${OPENSOURCE_MODELS[@]}"; do
        state="not installed"
        if is_installed "$name"; then state="installed"; fi
        if is_installed "$name-fast"; then state="installed (fast)"; fi
        printf '%-24s %s\n' "$name" "$state"
    done
}

# validate NAME WEIGHTS: the real command, in the model's own environment, so that nothing else needs to be installed.
validate() {
    local name=$1 weights=$2 env outputs status=0
    env=$(environment_of "$name")
    if [ "$FAST" = 1 ]; then env=$env-fast; fi
    outputs=$(mktemp -d "${TMPDIR:-/tmp}/vmevalkit-validate.XXXXXX") || return 1
    say "$name: answering ${QUESTIONS[*]} into $outputs"
    "$env/bin/vmevalkit" generate --model "$name" --task-id "${QUESTIONS[@]}" --no-baselines \
        --questions "$ROOT/data/questions" --outputs "$outputs" --set num_inference_steps=2 \
        ${weights:+--weights "$weights"} || status=1
    "$env/bin/python" -I -m vmevalkit.runner.validate "$name" "$outputs" "${QUESTIONS[@]}" || status=1
    return "$status"
}

names=()
weights=""
check=0
FORCE=0
FAST=0
while [ $# -gt 0 ]; do
    case "$1" in
        --list)
            list
            exit 0
            ;;
        --help | -h)
            usage
            exit 0
            ;;
        --validate) check=1 ;;
        --force) FORCE=1 ;;
        --fast) FAST=1 ;;
        --weights)
            [ $# -ge 2 ] || usage_error "--weights needs a folder"
            weights=$2
            shift
            ;;
        --weights=*) weights=${1#--weights=} ;;
        -*) usage_error "unknown option '$1'; see --help" ;;
        *)
            is_model "$1" || usage_error "unknown model '$1' ($(suggest "$1"))"
            names+=("$1")
            ;;
    esac
    shift
done
[ "${#names[@]}" -gt 0 ] || usage_error "name a model: ${OPENSOURCE_MODELS[*]}; see --help"
if [ -n "$weights" ]; then
    [ -d "$weights" ] || usage_error "--weights: there is no folder $weights"
    weights=$(cd "$weights" && pwd -P)
fi

export FORCE FAST
failed=()
for name in "${names[@]}"; do
    # A process of its own: the first command that fails ends it, and the next model still gets its turn.
    bash "$SETUP/models/$name/setup.sh" || {
        say "error: $name: not installed; the same command tries again, and finished downloads are kept"
        failed+=("$name")
        continue
    }
    if [ "$check" = 1 ] && ! validate "$name" "$weights"; then
        say "error: $name: installed, but it did not answer as it should"
        failed+=("$name")
    fi
done
[ "${#failed[@]}" = 0 ] || fail "failed: ${failed[*]}"
