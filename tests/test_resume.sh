#!/bin/sh
# test_resume.sh: a run that was killed in the middle and resumed ends with the same bytes as one that was not; so does one
# that was interrupted. The recipe has every kind of state: moments, averaged weights, spectral vectors, a penalty schedule.
set -u
facies=${top_builddir:-.}/facies
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-resume.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
set -- --set train.checkpoint_every=5 --set train.sample_every=1000 --set train.log_every=1 --set train.batch=2 \
    --set train.calibration=2 --set train.samples=1 --set data.size=64 --steps 23 --quiet --threads 1

"$facies" synth channels --size 128x128 --seed 3 -o "$work/ti.png" || fail "synth"
"$facies" train dsgan-tiny --data "$work/ti.png" -o "$work/whole" "$@" || fail "uninterrupted run"
head -n 1 "$work/whole/log.csv" | grep -q '^step,seconds,' || fail "no header in log.csv"
[ "$(wc -l < "$work/whole/log.csv")" -eq 24 ] || fail "log.csv has not a header and 23 rows"

# kill -9 once the first checkpoint is there and later steps are logged.
"$facies" train dsgan-tiny --data "$work/ti.png" -o "$work/killed" "$@" &
child=$!
tries=0
until [ -f "$work/killed/checkpoint.safetensors" ] && [ "$(wc -l < "$work/killed/log.csv")" -ge 8 ]; do
    sleep 0.05
    tries=$((tries + 1))
    [ "$tries" -lt 4000 ] || fail "the first checkpoint never came"
    kill -0 "$child" 2>/dev/null || fail "the run ended before it could be killed"
done
kill -9 "$child"
wait "$child" 2>/dev/null && fail "the run was not killed"
cmp -s "$work/whole/checkpoint.safetensors" "$work/killed/checkpoint.safetensors" && fail "killed too late to test anything"
printf '7,1.0,0.' >> "$work/killed/log.csv" # as if a row had been cut short
"$facies" train --resume -o "$work/killed" --steps 23 --quiet --threads 1 || fail "resume after kill -9"
cmp "$work/whole/checkpoint.safetensors" "$work/killed/checkpoint.safetensors" || fail "kill -9 and resume changed bytes"
[ "$(wc -l < "$work/killed/log.csv")" -eq 24 ] || fail "log.csv after resume: $(wc -l < "$work/killed/log.csv") lines"
# Not the time, nor the penalty: it is not measured in each step, and its last value is not kept over a resume.
cut -d, -f1,3-6 "$work/whole/log.csv" > "$work/a"
cut -d, -f1,3-6 "$work/killed/log.csv" > "$work/b"
cmp "$work/a" "$work/b" || fail "log.csv after resume differs"

# SIGTERM (as a batch queue sends it) after some steps: saved, status 130.
stop() {
    run=$1
    shift
    "$facies" train dsgan-tiny --data "$work/ti.png" -o "$run" "$@" 2> "$work/message" &
    child=$!
    until [ -f "$run/log.csv" ] && [ "$(wc -l < "$run/log.csv")" -ge 4 ]; do
        sleep 0.05
        kill -0 "$child" 2>/dev/null || fail "the run ended before it could be stopped"
    done
    kill -TERM "$child"
    wait "$child"
    status=$?
    [ "$status" -eq 130 ] || fail "status $status after SIGTERM, not 130"
    grep -q 'saved' "$work/message" || fail "no word of saving: $(cat "$work/message")"
    [ -f "$run/report.html" ] || fail "no report after SIGTERM"
}
# While a picture is made, most likely: the steps take a small part of the time.
stop "$work/pictures" "$@" --set train.sample_every=1 --set train.samples=64
# And on from there, on another number of threads.
stop "$work/stopped" "$@"
"$facies" train --resume "$work/stopped" -o "$work/stopped" --steps 23 --quiet --threads 2 || fail "resume after SIGTERM"
cmp "$work/whole/checkpoint.safetensors" "$work/stopped/checkpoint.safetensors" || fail "SIGTERM and resume changed bytes"

# While the last picture is made, after the last checkpoint.
"$facies" train dsgan-tiny --data "$work/ti.png" -o "$work/last" "$@" --steps 1 --set train.samples=256 2> "$work/message" &
child=$!
until [ -f "$work/last/checkpoint.safetensors" ]; do
    sleep 0.02
    kill -0 "$child" 2>/dev/null || fail "the run ended before its checkpoint was seen"
done
kill -TERM "$child"
wait "$child"
status=$?
[ "$status" -eq 130 ] || fail "status $status after SIGTERM in the last picture, not 130"
grep -q 'step 1 is saved' "$work/message" || fail "no word of saving in the last picture: $(cat "$work/message")"
"$facies" train --resume -o "$work/last" --steps 2 --quiet --threads 1 || fail "resume after the last picture"
echo "passed"
