# shellcheck shell=bash
# Shared by the scripts of setup/. Source it; do not run it. Everything works with bash 3.2, the version of macOS.

# Environments of the kit's models: the folders of setup/models/. Most are named like their model; one that is shared has
# the names of its models in models.txt, each with the setting for --validate if it is not two steps.
OPENSOURCE_MODELS=(
    cogvideox-5b-i2v
    cogvideox1.5-5b-i2v
    diffusers-models
)

# In a checkout, `ROOT/setup` and `ROOT/envs`. In an installed wheel, SETUP is `_setup` in the package (setup.py), and
# `vmevalkit install` says where environments are.
SETUP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
ROOT=$(dirname "$SETUP")
ENVIRONMENTS=${VMEVALKIT_HOME:-$ROOT}/envs
MARKER=.installed
PYTORCH_INDEX=https://download.pytorch.org/whl/cu118

# Keep packages of other Pythons out of an environment with exact pins.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX

# pip turns ctrl-C into an ordinary failure; without this the next model would be tried.
trap 'exit 130' INT TERM

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# usage_error WHAT: report wrong usage, before anything is touched.
usage_error() {
    say "error: $*"
    exit 2
}

# is_wheel: whether these scripts are in an installed package, without the rest of the repository.
is_wheel() { [ "${SETUP##*/}" = _setup ]; }

environment_of() { printf '%s\n' "$ENVIRONMENTS/$1"; }

# environment_for MODEL: print the environment of a model of the kit, or nothing.
environment_for() {
    local name
    for name in "${OPENSOURCE_MODELS[@]}"; do
        if [ "$name" = "$1" ] || grep -qE "^$1( |\$)" "$SETUP/models/$name/models.txt" 2>/dev/null; then
            printf '%s\n' "$name"
            return 0
        fi
    done
}

# is_shared ENVIRONMENT: whether several models use it, so that its name is not a model's.
is_shared() { [ -f "$SETUP/models/$1/models.txt" ]; }

# validation_setting ENVIRONMENT MODEL: print the setting with which a model makes a video quickly.
validation_setting() {
    local setting=""
    if is_shared "$1"; then setting=$(sed -n "s/^$2 //p" "$SETUP/models/$1/models.txt"); fi
    printf '%s\n' "${setting:-num_inference_steps=2}"
}

# suggest NAME: print the environments whose names share the longest beginning with NAME, or all.
suggest() {
    local prefix length=${#1} name found=""
    prefix=$(printf '%s' "$1" | tr '[:upper:]_' '[:lower:]-')
    while [ "$length" -ge 3 ] && [ -z "$found" ]; do
        for name in "${OPENSOURCE_MODELS[@]}"; do
            if [ "${name:0:length}" = "${prefix:0:length}" ]; then found="${found:+$found or }$name"; fi
        done
        length=$((length - 1))
    done
    if [ -n "$found" ]; then
        printf 'did you mean %s?' "$found"
    else
        printf 'available: %s' "${OPENSOURCE_MODELS[*]}"
    fi
}

# has_newer_pins: whether the pins are of newer versions, which need a newer Python and leave nothing open.
has_newer_pins() { [ "${FAST:-0}" = 1 ] || [ "${NEWER:-0}" = 1 ]; }

# is_supported PYTHON: whether it runs, has a version for which the pinned wheels exist, and can make environments.
is_supported() {
    local minors="10, 11"
    if has_newer_pins; then minors="11, 12, 13"; fi
    "$1" -c "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in [(3, n) for n in ($minors)])" \
        >/dev/null 2>&1
}

# find_python: print the path of a Python that the pins support. Commands on PATH may be shims that do not run.
find_python() {
    local candidate supported="3.10 or 3.11"
    for candidate in python3.10 python3.11 python3.12 python3.13 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[0123].*/bin/python; do
        if is_supported "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    if has_newer_pins; then supported="3.11, 3.12 or 3.13"; fi
    say "error: the pinned packages need Python $supported (with venv), and none was found. Install one, for example:"
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

# torch_build PYTHON VERSION: print VERSION+cu118 if there is a GPU and PyTorch's index has that build, else VERSION.
torch_build() {
    local versions
    if has_nvidia_gpu; then
        # A short timeout, because the index may be unreachable. pip knows the user's proxy and certificates.
        versions=$("$1" -I -m pip index versions torch --index-url "$PYTORCH_INDEX" --timeout 5 --retries 0 2>/dev/null) || true
        case "$versions" in
            *"$2+cu118"*)
                printf '%s\n' "$2+cu118"
                return 0
                ;;
        esac
        say "PyTorch's index for CUDA 11.8 does not answer; using the plain wheel of the same version"
    fi
    printf '%s\n' "$2"
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64
}

# The environment of a model that an installed package adds; see setup/lib/plugin.sh. Empty for a model of the kit.
PLUGIN_REQUIREMENTS=""
PLUGIN_DIGEST=""
PLUGIN_PACKAGE=()

# kit_python: print a Python that has the kit, and with it the packages that extend the kit. `vmevalkit install` names its
# own.
kit_python() {
    local candidate
    for candidate in "${VMEVALKIT_PYTHON:-$ROOT/.venv/bin/python}" python3 python; do
        if "$candidate" -I -c 'import vmevalkit.runner.plugins' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# plugin_facts NAME: print what vmevalkit.runner.plugins says about a model of an installed package. Status 1: there is
# no such model; 2: its environment cannot be made, and the reason was printed.
plugin_facts() {
    local python
    python=$(kit_python) || return 1
    "$python" -I -m vmevalkit.runner.plugins "$1"
}

# requirements_of ENVIRONMENT: print its file of pins. NAME-fast has the newer versions.
requirements_of() {
    if [ -n "$PLUGIN_REQUIREMENTS" ]; then
        printf '%s\n' "$PLUGIN_REQUIREMENTS"
        return 0
    fi
    case "$1" in
        *-fast) printf '%s\n' "$SETUP/models/${1%-fast}/requirements-fast.txt" ;;
        *) printf '%s\n' "$SETUP/models/$1/requirements.txt" ;;
    esac
}

