#!/bin/sh
# oclgrind.sh [BUILD]: every op's kernels in Oclgrind, an interpreter that sees races between work items and accesses beyond
# buffers, with a build folder (default: build). Small cases only: it is slow. Ends with "N passed, N failed, N skipped".
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-$top/build}" && pwd) || exit 1
limit=${OCLGRIND_LIMIT:-20000} # operations of a case
skip() { echo "skipped: kernels in Oclgrind: $*"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
command -v oclgrind > /dev/null || skip "it is not here (Debian: package oclgrind)"
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-oclgrind.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
facies=$build/facies
"$facies" devices 2>&1 | grep -q 'built without OpenCL' && skip "$build is built without OpenCL"

passed=0 failed=0
for op in $("$facies" list ops --csv - | sed '1d;s/,.*//'); do
    oclgrind --data-races --check-api --max-errors 8 --log "$work/log" "$facies" check --device Oclgrind --ops "$op" \
        --limit "$limit" --csv "$work/check.csv" > "$work/output" 2> "$work/message"
    status=$?
    if [ "$status" = 0 ] && [ ! -s "$work/log" ] && grep -q "^$op,.*,pass," "$work/check.csv"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $op (status $status)"
        grep FAIL "$work/check.csv" | head -n 5
        tail -n 2 "$work/message"
        head -n 40 "$work/log"
    fi
    rm -f "$work"/*
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
