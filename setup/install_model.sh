#!/usr/bin/env bash
# Install the environments of models, each into envs/<name>/. See `--help`.
set -euo pipefail
SETUP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=setup/lib/common.sh
source "$SETUP/lib/common.sh"

COMMAND="bash setup/install_model.sh"
if is_wheel; then COMMAND="vmevalkit install"; fi
QUESTIONS=(tests_0001 tests_0002)

usage() {
    cat <<EOF
usage: $COMMAND NAME... [--fast] [--validate] [--weights DIR] [--force]
       $COMMAND --list

Make a Python environment with exact versions for each model, in $ENVIRONMENTS/NAME, unless there is a current one. Models with the
same versions share one, such as envs/diffusers-models. NAME may also be a model of an installed package that brings its
own requirements; the package is installed into the environment, too.

  --list         list the models of the kit, and which are installed
  --fast         use newer versions, with the fastest kernels, in envs/NAME-fast, which runs prefer
  --validate     then generate videos of ${QUESTIONS[*]} in few steps, and check them
  --weights DIR  for --validate: read the model's weights from DIR, not from the hub
  --force        make environments again
  --help         show this

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

# validate NAME WEIGHTS: generate and check videos in the model's own environment, so that the kit need not be installed
# elsewhere.
validate() {
    local name=$1 weights=$2 environment=$1 env outputs status=0 facts
    local settings=()
    environment=$(environment_for "$name")
    if [ -n "$environment" ]; then
        settings=(--set "$(validation_setting "$environment" "$name")")
    else
        facts=$(plugin_facts "$name") || return 1
        environment=$(sed -n 1p <<<"$facts")
        name=$(sed -n 2p <<<"$facts")
        settings=() # the model may have no steps
    fi
    env=$(environment_of "$environment")
    if [ "$FAST" = 1 ]; then env=$env-fast; fi
    outputs=$(mktemp -d "${TMPDIR:-/tmp}/vmevalkit-validate.XXXXXX") || return 1
    say "$name: generating videos of ${QUESTIONS[*]} in $outputs"
    "$env/bin/vmevalkit" generate --model "$name" --task-id "${QUESTIONS[@]}" --no-baselines \
        --questions "$ROOT/data/questions" --outputs "$outputs" ${settings[@]+"${settings[@]}"} \
        ${weights:+--weights "$weights"} || status=1
    "$env/bin/python" -I -m vmevalkit.runner.validate "$name" "$outputs" "${QUESTIONS[@]}" || status=1
    return "$status"
}

names=()
plugins=()
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
            if [ -z "$(environment_for "$1")" ]; then
                known=0
                plugin_facts "$1" >/dev/null || known=$?
                [ "$known" != 2 ] || exit 2
                [ "$known" = 0 ] || usage_error "unknown model '$1' ($(suggest "$1"))"
                plugins+=("$1")
            fi
            names+=("$1")
            ;;
    esac
    shift
done
if [ "$check" = 1 ] && is_wheel; then
    usage_error "--validate needs the questions of the repository; run it in a clone: bash setup/install_model.sh ${names[*]-} --validate"
fi
[ "${#names[@]}" -gt 0 ] || usage_error "name a model: ${OPENSOURCE_MODELS[*]}; see --help"
if [ "$FAST" = 1 ] && [ "${#plugins[@]}" -gt 0 ]; then
    usage_error "--fast: ${plugins[*]} has only one file of requirements"
fi
if [ -n "$weights" ]; then
    [ -d "$weights" ] || usage_error "--weights: there is no folder $weights"
    weights=$(cd "$weights" && pwd -P)
fi

for name in "${names[@]}"; do
    environment=$(environment_for "$name")
    if [ -z "$environment" ] || ! is_shared "$environment"; then continue; fi
    [ "$FAST" = 0 ] || usage_error "--fast: $name has only one file of requirements"
    if [ "$check" = 1 ] && [ "$name" = "$environment" ]; then
        usage_error "--validate: $name has several models; name one: $(cut -d ' ' -f 1 "$SETUP/models/$name/models.txt" | tr '\n' ' ')"
    fi
done

export FORCE FAST
failed=()
for name in "${names[@]}"; do
    # In a process of its own, which ends with the first command that fails. The other models are still installed.
    script=("$SETUP/models/$(environment_for "$name")/setup.sh")
    [ -n "$(environment_for "$name")" ] || script=("$SETUP/lib/plugin.sh" "$name")
    bash "${script[@]}" || {
        say "error: $name: not installed; rerun the command to retry, finished downloads are kept"
        failed+=("$name")
        continue
    }
    if [ "$check" = 1 ] && ! validate "$name" "$weights"; then
        say "error: $name: installed, but its videos are not valid"
        failed+=("$name")
    fi
done
[ "${#failed[@]}" = 0 ] || fail "failed: ${failed[*]}"
