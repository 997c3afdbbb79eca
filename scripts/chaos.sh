#!/usr/bin/env bash
# The proof under faults: trains a small job undisturbed, then the same job under a seeded nemesis (kills, hangs, resets, partitions,
# a dead coordinator, joins, drains ...), and compares samples, losses and weights. The last line is the verdict; exit code 0 or 1.
#   scripts/chaos.sh                              about 3 minutes
#   scripts/chaos.sh --minutes 60 --seed 7        an hour of other faults
#   scripts/chaos.sh --kinds kill-rank,join       some faults only; --help names them all
# Partitions need root, iproute2 and iptables (scripts/setup-peers.sh); without them the other faults are run, and it says so.
# Logs of a run that failed are kept in artifacts/chaos/seed-N.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_sdk
build src/KaleidoDist.Cli
build tests/KaleidoDist.Chaos
exec "$root/artifacts/bin/KaleidoDist.Chaos/release_linux-x64/KaleidoDist.Chaos" "$@"
