# shellcheck shell=bash
# What the scripts of setup/ share. Sourced, never run. Nothing here needs more than the bash 3.2 of macOS.

# Models with an environment of their own: the folders of setup/models/.
OPENSOURCE_MODELS=(
    cogvideox-5b-i2v
    cogvideox1.5-5b-i2v
)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
MARKER=.installed
PYTORCH_INDEX=https://download.pytorch.org/whl/cu118

# Packages of another Python have no place in an environment with exact pins.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX

# pip turns ctrl-C into an ordinary failure; without this the next model would be tried.
trap 'exit 130' INT TERM

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# usage_error WHAT: wrong usage, nothing touched.
usage_error() {
    say "error: $*"
    exit 2
}

environment_of() { printf '%s\n' "$ROOT/envs/$1"; }

is_model() {
    local name
    for name in "${OPENSOURCE_MODELS[@]}"; do
        if [ "$name" = "$1" ]; then return 0; fi
    done
    return 1
}

# suggest NAME: the models whose names begin most like NAME, or all.
suggest() {
    local wanted length=${#1} name found=""
    wanted=$(printf '%s' "$1" | tr '[:upper:]_' '[:lower:]-')
    while [ "$length" -ge 3 ] && [ -z "$found" ]; do
        for name in "${OPENSOURCE_MODELS[@]}"; do
            if [ "${name:0:length}" = "${wanted:0:length}" ]; then found="${found:+$found or }$name"; fi
        done
        length=$((length - 1))
    done
    if [ -n "$found" ]; then
        printf 'did you mean %s?' "$found"
    else
        printf 'there are: %s' "${OPENSOURCE_MODELS[*]}"
    fi
}

# is_supported PYTHON: it runs, is one that the pinned wheels exist for, and can make environments.
is_supported() {
    local minors="10, 11"
    if [ "${FAST:-0}" = 1 ]; then minors="11, 12, 13"; fi
    "$1" -c "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in [(3, n) for n in ($minors)])" \
        >/dev/null 2>&1
}

# find_python: print the path of a Python that the pins support. A name on PATH may be a shim that does not run.
find_python() {
    local candidate supported="3.10 or 3.11"
    for candidate in python3.10 python3.11 python3.12 python3.13 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[0123].*/bin/python; do
        if is_supported "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    if [ "${FAST:-0}" = 1 ]; then supported="3.11, 3.12 or 3.13"; fi
    say "error: the pinned packages need Python $supported (with venv), and there is none. Get one with one of these:"
    say "  sudo apt install python3.11 python3.11-venv     Debian 12; Ubuntu 22.04 has 3.10, Ubuntu 24.04 3.12"
    say "  brew install python@3.11                        macOS"
    say "  pyenv install 3.11                              anywhere"
    say "  conda create -n py311 python=3.11 && conda activate py311"
    return 1
}

has_nvidia_gpu() {
    case "$(nvidia-smi -L 2>/dev/null || true)" in
        "GPU "*) return 0 ;;
        *) return 1 ;;
    esac
}

# torch_build PYTHON VERSION: print VERSION+cu118 where a GPU wants it and PyTorch's own index has it, else VERSION.
torch_build() {
    local versions
    if has_nvidia_gpu; then
        # An index that cannot be reached must not be waited for; pip knows the user's proxy and certificates.
        versions=$("$1" -I -m pip index versions torch --index-url "$PYTORCH_INDEX" --timeout 5 --retries 0 2>/dev/null) || true
        case "$versions" in
            *"$2+cu118"*)
                printf '%s\n' "$2+cu118"
                return 0
                ;;
        esac
        say "PyTorch's index for CUDA 11.8 does not answer; taking the plain wheel of the same version"
    fi
    printf '%s\n' "$2"
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64
}

# requirements_of ENVIRONMENT: NAME, or NAME-fast with the newer versions.
requirements_of() {
    case "$1" in
        *-fast) printf '%s\n' "$ROOT/setup/models/${1%-fast}/requirements-fast.txt" ;;
        *) printf '%s\n' "$ROOT/setup/models/$1/requirements.txt" ;;
    esac
}

# marker_of ENVIRONMENT: what the marker of a good one holds. The folder counts because environments cannot be moved.
marker_of() {
    cat "$(requirements_of "$1")" "$ROOT/setup/models/${1%-fast}/setup.sh" "$ROOT/setup/lib/nvidia.txt" | sha256
    environment_of "$1"
}

# is_installed ENVIRONMENT: finished, from the pins of today, and its Python still runs.
is_installed() {
    local env
    env=$(environment_of "$1")
    [ -f "$env/$MARKER" ] && [ "$(cat "$env/$MARKER")" = "$(marker_of "$1")" ] && "$env/bin/python" -c '' 2>/dev/null
}

pip_install() {
    local python=$1
    shift
    "$python" -I -m pip install --disable-pip-version-check --no-input "$@"
}

# make_environment NAME OBJECT...: make envs/NAME from setup/models/NAME/requirements.txt, unless a good one is there;
# FORCE=1 makes it again, FAST=1 makes envs/NAME-fast from requirements-fast.txt. OBJECT is module:attribute, to be imported at the end. The environment is made in place,
# because it cannot be moved; the marker, written last, is what makes it one.
make_environment() {
    local name=$1 env requirements python torch
    local index=() constraints=(-c "$ROOT/setup/lib/nvidia.txt")
    shift
    if [ "${FAST:-0}" = 1 ]; then name=$name-fast; fi
    env=$(environment_of "$name")
    requirements=$(requirements_of "$name")
    if [ "${FORCE:-0}" != 1 ] && is_installed "$name"; then
        say "$name: the environment is there and good: $env"
        return 0
    fi
    python=$(find_python)
    say "$name: making $env with $python"
    # The marker first: a removal that is interrupted must not leave it.
    rm -f "$env/$MARKER"
    rm -rf "$env"
    mkdir -p "$ROOT/envs"
    "$python" -m venv "$env"
    python=$env/bin/python

    # pip and what builds packages come first, at their own pins: nothing is built with whatever is newest today.
    # shellcheck disable=SC2046 # two words
    pip_install "$python" --quiet $(grep -E '^(pip|setuptools)==' "$requirements")
    torch=$(sed -n 's/^torch==//p' "$requirements")
    # The plain wheel of the newer version is the one for GPUs, and names its own NVIDIA libraries.
    if [ "${FAST:-0}" = 1 ]; then constraints=(); else torch=$(torch_build "$python" "$torch"); fi
    case "$torch" in
        *+cu118) index=(--extra-index-url "$PYTORCH_INDEX") ;;
    esac
    pip_install "$python" --no-build-isolation -r "$requirements" "torch==$torch" \
        ${constraints[@]+"${constraints[@]}"} ${index[@]+"${index[@]}"}
    PYTHONWARNINGS=ignore pip_install "$python" --quiet --no-build-isolation --no-deps --editable "$ROOT"

    "$python" -I -m pip check
    "$python" -I -W ignore -m vmevalkit.runner.environment "$requirements" "$@"
    "$python" -I -m vmevalkit.runner.worker </dev/null >/dev/null
    marker_of "$name" >"$env/$MARKER.new"
    mv "$env/$MARKER.new" "$env/$MARKER"
    say "$name: installed in $env"
}
