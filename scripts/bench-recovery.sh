#!/usr/bin/env bash
# Measures recovery against torchrun (Debian's torch 1.13.1) on this machine, both sides in turns: start to first step, SIGKILL of a rank,
# loss of a node, join, and how long a stopped rank stays unnamed. Prints medians, spreads and ratios.
#   scripts/bench-recovery.sh [--runs 5] [--only kaleido|torchrun]
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_sdk
build src/KaleidoDist.Cli
scripts/setup-peers.sh
exec /usr/bin/python3 scripts/bench/recovery.py "$@"
