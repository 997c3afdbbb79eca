#!/usr/bin/env bash
# Builds everything and runs every test; the last line is 'N passed, N failed'. Exit code 0 only when all passed.
# With arguments, only test projects whose names contain one of them: scripts/test.sh Data Checkpoints
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_sdk
build KaleidoDist.sln

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# wanted PROJECT [FILTER...]
wanted() {
  local name=${1#tests/KaleidoDist.} filter
  [ $# -gt 1 ] || return 0
  for filter in "${@:2}"; do [[ "$name" == *"$filter"* ]] && return 0; done
  return 1
}

# run PROJECT: its log goes to $logs/NAME.log, how long it took to $logs/NAME.seconds
run() {
  local name=${1#tests/KaleidoDist.} started=$SECONDS
  dotnet test "$1" -c Release --no-build --nologo --blame-hang-timeout 5m --blame-hang-dump-type none \
    --logger "console;verbosity=minimal" >"$logs/$name.log" 2>&1 || true
  echo $((SECONDS - started)) >"$logs/$name.seconds"
}

passed=0 failed=0
# report PROJECT: prints the result of a run and counts it
report() {
  local name=${1#tests/KaleidoDist.} summary project_passed project_failed skipped
  summary=$(grep -E '(Passed|Failed)! +- Failed:' "$logs/$name.log" | tail -n 1 || true)
  if [ -z "$summary" ]; then
    # A run without a summary did not finish: a crash or a hang, never a pass.
    failed=$((failed + 1))
    echo "--- $name ended without a result"
    tail -n 60 "$logs/$name.log"
    return
  fi
  project_failed=$(sed -E 's/.*Failed: +([0-9]+).*/\1/' <<<"$summary")
  project_passed=$(sed -E 's/.*Passed: +([0-9]+),.*/\1/' <<<"$summary")
  skipped=$(sed -E 's/.*Skipped: +([0-9]+).*/\1/' <<<"$summary")
  passed=$((passed + project_passed))
  failed=$((failed + project_failed))
  printf '%-24s %4d passed, %d failed, %d skipped, %3d s\n' "$name" "$project_passed" "$project_failed" "$skipped" "$(cat "$logs/$name.seconds")"
  [ "$project_failed" = 0 ] || grep -vE '^\s*$' "$logs/$name.log" | tail -n 120
}

# Whole clusters wait a good deal, for leases and for cuts to be noticed: the other tests run meanwhile.
clusters=tests/KaleidoDist.Integration.Tests
lane=
if wanted "$clusters" "$@"; then
  run "$clusters" &
  lane=$!
fi
for project in tests/*.Tests; do
  [ "$project" != "$clusters" ] && wanted "$project" "$@" || continue
  run "$project"
  report "$project"
done
if [ -n "$lane" ]; then
  wait "$lane"
  report "$clusters"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
