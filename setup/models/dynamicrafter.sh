#!/usr/bin/env bash
# DynamiCrafter (https://github.com/Doubiiu/DynamiCrafter): repository, environment and checkpoints.
# Written against the public README. Run it again to resume.
#
#   bash setup/models/dynamicrafter.sh [256] [512] [1024]      all three by default; about 10 GB each
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
FOLDER=$ROOT/envs/dynamicrafter
COMMIT=e8c610bd2a141bd0179c77b72fc5642ba50f56ce
if [ $# -eq 0 ]; then set -- 256 512 1024; fi
for size in "$@"; do
    case $size in
        256 | 512 | 1024) ;;
        *) printf "error: unknown size '%s' (available: 256 512 1024)\n" "$size" >&2 && exit 2 ;;
    esac
done

# The pins of the repository need an old Python: torch 2.0.0 has no wheels for 3.12.
find_python() {
    local candidate
    for candidate in python3.8 python3.9 python3.10 python3.11; do
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    printf 'error: no Python 3.8 to 3.11 was found; for example: conda create -n py38 python=3.8 && conda activate py38\n' >&2
    return 1
}

if [ ! -d "$FOLDER/.git" ]; then git clone https://github.com/Doubiiu/DynamiCrafter "$FOLDER"; fi
git -C "$FOLDER" checkout --quiet "$COMMIT"
python=$FOLDER/.venv/bin/python
if [ ! -x "$python" ]; then "$(find_python)" -m venv "$FOLDER/.venv"; fi
"$python" -m pip install -r "$FOLDER/requirements.txt"

# fetch URL FILE: download a checkpoint; an interrupted download is continued.
fetch() {
    if [ -f "$2" ]; then return 0; fi
    mkdir -p "$(dirname "$2")"
    curl --fail --location --continue-at - --output "$2.part" "$1"
    mv "$2.part" "$2"
}

for size in "$@"; do
    repository=DynamiCrafter_$size
    if [ "$size" = 256 ]; then repository=DynamiCrafter; fi
    fetch "https://huggingface.co/Doubiiu/$repository/resolve/main/model.ckpt" \
        "$FOLDER/checkpoints/dynamicrafter_${size}_v1/model.ckpt"
done
