#!/usr/bin/env bash
# Installs what 'kaleido bench' and scripts/bench-network.sh compare with: PyTorch (gloo, DataLoader with PIL), Open MPI, iperf3;
# and the object stores that tests talk to. Debian 12 or Ubuntu; needs root.
set -euo pipefail

# A Node.js from elsewhere brings npm, and Debian's would not go with it.
node=()
command -v npm >/dev/null || node=(nodejs npm)

apt-get update
apt-get install --yes --no-install-recommends \
    python3-torch libopenblas0-pthread python3-pil \
    python3-mpi4py openmpi-bin \
    iproute2 iperf3 \
    python3-venv "${node[@]}"

# Object stores that somebody else wrote, for the tests of checkpoint.store: Moto honours If-None-Match, s3rver does not.
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/artifacts/peers
npm install --silent --no-audit --no-fund --prefix "$peers/s3rver" s3rver@3.7.1
python3 -m venv "$peers/moto"
"$peers/moto/bin/pip" install --quiet 'moto[s3,server]=='5.2.1
