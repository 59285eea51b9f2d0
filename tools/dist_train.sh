#!/usr/bin/env bash
# Trains with several processes, one per GPU, or on CPUs over gloo where there is no GPU:
#
#   tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
#
# On several machines, once on each with NNODES, NODE_RANK (0, 1, ...), and MASTER_ADDR and PORT of
# the first one in the environment.
set -euo pipefail

if (($# < 2)); then
    sed -n 's/^# \{0,1\}//; 2,7p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$1
gpus=$2
shift 2

PYTHONPATH=$here/..${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$gpus" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$here/train.py" "$config" --launcher pytorch "$@"
