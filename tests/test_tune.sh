#!/bin/sh
# test_tune.sh: facies tune on the first OpenCL device: a form that computes wrong numbers is named and not chosen, the choice
# is kept and used, a table of another driver or with nonsense in it is ignored in one line, and a run that is resumed after a
# change of the table ends with the bits of one that was not. tests/faulty-opencl.c makes the device wrong.
set -u
top=${top_builddir:-.}
facies=$top/facies
shim=$top/tests/.libs/faulty-opencl.so
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-tune.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
export POCL_CACHE_DIR="${POCL_CACHE_DIR:-$work/pocl}" XDG_CACHE_HOME="$work/cache"
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: facies tune: $*"; exit 77; }
says() { grep -q "$1" "$work/message" || fail "$2: no \"$1\" in: $(cat "$work/message")"; }

"$facies" tune --device cpu 2> "$work/message" && fail "tuning the cpu"
says 'give --device' "tuning the cpu"
"$facies" devices --csv "$work/devices.csv" > /dev/null 2>&1 || fail "facies devices"
grep '^1,' "$work/devices.csv" | grep -vq Oclgrind || skip "no device is here, or only Oclgrind"

# One use is enough here: each has the same walk.
"$facies" tune --device 1 --seconds 0.001 --ops matmul-flat --csv "$work/tune.csv" 2> "$work/message" ||
    fail "tune: $(cat "$work/message")"
says "^kept in $work/cache/facies/tuning-" "tune"
table=$(sed -n 's/^kept in //p' "$work/message")
[ "$(ls -ld "$work/cache/facies" | cut -c1-10)" = drwx------ ] || fail "the cache folder can be read by others"
[ "$(grep -c ',chosen,' "$work/tune.csv")" = 1 ] || fail "not one form chosen: $(cat "$work/tune.csv")"
[ "$(grep -c '^matmul-flat,' "$work/tune.csv")" -ge 8 ] || fail "few forms: $(cat "$work/tune.csv")"
form=$(sed -n 's/^matmul-flat,\([^,]*\),chosen,.*/\1/p' "$work/tune.csv")
grep -q "\"matmul-flat\": \"$form\"" "$table" || fail "$form is not in the table: $(cat "$table")"
# The fastest of those that were timed.
sed -n 's/^matmul-flat,\([^,]*\),[^,]*,\([0-9.]*\),.*/\2 \1/p' "$work/tune.csv" | sort -g | head -n 1 | grep -q " $form\$" ||
    fail "$form is not the fastest: $(cat "$work/tune.csv")"

# Kernels named multiply leave out their last group where there are more than 40: right are only forms whose groups are few and
# large, and CLBlast's, where it is built in: its kernels have other names.
if [ -f "$shim" ]; then
    env XDG_CACHE_HOME="$work/wrong" FAULTY="short=40" FAULTY_KERNEL=multiply FAULTY_LOG="$work/log" LD_PRELOAD="$(realpath "$shim")" "$facies" tune \
        --device 1 --seconds 0.001 --ops matmul-flat --csv "$work/wrong.csv" > /dev/null 2> "$work/message" ||
        fail "tune with wrong forms: $(cat "$work/message")"
    says "matmul-flat: registers-8x4 is left out: WRONG: .* instead of " "a wrong form"
    grep -q '^matmul-flat,registers-8x4,"*WRONG' "$work/wrong.csv" || fail "not named: $(cat "$work/wrong.csv")"
    grep -Eq '^matmul-flat,(local-.*|clblast),chosen,' "$work/wrong.csv" || fail "chosen: $(cat "$work/wrong.csv")"
fi

# Tables that cannot be used.
check="check --device 1 --case"
for damage in 's/"driver": "[^"]*"/"driver": "PoCL 0.1"/' 's/"matmul-flat": "[^"]*"/"matmul-flat": "registers-900x900"/' \
    's/"matmul-flat"/"sorting"/' 's/"forms": {/"forms": 7, "x": {/' '1d' 's/{//' 's/.*//'; do
    cp "$table" "$work/kept"
    sed "$damage" "$work/kept" > "$table"
    "$facies" $check 'matmul in=5x7x1x1x1,7x3x1x1x1' > /dev/null 2> "$work/message" || fail "$damage: $(cat "$work/message")"
    [ "$(wc -l < "$work/message")" = 1 ] || fail "$damage: not one line: $(cat "$work/message")"
    says "^note: $table: .*ignored, .facies tune. makes a new one" "$damage"
    cp "$work/kept" "$table"
done
"$facies" $check 'matmul in=5x7x1x1x1,7x3x1x1x1' > /dev/null 2> "$work/message" || fail "the table again"
[ ! -s "$work/message" ] || fail "a good table: $(cat "$work/message")"

# Bits: gradients of weights are summed in another order in another form.
with() { sed "s/\"\(conv_dw[^\"]*\)\": \"[^\"]*\"/\"\1\": \"$1\"/" "$work/kept" > "$table"; }
run="--set train.checkpoint_every=2 --set train.sample_every=1000 --set train.batch=2 --set train.calibration=2
    --set train.samples=1 --set data.size=64 --quiet --device 1"
"$facies" synth channels --size 128x128 --seed 3 -o "$work/ti.png" || fail "synth"
train() { "$facies" train "$@" 2> "$work/message" || fail "train $*: $(cat "$work/message")"; }
with registers-6x16
train dsgan-tiny --data "$work/ti.png" -o "$work/whole" $run --steps 6
train dsgan-tiny --data "$work/ti.png" -o "$work/halves" $run --steps 2
with local-32x32x8-4x4
train dsgan-tiny --data "$work/ti.png" -o "$work/other" $run --steps 6
train --resume -o "$work/halves" --steps 6 --quiet --device 1
cmp -s "$work/whole/checkpoint.safetensors" "$work/other/checkpoint.safetensors" && fail "another form gives the same file"
cmp "$work/whole/checkpoint.safetensors" "$work/halves/checkpoint.safetensors" || fail "a run resumed after tuning has other bits"
grep -aq 'conv_dw=registers-6x16' "$work/halves/checkpoint.safetensors" || fail "the checkpoint does not name its forms"
echo "passed"
