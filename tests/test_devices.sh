#!/bin/sh
# test_devices.sh: the cross-check of every op on every OpenCL device that is here, and what is said where none is, or where
# a driver is named that is not there.
set -u
facies=${top_builddir:-.}/facies
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-devices.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

"$facies" devices --csv "$work/devices.csv" > /dev/null 2> "$work/notes" || fail "facies devices"
grep -q '^cpu,' "$work/devices.csv" || fail "facies devices does not list the cpu"
if grep -q 'built without OpenCL' "$work/notes"; then
    "$facies" check --device 1 2> "$work/message" && fail "a device without OpenCL"
    grep -q 'built without OpenCL' "$work/message" || fail "no word that OpenCL is missing: $(cat "$work/message")"
    echo "skipped: the cross-check on OpenCL devices: built without OpenCL"
    exit 77
fi

# A folder of drivers that is empty, and one that names a file that is not there: a clear line, and the cpu works on.
mkdir "$work/none" "$work/broken"
echo /nowhere/libnothing.so > "$work/broken/broken.icd"
for drivers in none broken; do
    OCL_ICD_VENDORS="$work/$drivers/" OPENCL_VENDOR_PATH="$work/$drivers/" \
        "$facies" check --device 1 --ops add > /dev/null 2> "$work/message"
    [ $? = 1 ] || fail "$drivers: not status 1"
    [ "$(wc -l < "$work/message")" = 1 ] || fail "$drivers: more than one line: $(cat "$work/message")"
    grep -q 'no OpenCL device is here' "$work/message" || fail "$drivers: $(cat "$work/message")"
    OCL_ICD_VENDORS="$work/$drivers/" "$facies" devices > /dev/null 2>&1 || fail "$drivers: facies devices"
done

count=$(grep -c '^[1-9]' "$work/devices.csv")
[ "$count" -gt 0 ] || { echo "skipped: the cross-check on OpenCL devices: none is here"; exit 77; }
"$facies" check --device $((count + 1)) 2> "$work/message" && fail "a device behind the last"
grep -q 'not here' "$work/message" || fail "a device behind the last: $(cat "$work/message")"
number=1
while [ "$number" -le "$count" ]; do
    "$facies" check --device "$number" --csv "$work/check.csv" > /dev/null 2> "$work/message" || {
        grep FAIL "$work/check.csv" | head -n 20 >&2
        fail "device $number: $(tail -n 1 "$work/message")"
    }
    # Every op with every test that a device has a part in.
    rows=$(grep -c ',pass,' "$work/check.csv")
    [ "$rows" -ge 200 ] || fail "device $number: only $rows rows"
    for op in $("$facies" list ops --csv - | sed '1d;s/,.*//'); do
        grep -q "^$op," "$work/check.csv" || fail "device $number: nothing of $op"
    done
    number=$((number + 1))
done
