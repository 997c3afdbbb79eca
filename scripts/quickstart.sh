#!/usr/bin/env bash
# Builds KaleidoDist and pretrains a small Kaleido-BERT on the pictures in configs/data: two rank processes under an
# Orleans coordinator on this machine. Ctrl-C stops with a checkpoint; the same command goes on from there.
# Arguments are passed on to 'kaleido train', for example: scripts/quickstart.sh --workers 1
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_sdk
echo "Building (the first time restores packages, about 700 MB with libtorch) ..."
build src/KaleidoDist.Cli
exec "$kaleido" train configs/quickstart.yaml "$@"
