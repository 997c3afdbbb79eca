#!/usr/bin/env bash
# Sends SIGTERM to a training job at many instants (start, training, evaluation, checkpoint), starts it again each time, and checks that every
# step ever applied was handed over and that the weights end as those of a run left alone. The last line is the verdict; exit code 0 or 1.
#   scripts/bench-preemption.sh [--times 100] [--seed 1] [--grace 30]
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_sdk
build src/KaleidoDist.Cli
exec python3 "$root/scripts/bench/preemption.py" "$@"
