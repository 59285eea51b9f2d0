#!/usr/bin/env bash
# Evaluates as a Slurm job, one process per GPU:
#
#   tools/slurm_test.sh PARTITION JOB_NAME CONFIG [CHECKPOINT] [options of tools/test.py]
#
# An ensemble has no CHECKPOINT.
# From the environment: GPUS in all (8), GPUS_PER_NODE (the smaller of GPUS and 8; 0 for a job on
# CPUs, of GPUS processes), CPUS_PER_TASK (5), SRUN_ARGS, and PORT of the first node (29500).
set -euo pipefail

if (($# < 3)); then
    sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
partition=$1
job_name=$2
config=$3
shift 3

gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
resources=()
if ((per_node > 0)); then
    resources=(--gres="gpu:$per_node" --ntasks-per-node="$per_node")
fi

# SRUN_ARGS holds several words.
# shellcheck disable=SC2086
PYTHONPATH=$here/..${PYTHONPATH:+:$PYTHONPATH} MASTER_PORT=${PORT:-29500} exec srun \
    --partition="$partition" --job-name="$job_name" --ntasks="$gpus" \
    ${resources[@]+"${resources[@]}"} --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$here/test.py" "$config" "$@" --launcher slurm
