#!/bin/sh
# oclgrind.sh [BUILD]: every op's kernels in Oclgrind, an interpreter that sees races between work items and accesses beyond
# buffers, with a build folder (default: build). Each op twice: as a processor's kernels and as a GPU's. Small cases only: it
# is slow. Ends with "N passed, N failed, N skipped".
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-$top/build}" && pwd) || exit 1
limit=${OCLGRIND_LIMIT:-20000} # operations of a case
skip() { echo "skipped: kernels in Oclgrind: $*"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
command -v oclgrind > /dev/null || skip "it is not here (Debian: package oclgrind)"
prefix=$(dirname "$(dirname "$(realpath "$(command -v oclgrind)")")")
driver=$(find "$prefix"/lib* -name liboclgrind-rt-icd.so 2>/dev/null | head -n 1)
[ -n "$driver" ] || skip "it comes without liboclgrind-rt-icd.so, which the loader needs"
"$build/facies" devices 2>&1 | grep -q 'built without OpenCL' && skip "$build is built without OpenCL"
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-oclgrind.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/vendors"
echo "$driver" > "$work/vendors/oclgrind.icd"
export OCL_ICD_VENDORS="$work/vendors/" OCLGRIND_LOG="$work/log" OCLGRIND_MAX_ERRORS=8
export OCLGRIND_DATA_RACES=1 OCLGRIND_CHECK_API=1
# tests/faulty-opencl.c makes it a GPU; `make check` builds it.
shim=$build/tests/.libs/faulty-opencl.so
[ -f "$shim" ] || skip "$shim is not built (make check)"

passed=0 failed=0
for kind in processor gpu; do
    if [ "$kind" = gpu ]; then export FAULTY=gpu LD_PRELOAD="$shim"; fi
    for op in $("$build/facies" list ops --csv - | sed '1d;s/,.*//'); do
        rm -f "$work/log"
        "$build/facies" check --device Oclgrind --ops "$op" --limit "$limit" --csv "$work/check.csv" > "$work/output" \
            2> "$work/message"
        status=$?
        if [ "$status" = 0 ] && [ ! -s "$work/log" ] && grep -q "^$op,.*Oclgrind.*,pass," "$work/check.csv"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED: $op as a $kind's (status $status)"
            grep FAIL "$work/check.csv" | head -n 5
            tail -n 2 "$work/message"
            head -n 40 "$work/log"
        fi
        rm -f "$work/check.csv"
    done
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
