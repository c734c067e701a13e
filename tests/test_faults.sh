#!/bin/sh
# test_faults.sh: what facies does on OpenCL devices that are worse than those at hand: that compute wrong numbers, are lost
# or full in mid-run, do not compile, are limited, or cannot keep anything. tests/faulty-opencl.c, loaded in front of the
# loader, makes the first device so.
set -u
top=${top_builddir:-.}
facies=$top/facies
shim=$top/tests/.libs/faulty-opencl.so
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-faults.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
export POCL_CACHE_DIR="${POCL_CACHE_DIR:-$work/pocl}" # PoCL's own, else it would begin anew with each of our cache folders
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: faults of OpenCL devices: $*"; exit 77; }

[ -f "$shim" ] || skip "$shim is not built"
XDG_CACHE_HOME=$work/cache "$facies" devices --csv "$work/devices.csv" > /dev/null 2>&1 || fail "facies devices"
grep '^1,' "$work/devices.csv" | grep -vq Oclgrind || skip "no device is here, or only Oclgrind"
name=$(sed -n 's/^1,[^,]*,"*\([^,"]*\),.*/\1/p' "$work/devices.csv")

# faulty CACHE FAULTS ARGUMENT...: facies with the cache folder $work/CACHE; what it says is in $work/message.
faulty() {
    cache=$work/$1 faults=$2
    shift 2
    rm -f "$work/log"
    env XDG_CACHE_HOME="$cache" FAULTY="$faults" FAULTY_LOG="$work/log" LD_PRELOAD="$(realpath "$shim")" "$facies" "$@" \
        > "$work/output" 2> "$work/message"
}
says() { grep -q "$1" "$work/message" || fail "$2: no \"$1\" in: $(cat "$work/message")"; }
silent() { ! grep -q "$1" "$work/message" || fail "$2: $(cat "$work/message")"; }
one_line() { [ "$(grep -c '^facies: ' "$work/message")" = 1 ] || fail "$1: not one line: $(cat "$work/message")"; }
called() { grep -c "^$1" "$work/log"; }
first_check="check --device 1 --ops add,tanh"

