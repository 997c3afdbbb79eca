#!/usr/bin/env bash
# Builds everything and runs every test; the last line is 'N passed, N failed'. Exit code 0 only when all passed.
# With arguments, only test projects whose names contain one of them: scripts/test.sh Data Checkpoints
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_sdk
build KaleidoDist.sln

passed=0 failed=0 broken=0
for project in tests/*.Tests; do
  name=${project#tests/KaleidoDist.}
  if [ $# -gt 0 ]; then
    wanted=no
    for filter in "$@"; do [[ "$name" == *"$filter"* ]] && wanted=yes; done
    [ "$wanted" = yes ] || continue
  fi
  log=$(mktemp)
  started=$SECONDS
  dotnet test "$project" -c Release --no-build --nologo --blame-hang-timeout 5m --blame-hang-dump-type none \
    --logger "console;verbosity=minimal" >"$log" 2>&1 || true
  summary=$(grep -E '(Passed|Failed)! +- Failed:' "$log" | tail -n 1 || true)
  if [ -z "$summary" ]; then
    # A run without a summary did not finish: a crash or a hang, never a pass.
    broken=$((broken + 1))
    echo "--- $name ended without a result"
    tail -n 60 "$log"
  else
    project_failed=$(sed -E 's/.*Failed: +([0-9]+).*/\1/' <<<"$summary")
    project_passed=$(sed -E 's/.*Passed: +([0-9]+),.*/\1/' <<<"$summary")
    skipped=$(sed -E 's/.*Skipped: +([0-9]+).*/\1/' <<<"$summary")
    passed=$((passed + project_passed))
    failed=$((failed + project_failed))
    printf '%-24s %4d passed, %d failed, %d skipped, %3d s\n' "$name" "$project_passed" "$project_failed" "$skipped" $((SECONDS - started))
    [ "$project_failed" = 0 ] || grep -vE '^\s*$' "$log" | tail -n 120
  fi
  rm -f "$log"
done

failed=$((failed + broken))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
