#!/usr/bin/env bash
# `make install`: make .venv in the repository from the exact pins of the lock files, unless there is a current one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup/lib/common.sh
source setup/lib/common.sh

venv=.venv
marker=$venv/$MARKER
cpu_index=https://download.pytorch.org/whl/cpu
wanted="$(cat requirements.lock requirements-models.lock pyproject.toml setup/install_kit.sh | sha256) $PWD"

if [ -f "$marker" ] && [ "$(cat "$marker")" = "$wanted" ] && "$venv/bin/python" -c 'import vmevalkit' 2>/dev/null; then
    exit 0
fi

find_kit_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "the kit needs Python 3.10 to 3.13 (with venv), and none was found; for example: sudo apt install python3-venv"
}

base=$(find_kit_python)
say "making $venv with $("$base" --version); this takes some minutes the first time"
rm -f "$marker"
"$base" -m venv --clear "$venv"
python=$venv/bin/python

pip_install "$python" --quiet -r requirements.lock
torch=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements-models.lock)
answers() { "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$1" 2>/dev/null; }
if ! has_nvidia_gpu && answers "$cpu_index/torch/"; then
    # The plain wheel needs gigabytes of CUDA libraries, which are useless without a GPU.
    pip_install "$python" --quiet --no-deps --index-url "$cpu_index" "$torch"
else
    pip_install "$python" --quiet "$torch"
fi
pip_install "$python" --quiet -r requirements.lock -r requirements-models.lock
pip_install "$python" --quiet --no-deps --no-build-isolation --editable .

"$python" -c 'import diffusers, torch, vmevalkit as v; print("vmevalkit", v.__version__, "torch", torch.__version__, "diffusers", diffusers.__version__)'
printf '%s\n' "$wanted" >"$marker"
