#!/bin/sh
# run.sh: installs what is missing, builds, and runs all tests. Ends with "N passed, N failed, N skipped".
# Options after -- go to configure; BUILD names the build folder (default: build).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$top/build}
[ "${1:-}" != -- ] || shift
sh "$top/setup.sh" "$build" "$@"
cd "$build"
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
status=0
rm -f test-suite.log
make -s -j"$jobs" check VERBOSE=1 >check.log 2>&1 || status=$?
sed -n '/^PASS\|^FAIL\|^SKIP\|^ERROR\|^XPASS/p' check.log
[ "$status" = 0 ] || cat check.log
# of the tests' own summary: check.log repeats it when one fails
count() { sed -n "s/^# $1: *//p" test-suite.log 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }
passed=$(count PASS)
failed=$(($(count FAIL) + $(count ERROR) + $(count XPASS)))
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
if [ "$passed" = 0 ]; then echo "run.sh: no test ran" >&2; status=1; fi
for log in tests/*.log; do
    [ ! -f "$log" ] || sed -n "s|^skipped: |skipped in $log: |p" "$log"
done
echo "$passed passed, $failed failed, $(count SKIP) skipped"
exit "$status"
