#!/usr/bin/env bash
# All-reduce between hosts: ranks in network namespaces, joined by a bridge, each behind a link of RATE in both directions.
# Prints the rate that iperf3 gets out of one such link, and then, for f32 and bf16 on the wire and for gloo, how much of it an
# all-reduce uses (bus bandwidth: bytes/second x 2(n-1)/n, counted as float32). Needs root, iproute2 and iperf3 (scripts/setup-peers.sh).
#
#   scripts/bench-network.sh [--ranks 4] [--rate 1gbit] [--sizes 25MiB,100MiB] [--turns 3] [--peers gloo]
set -euo pipefail
cd "$(dirname "$0")/.."

ranks=4 rate=1gbit sizes=25MiB,100MiB turns=3 peers=gloo
while [ $# -gt 0 ]; do
    case "$1" in
        --ranks | --rate | --sizes | --turns | --peers) declare "${1#--}=$2" && shift 2 ;;
        *) echo "Unknown option '$1'; expected --ranks, --rate, --sizes, --turns or --peers." >&2 && exit 2 ;;
    esac
done

id="kb$$"          # Names of this run only: other namespaces stay as they are.
bridge="${id}br"
network=10.213.77  # Exists only on the bridge.

cleanup() {
    for ((r = 0; r < ranks; r++)); do ip netns delete "$id-$r" 2>/dev/null || true; done
    ip link delete "$bridge" 2>/dev/null || true
}
trap cleanup EXIT

ip link add "$bridge" type bridge
ip address add "$network.254/24" dev "$bridge"
ip link set "$bridge" up
addresses=
for ((r = 0; r < ranks; r++)); do
    ip netns add "$id-$r"
    ip link add "${id}v$r" type veth peer name eth0 netns "$id-$r"
    ip link set "${id}v$r" master "$bridge" up
    ip -n "$id-$r" address add "$network.$((r + 1))/24" dev eth0
    ip -n "$id-$r" link set lo up
    ip -n "$id-$r" link set eth0 up
    # Both directions of the link: what the rank sends, and what the bridge sends to it.
    ip netns exec "$id-$r" tc qdisc add dev eth0 root tbf rate "$rate" burst 128kb latency 50ms
    tc qdisc add dev "${id}v$r" root tbf rate "$rate" burst 128kb latency 50ms
    addresses+="${addresses:+,}$network.$((r + 1))"
done

ip netns exec "$id-0" iperf3 --server --one-off --daemon
for _ in $(seq 50); do ip netns exec "$id-0" ss -Hltn 'sport = :5201' | grep -q . && break; done
wire=$(ip netns exec "$id-1" iperf3 --client "$network.1" --time 5 --omit 1 --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 8)')

kaleido=${KALEIDO:-artifacts/publish/KaleidoDist.Cli/release_linux-x64/kaleido}
GLOO_SOCKET_IFNAME=eth0 "$kaleido" bench allreduce --json \
    --launcher "ip netns exec $id-{rank}" --addresses "$addresses" --control-address "$network.254" \
    --ranks "$ranks" --sizes "$sizes" --turns "$turns" --transport tcp,bf16 --peers "$peers" |
    python3 -c '
import json, sys
wire, ranks = float(sys.argv[1]), int(sys.argv[2])
print(f"iperf3: {wire / 1e6:.1f} MB/s")
print(f"{ranks} ranks      bytes   median s   fastest   slowest   bus MB/s   of iperf3")
for line in sys.stdin:
    f = json.loads(line)
    bus = f["bytes"] / f["median"] * 2 * (ranks - 1) / ranks
    print("%-8s %10d %10.4f %9.4f %9.4f %10.1f %9.1f %%" % (
        f["library"], f["bytes"], f["median"], min(f["seconds"]), max(f["seconds"]), bus / 1e6, 100 * bus / wire), flush=True)
' "$wire" "$ranks"
