#!/bin/bash
# One run on the devices of all nodes of a SLURM job:
#
#     sbatch --nodes=2 docs/clusters/slurm.sh --config configs/emnist_letternet_m.py
#
# Submit it in the root of the checkout, on a disk that all nodes share. A run that is told to stop saves and ends
# with code 75; the job then goes back to the queue and continues.
#SBATCH --job-name=jaxletters
#SBATCH --output=jaxletters-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# One process on each node, with all its GPUs; add --gpus-per-node where your cluster has them.
#SBATCH --ntasks-per-node=1
# SIGTERM two minutes before the end of the time that the job has.
#SBATCH --signal=TERM@120

srun python launch.py --processes auto "$@"
code=$?
if [ "$code" -eq 75 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
