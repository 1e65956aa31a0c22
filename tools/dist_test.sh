#!/usr/bin/env bash
# Test a checkpoint in several processes: one per GPU, or as many as asked for on CPUs.
set -euo pipefail

if [ $# -lt 3 ]; then
    cat >&2 <<'USAGE'
usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENT ...]

  CONFIG      config file
  CHECKPOINT  checkpoint file
  GPUS        number of GPUs of this machine, one process each; without GPUs, number of processes
  ARGUMENT    passed on to tools/test.py

Several machines: run it on each, with these in the environment.
  NNODES       number of machines (1)
  NODE_RANK    which of them this is, from 0 on (0)
  MASTER_ADDR  address of machine 0 (127.0.0.1)
  PORT         port of machine 0 (29500; on a single machine, a free one)
USAGE
    exit 2
fi
config=$1
checkpoint=$2
processes=$3
shift 3
exec bash "$(dirname "${BASH_SOURCE[0]}")/dist_run.sh" test.py "$processes" "$config" "$checkpoint" "$@"
