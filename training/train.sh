#!/usr/bin/env bash
# Train cogvideox-tiny-i2v from nothing and evaluate it: bash training/train.sh [WORK]. Goes on where it was stopped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=${1:-data/training}
python=.venv/bin/python
launch=.venv/bin/accelerate

"$python" training/evaluate.py make "$work" --workers "$(nproc)"
"$python" training/videos.py "$work" --vae 6000 --transformer 90000
"$launch" launch training/train.py vae "$work"
"$launch" launch training/train.py transformer "$work"
"$python" training/evaluate.py run "$work" --workers 4
"$python" training/evaluate.py export "$work" weights/cogvideox-tiny-i2v