# The self-test runs once per device and driver, and again where its verdict was damaged.
faulty kept "" $first_check || fail "check: $(cat "$work/message")"
says "first use with this driver" "the first use"
faulty kept "" $first_check || fail "second check"
silent "first use" "the second use"
faulty kept "" devices
grep -q "self-test: passed" "$work/output" || fail "facies devices: $(cat "$work/output")"
faulty kept "renamed" $first_check || fail "another driver"
says "first use" "another driver"
for damage in 'printf ""' 'head -c 20' 'printf "facies cache 1 99999999999999999999 7 0123456789abcdef\n"' \
    'printf "facies cache 1 3 18446744073709551615 0123456789abcdef\nabc"' "tr a-z b-za" 'head -c 3000 /dev/urandom'; do
    for file in "$work"/kept/facies/*; do
        eval "$damage" < "$file" > "$work/damaged"
        cp "$work/damaged" "$file"
    done
    faulty kept "" $first_check || fail "$damage: status $?: $(cat "$work/message")"
    says "first use" "a verdict after $damage"
done
faulty kept "" $first_check || fail "check after damage"
silent "first use" "a verdict that was damaged and replaced"
[ -z "$(find "$work/kept/facies" -name '*.tmp')" ] || fail "temporary files in the cache"

# Programs: what was built is kept, and built again where it was damaged.
faulty programs renamed $first_check || fail "programs"
[ "$(called source)" -gt 4 ] || fail "the first run built $(called source) programs"
faulty programs renamed $first_check || fail "programs, kept"
[ "$(called source)" = 0 ] || fail "the second run built $(called source) programs"
[ "$(called binary)" -gt 0 ] || fail "the second run took no binary"
for file in "$work"/programs/facies/program-*; do
    head -c 200 "$file" > "$work/damaged"
    cp "$work/damaged" "$file"
done
faulty programs renamed $first_check || fail "programs, damaged"
[ "$(called binary)" = 0 ] || fail "a damaged binary was given to the driver"
[ "$(called source)" -gt 0 ] || fail "nothing was built again"
faulty programs renamed $first_check || fail "programs, kept again"
[ "$(called source)" = 0 ] || fail "the fourth run built $(called source) programs"

# A folder that cannot be written, and none at all: one note.
faulty ../../dev/null/no "" $first_check || fail "no cache: $(cat "$work/message")"
[ "$(grep -c 'nothing is kept' "$work/message")" = 1 ] || fail "no cache: not one note: $(cat "$work/message")"
env -u HOME -u XDG_CACHE_HOME "$facies" $first_check > /dev/null 2> "$work/message" || fail "neither HOME nor XDG_CACHE_HOME"
says "neither XDG_CACHE_HOME nor HOME" "no home"

# Any kernel that leaves something out: found.
for kernel in gather weights weights_few sum random chain multiply; do
    export FAULTY_KERNEL="$kernel"
    faulty "wrong-$kernel" short=1 $first_check # which may find it too
    says "failed its self-test" "kernel $kernel leaves a group out"
done
# A device that computes large products wrong: found, refused, listed; used by who asks for it.
wrong="short=300" # as no small product has
export FAULTY_KERNEL=multiply
image="$work/ti.png"
"$facies" synth channels --size 96x96 --seed 3 -o "$image" || fail "synth"
run="--set train.checkpoint_every=5 --set train.sample_every=1000 --set train.log_every=1 --set train.batch=1
    --set train.calibration=1 --set train.samples=1 --set data.size=64 --threads 1"
faulty wrong "$wrong" train dsgan-tiny --device 1 --data "$image" -o "$work/refused" $run --steps 2 && fail "a wrong product"
one_line "a wrong product"
says "failed its self-test (product 1152x1152x1152: .* rows are wrong)" "a wrong product"
[ ! -e "$work/refused" ] || fail "a refused device left a run behind"
faulty wrong "$wrong" devices
grep -q "self-test: product 1152" "$work/output" || fail "facies devices with a wrong product: $(cat "$work/output")"
faulty wrong "$wrong" $first_check || fail "check on a device that failed: $(cat "$work/message")"
says "note: device .*: failed its self-test" "check on a device that failed"
faulty wrong "$wrong" train dsgan-tiny --untrusted --device 1 --data "$image" -o "$work/untrusted" $run --steps 1 --quiet ||
    fail "--untrusted: $(cat "$work/message")"

# A compiler that fails: its words, and a line that says what was built.
faulty broken "compiler=1" train dsgan-tiny --device 1 --data "$image" -o "$work/refused" $run --steps 2 && fail "no compiler"
one_line "no compiler"
says "the kernel does not compile" "no compiler"
says "error" "no compiler: its log"
[ -z "$(ls "$work"/broken/facies/verdict-* 2>/dev/null)" ] || fail "no compiler: a verdict was kept"

# Lost, and out of memory, in the middle of a run: the last checkpoint is whole, and as it would have been.
faulty kept "" train dsgan-tiny --device 1 --data "$image" -o "$work/whole" $run --steps 10 --quiet || fail "a run: $(cat "$work/message")"
launches=$(sed -n 's/^launches //p' "$work/log")
for fault in lost full; do
    faulty kept "$fault=$launches" train dsgan-tiny --device 1 --data "$image" -o "$work/$fault" $run --steps 1000 --quiet && fail "$fault"
    one_line "$fault"
    says "device .* is given up, start again (from the last checkpoint)" "$fault"
    [ "$(called 'call to a lost device')" = 0 ] || fail "$fault: $(grep '^call' "$work/log")"
    step=$(grep -ao '"step":"[0-9]*"' "$work/$fault/checkpoint.safetensors" | tr -dc 0-9)
    [ "$step" -ge 5 ] || fail "$fault: no checkpoint before the fault"
    faulty kept "" train dsgan-tiny --device 1 --data "$image" -o "$work/$fault-whole" $run --steps "$step" --quiet || fail "a run to $step"
    cmp "$work/$fault-whole/checkpoint.safetensors" "$work/$fault/checkpoint.safetensors" || fail "$fault: another checkpoint"
    "$facies" train --resume -o "$work/$fault" --steps $((step + 2)) --quiet --threads 1 2> "$work/message" ||
        fail "$fault: resume on the cpu: $(cat "$work/message")"
done

# More memory than there is: said before the run, which leaves nothing behind.
faulty kept "memory=2000000" train dsgan-tiny --device 1 --data "$image" -o "$work/large" $run --steps 2 && fail "little memory"
one_line "little memory"
says "MiB are needed, it has 1.9 MiB" "little memory"
[ ! -e "$work/large" ] || fail "little memory: a run was left behind"
# A buffer that says no though it should fit (others have taken the memory).
faulty kept "largest=300000" train dsgan-tiny --device 1 --data "$image" -o "$work/large" $run --steps 2 && fail "no buffer"
one_line "no buffer"
says "gives no buffer of" "no buffer"

# Devices with small limits, with flushed denormals, and GPUs: the same numbers; an arena of many buffers gives the same bits.
ops="--ops matmul,conv,conv_dx,conv_dw,sum,softmax,mul,tanh,pad,max_pool,random_normal"
for faults in "group=1" "group=64 local=32768" "barrier=1" "buffer=1000000" "flush" "gpu" "gpu group=64 local=32768" \
    "gpu barrier=1"; do
    faulty "limits" "$faults renamed" check --device 1 $ops --limit 300000 --csv "$work/check.csv" || {
        grep FAIL "$work/check.csv" | head -n 5 >&2
        fail "$faults: $(tail -n 1 "$work/message")"
    }
    silent "failed its self-test" "$faults"
    [ "$(grep -c ,pass, "$work/check.csv")" -gt 60 ] || fail "$faults: $(wc -l < "$work/check.csv") rows"
done
faulty kept "buffer=1000000" train dsgan-tiny --device 1 --data "$image" -o "$work/slabs" $run --steps 10 --quiet ||
    fail "small buffers: $(cat "$work/message")"
cmp "$work/whole/checkpoint.safetensors" "$work/slabs/checkpoint.safetensors" || fail "small buffers change bits"
for faults in "" "buffer=400000"; do
    faulty kept "$faults" generate "$work/whole" --device 1 --size 256x224 --seed 2 -o "$work/picture$faults.png" --quiet ||
        fail "generate, $faults: $(cat "$work/message")"
done
cmp "$work/picture.png" "$work/picturebuffer=400000.png" || fail "small buffers make another picture"
faulty kept "buffer=100000" train dsgan-tiny --device 1 --data "$image" -o "$work/large" $run --steps 2 && fail "tiny buffers"
one_line "tiny buffers"
says "the device's largest buffer is 0.1 MiB" "tiny buffers"

# On a slow GPU kernels are queued in pieces: the same numbers.
faulty limits "gpu slow=50 renamed" check --device 1 --case 'matmul in=256x96x1x1x1,96x200x1x1x1' ||
    fail "a long kernel: $(cat "$work/message")"
[ "$(called piece)" -gt 0 ] || fail "a long kernel was not queued in pieces"

# Two devices of one name: their numbers choose.
for word in 9999 "no such device"; do
    faulty twins "twins" check --device "$word" --ops add && fail "--device $word"
    one_line "--device $word"
    says "not here" "--device $word"
done
faulty twins "twins" check --device "$name" --ops add && fail "a name that fits two"
one_line "a name that fits two"
says "2 devices have this in their names" "a name that fits two"
faulty twins "twins" $first_check || fail "a number of two: $(cat "$work/message")"
