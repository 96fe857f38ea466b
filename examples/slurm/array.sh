#!/usr/bin/env bash
# Generate videos in a SLURM job array, one shard a job; then merge the shards, score them and write a report.
#
#   bash examples/slurm/array.sh submit SHARDS OPTION...
#   bash examples/slurm/array.sh submit 8 --model cogvideox-5b-i2v --samples 4
#
# Run it in the folder of the experiment. The options are those of `vmevalkit generate`. Rerun the command to resume.
# Folders are QUESTIONS, OUTPUTS, SCORES and REPORT; shards are in OUTPUTS_shard_1, OUTPUTS_shard_2, ... Options of
# sbatch, such as partition and time, are variables: SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT.

set -euo pipefail

usage="usage: $0 submit SHARDS OPTION..."
stage=${1:?$usage}
shards=${2:?$usage}
shift 2
if ! [[ $shards =~ ^[1-9][0-9]*$ ]]; then
    echo "SHARDS = '$shards': must be a whole number of at least 1; $usage" >&2
    exit 2
fi

questions=${QUESTIONS:-data/questions}
outputs=${OUTPUTS:-data/outputs/pilot_experiment}
scores=${SCORES:-data/scores/pilot_experiment}
report=${REPORT:-data/report}

# Submit the array, and one job that waits for it.
submit() {
    local array
    array=$(sbatch --parsable --job-name=vmevalkit --array="1-$shards" --gres="${GRES:-gpu:1}" --requeue \
        "$0" shard "$shards" "$@")
    # After any end: a shard that failed has missing videos, which the report counts.
    sbatch --job-name=vmevalkit-join --dependency="afterany:${array%%;*}" "$0" join "$shards"
}

# Generate the videos of one shard. SLURM repeats this after a preemption, and it resumes.
shard() {
    local number=$SLURM_ARRAY_TASK_ID
    mkdir -p "${outputs}_shard_$number"
    srun vmevalkit generate "$@" --shard "$number/$shards" \
        --questions "$questions" --outputs "${outputs}_shard_$number"
}

join() {
    local number parts=()
    for ((number = 1; number <= shards; number++)); do
        if compgen -G "${outputs}_shard_$number/*/*_task" >/dev/null; then
            parts+=("${outputs}_shard_$number")
        else
            echo "shard $number/$shards has no videos" >&2
        fi
    done
    if ((${#parts[@]} == 0)); then
        echo "there are no videos in ${outputs}_shard_1 to ${outputs}_shard_$shards; see the logs of the array" >&2
        exit 1
    fi
    vmevalkit merge "${parts[@]}" --questions "$questions" --outputs "$outputs"
    vmevalkit score --questions "$questions" --outputs "$outputs" --scores "$scores"
    vmevalkit report --questions "$questions" --outputs "$outputs" --scores "$scores" --report "$report"
}

case $stage in
    submit | shard | join) "$stage" "$@" ;;
    *)
        echo "$usage" >&2
        exit 2
        ;;
esac
