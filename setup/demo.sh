#!/usr/bin/env bash
# `make demo`: make questions, generate videos with the small CogVideoX (on the CPU) and the baselines, score, report.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
out=demo
model=cogvideox-tiny-i2v

folders=(--questions "$out/questions" --outputs "$out/outputs/demo")
tasks=(--task maze --task symmetry --task light_sequence --task object_subtraction --task tic_tac_toe --task shape_sorter
    --task nonogram --task key_door --task sudoku --task map_coloring --task shape_search --task counting)
"$bin/vmevalkit" make --questions "$out/questions" --size 96x96 --count 2 "${tasks[@]}"
"$bin/vmevalkit" generate --model "$model" "${folders[@]}"
"$bin/vmevalkit" score "${folders[@]}" --scores "$out/scores/demo"
"$bin/vmevalkit" report "${folders[@]}" --scores "$out/scores/demo" --report "$out/report"

page=$out/report/index.html
if [ "$(uname)" = Darwin ]; then
    open "$page"
elif [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
    xdg-open "$page" >/dev/null 2>&1 &
fi
