#!/usr/bin/env bash
# Train in several processes: one per GPU, or as many as asked for on CPUs.
set -euo pipefail

if [ $# -lt 2 ]; then
    cat >&2 <<'USAGE'
usage: tools/dist_train.sh CONFIG GPUS [ARGUMENT ...]

  CONFIG    config file
  GPUS      number of GPUs of this machine, one process each; without GPUs, number of processes
  ARGUMENT  passed on to tools/train.py

Several machines: run it on each, with these in the environment.
  NNODES       number of machines (1)
  NODE_RANK    which of them this is, from 0 on (0)
  MASTER_ADDR  address of machine 0 (127.0.0.1)
  PORT         port of machine 0 (29500; on a single machine, a free one)
USAGE
    exit 2
fi
config=$1
processes=$2
shift 2
exec bash "$(dirname "${BASH_SOURCE[0]}")/dist_run.sh" train.py "$processes" "$config" "$@"
