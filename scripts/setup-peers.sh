#!/usr/bin/env bash
# Installs what 'kaleido bench' and scripts/bench-network.sh compare with: gloo (PyTorch), Open MPI, iperf3. Debian 12 or Ubuntu; needs root.
set -euo pipefail

apt-get update
apt-get install --yes --no-install-recommends \
    python3-torch libopenblas0-pthread \
    python3-mpi4py openmpi-bin \
    iproute2 iperf3
