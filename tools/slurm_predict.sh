#!/usr/bin/env bash
# Predicts shards as the tasks of a Slurm array, one shard per task:
#
#   tools/slurm_predict.sh PARTITION JOB_NAME NUM_SHARDS [options of tools/predict.py]
#
# The options name the images with --manifest or --webdataset, and the folder with --output.
# From the environment: ARRAY, the tasks (0-N for all; 0-N%10 for 10 at a time; 3,17 for single
# ones), GPUS per task (1; 0 for CPUs), CPUS_PER_TASK (5), and SBATCH_ARGS.
set -euo pipefail

if (($# < 3)); then
    sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
partition=$1
job_name=$2
num_shards=$3
shift 3

gpus=${GPUS:-1}
resources=()
if ((gpus > 0)); then
    resources=(--gres="gpu:$gpus")
fi
task=$(printf '%q ' "${PYTHON:-python}" -u "$here/predict.py" "$@" --num-shards "$num_shards")

# SBATCH_ARGS holds several words.
# shellcheck disable=SC2086
PYTHONPATH=$here/..${PYTHONPATH:+:$PYTHONPATH} exec sbatch \
    --partition="$partition" --job-name="$job_name" --array="${ARRAY:-0-$((num_shards - 1))}" \
    ${resources[@]+"${resources[@]}"} --cpus-per-task="${CPUS_PER_TASK:-5}" \
    ${SBATCH_ARGS:-} --wrap="exec $task--shard \$SLURM_ARRAY_TASK_ID"
