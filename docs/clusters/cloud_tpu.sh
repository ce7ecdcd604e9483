#!/bin/bash
# One run on all hosts of a Cloud TPU, from your own machine:
#
#     docs/clusters/cloud_tpu.sh NAME ZONE --config configs/emnist_letternet_m.py --workdir /mnt/shared/run
#
# The package must be installed on every host (--worker=all). Only the first host reads the data and the run folder;
# put the folder on a disk that survives the TPU. The exit code is 75 after an interruption: run the same line again.
set -euo pipefail
name=$1 zone=$2
shift 2
exec gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all \
    --command="cd jaxletters && python launch.py --processes auto $(printf '%q ' "$@")"
