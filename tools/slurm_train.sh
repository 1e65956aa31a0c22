#!/usr/bin/env bash
# Train on a Slurm cluster.
set -euo pipefail

if [ $# -lt 3 ]; then
    cat >&2 <<'USAGE'
usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [ARGUMENT ...]

  PARTITION  where to run
  JOB_NAME   what the queue shows
  CONFIG     config file
  ARGUMENT   passed on to tools/train.py

In the environment:
  GPUS           number of GPUs, one process each (8)
  GPUS_PER_NODE  GPUs per machine (8, or GPUS if that is less)
  CPUS_PER_TASK  cores per process, for its loader workers (5)
  SRUN_ARGS      more arguments of srun, separated by spaces
USAGE
    exit 2
fi
partition=$1
job_name=$2
config=$3
shift 3

GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
python=${PYTHON:-python}
if [ -z "${PYTHON:-}${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x "$root/.venv/bin/python" ]; then
    python=$root/.venv/bin/python
fi

# shellcheck disable=SC2086  # SRUN_ARGS is several arguments
exec srun -p "$partition" \
    --job-name="$job_name" \
    --gres="gpu:$GPUS_PER_NODE" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "$python" -u "$root/tools/train.py" "$config" --launcher slurm "$@"