# marker_of ENVIRONMENT: print the marker of a current one. It has the folder, because environments cannot be moved.
marker_of() {
    if [ -n "$PLUGIN_DIGEST" ]; then
        printf '%s\n' "$PLUGIN_DIGEST"
    else
        cat "$(requirements_of "$1")" "$SETUP/models/${1%-fast}/setup.sh" "$SETUP/lib/nvidia.txt" | sha256
    fi
    environment_of "$1"
}

# is_installed ENVIRONMENT: whether it is finished, was made from the current pins, and its Python still runs.
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

# add_kit PYTHON: install the kit into an environment, editable. An installed wheel is linked, to the same effect.
add_kit() {
    local site
    if ! is_wheel; then
        PYTHONWARNINGS=ignore pip_install "$1" --quiet --no-build-isolation --no-deps --editable "$ROOT"
        return 0
    fi
    site=$("$1" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    [ -d "$site" ] || fail "the environment of $1 has no folder for packages: '$site'"
    ln -s "$ROOT" "$ROOT-"*.dist-info "$site/"
    printf '#!/bin/sh\nexec "%s" -I -m vmevalkit "$@"\n' "$1" >"${1%/*}/vmevalkit"
    chmod +x "${1%/*}/vmevalkit"
}

# make_environment NAME OBJECT...: make envs/NAME from its pins, unless there is a current one. OBJECT is
# module:attribute, which must import at the end. With FORCE=1 it is made again; with FAST=1, envs/NAME-fast is made from
# requirements-fast.txt. It is made in place, because an environment cannot be moved, and the marker is written last.
make_environment() {
    local name=$1 env requirements python build
    local index=() constraints=() chosen=()
    shift
    if [ "${FAST:-0}" = 1 ]; then name=$name-fast; fi
    env=$(environment_of "$name")
    requirements=$(requirements_of "$name")
    if [ "${FORCE:-0}" != 1 ] && is_installed "$name"; then
        say "$name: already installed in $env"
        return 0
    fi
    python=$(find_python)
    say "$name: making $env with $python"
    # Remove the marker first, because the removal of the folder may be interrupted.
    rm -f "$env/$MARKER"
    rm -rf "$env"
    mkdir -p "$ENVIRONMENTS"
    "$python" -m venv "$env"
    python=$env/bin/python

    # pip and the build tools come first, with their own pins, so that nothing is built with other versions.
    # shellcheck disable=SC2046 # two words
    pip_install "$python" --quiet $(grep -E '^(pip|setuptools)==' "$requirements")
    # Only the reference versions leave open which build of PyTorch and which NVIDIA libraries are used.
    if ! has_newer_pins && [ -z "$PLUGIN_REQUIREMENTS" ]; then
        build=$(torch_build "$python" "$(sed -n 's/^torch==//p' "$requirements")")
        chosen=("torch==$build")
        constraints=(-c "$SETUP/lib/nvidia.txt")
        case "$build" in
            *+cu118) index=(--extra-index-url "$PYTORCH_INDEX") ;;
        esac
    fi
    pip_install "$python" --no-build-isolation -r "$requirements" ${chosen[@]+"${chosen[@]}"} \
        ${constraints[@]+"${constraints[@]}"} ${index[@]+"${index[@]}"}
    add_kit "$python"
    if [ "${#PLUGIN_PACKAGE[@]}" -gt 0 ]; then
        # With build isolation, because the package may be built by a tool that is not among the pins.
        pip_install "$python" --quiet --no-deps "${PLUGIN_PACKAGE[@]}"
    fi

    "$python" -I -m pip check
    "$python" -I -W ignore -m vmevalkit.runner.environment "$requirements" "$@"
    "$python" -I -m vmevalkit.runner.worker </dev/null >/dev/null
    marker_of "$name" >"$env/$MARKER.new"
    mv "$env/$MARKER.new" "$env/$MARKER"
    say "$name: installed in $env"
}
