#!/bin/sh
# Fails when a GPU that this node should have did not come up.
set -eu

. /etc/gpu-inventory.conf

index=0
while [ "$index" -lt "$GPUS" ]; do
    if [ ! -c "/dev/nvidia$index" ]; then
        echo "gpu-inventory: /dev/nvidia$index is missing, expected $GPUS GPUs" >&2
        exit 1
    fi
    index=$((index + 1))
done
