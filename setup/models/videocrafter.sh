#!/usr/bin/env bash
# VideoCrafter (https://github.com/AILab-CVC/VideoCrafter): repository, environment and the image-to-video checkpoint.
# Written against the public README. Run it again to resume.
#
#   bash setup/models/videocrafter.sh
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
FOLDER=$ROOT/envs/videocrafter
COMMIT=ea6037f0f5aec9254f42bca4235706878af7e73b

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

if [ ! -d "$FOLDER/.git" ]; then git clone https://github.com/AILab-CVC/VideoCrafter "$FOLDER"; fi
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

fetch https://huggingface.co/VideoCrafter/Image2Video-512/resolve/main/model.ckpt "$FOLDER/checkpoints/i2v_512_v1/model.ckpt"
