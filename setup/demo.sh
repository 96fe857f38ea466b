#!/usr/bin/env bash
# make demo: questions, films by CogVideoX (small, random weights, on the CPU) and the baselines, verdicts, a page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
out=demo

for like in 5b 1.5; do
    "$bin/python" setup/make_checkpoint.py --like "$like" --size tiny
done
folders=(--questions "$out/questions" --outputs "$out/outputs/demo")
tasks=(--task maze --task sudoku --task sliding_puzzle --task dot_to_dot --task symmetry --task tower_of_hanoi)
"$bin/vmevalkit" make --questions "$out/questions" --count 1 "${tasks[@]}"
"$bin/vmevalkit" generate --model cogvideox-tiny-random cogvideox1.5-tiny-random "${folders[@]}"
"$bin/vmevalkit" score "${folders[@]}" --scores "$out/scores/demo"
"$bin/vmevalkit" report "${folders[@]}" --scores "$out/scores/demo" --report "$out/report"

page=$out/report/index.html
if [ "$(uname)" = Darwin ]; then
    open "$page"
elif [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
    xdg-open "$page" >/dev/null 2>&1 &
fi
