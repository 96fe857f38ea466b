#!/usr/bin/env bash
# Compare models on one suite: make its questions, generate videos with every model that can run here, score and report.
#
#     bash examples/compare_models.sh                           # mini-v1, all models of the catalog that can run here
#     bash examples/compare_models.sh core-v1 svd wan2.2-ti2v-5b
#
# A model can run here if its packages or its environment (setup/install_model.sh) and its weights are there. Rerun the
# command to resume. Paid models run only if they are named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=${1:-mini-v1}
shift || true
kit=${VMEVALKIT:-.venv/bin/vmevalkit}
folder=data/compare/$suite
questions=$folder/questions

"$kit" make --suite "$suite" --questions "$questions"

if [ $# -gt 0 ]; then
    models=("$@")
else
    mapfile -t models < <("$kit" list models --json | .venv/bin/python -c '
import json, sys
from vmevalkit.models.base import MODELS
for entry in json.load(sys.stdin):
    card = MODELS[entry["name"]]
    if not card.baseline and not card.capabilities.billed and "small" not in card.family:
        print(card.name)')
fi

run=()
for model in "${models[@]}"; do
    plan=$("$kit" generate --model "$model" --no-baselines --dry-run --questions "$questions" --outputs "$folder/outputs" 2>&1) || true
    if grep -q "^$model .*[0-9] MB" <<<"$plan" && ! grep -q "cannot run yet" <<<"$plan"; then
        run+=("$model")
    else
        printf 'skipped: %s: %s\n' "$model" "$(tail -n 2 <<<"$plan" | head -n 1)" >&2
    fi
done
[ "${#run[@]}" -gt 0 ] || {
    echo "error: none of these models can run here; see .venv/bin/vmevalkit doctor" >&2
    exit 1
}

status=0
for model in "${run[@]}"; do
    "$kit" generate --model "$model" --questions "$questions" --outputs "$folder/outputs" || status=1
done
"$kit" score --questions "$questions" --outputs "$folder/outputs" --scores "$folder/scores" || status=1
"$kit" report --questions "$questions" --outputs "$folder/outputs" --scores "$folder/scores" --report "$folder/report"
if command -v xdg-open >/dev/null; then
    xdg-open "$folder/report/index.html" >/dev/null 2>&1 || true
fi
exit "$status"
