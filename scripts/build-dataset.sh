#!/usr/bin/env bash
# Builds configs/data/openclipart from Debian's Open Clip Art packages. The result is in the repository; run this only to check it
# or to change it. Needs a Debian or Ubuntu machine, python3 and the .NET SDK. Same packages, same bytes.
#
#   scripts/build-dataset.sh [OUT]        default OUT: configs/data/openclipart
set -euo pipefail
cd "$(dirname "$0")/.."

out="${1:-configs/data/openclipart}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

for tool in apt-get dpkg-deb python3 dotnet; do
  command -v "$tool" >/dev/null || { echo "$tool is missing; this script needs Debian or Ubuntu with python3 and the .NET SDK" >&2; exit 2; }
done

# Downloading needs no root and installs nothing; OPENCLIPART_DEBS may name a folder that has the two packages already.
debs="${OPENCLIPART_DEBS:-$work/debs}"
if [ ! -d "$debs" ]; then
  mkdir -p "$debs"
  (cd "$debs" && apt-get download openclipart-svg openclipart-png) ||
    { echo "the packages could not be downloaded; run 'apt-get update' as root first" >&2; exit 1; }
fi
for package in openclipart-svg openclipart-png; do
  dpkg-deb -x "$debs/$package"_*.deb "$work/root"
done

source_folder="$work/root/usr/share/openclipart"
python3 scripts/openclipart_metadata.py "$source_folder" > "$work/list.jsonl"
dotnet run -c Release --project src/KaleidoDist.Cli -- data import "$source_folder/png" "$work/list.jsonl" "$out" \
  --validation 0.1 --max-side 112 --square --quality 82 --row-group-rows 100 --file-rows 640 --seed 1 --overwrite

# The journal of the import has times and paths of this machine.
rm -f "$out/import.json" "$out/skipped.jsonl"
(cd "$out" && sha256sum train/*.parquet valid/*.parquet > SHA256SUMS)
du -sh "$out"
