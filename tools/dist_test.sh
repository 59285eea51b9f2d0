#!/usr/bin/env bash
# Evaluates with several processes, one per GPU, or on CPUs over gloo where there is no GPU:
#
#   tools/dist_test.sh CONFIG [CHECKPOINT] GPUS [options of tools/test.py]
#
# An ensemble has no CHECKPOINT.
# On several machines, once on each with NNODES, NODE_RANK (0, 1, ...), and MASTER_ADDR and PORT of
# the first one in the environment.
set -euo pipefail

if (($# < 2)); then
    sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$1
shift
checkpoint=()
if [[ ! $1 =~ ^[0-9]+$ ]]; then
    checkpoint=("$1")
    shift
fi
gpus=${1:?the number of GPUS is missing}
shift

PYTHONPATH=$here/..${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$gpus" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$here/test.py" "$config" ${checkpoint[@]+"${checkpoint[@]}"} --launcher pytorch "$@"
