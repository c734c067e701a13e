#!/bin/sh
# test_cli.sh: exit statuses, and for everything that can be wrong one clear line that says what. Works as root too: where
# permissions stop nothing, a file stands as a parent folder, /dev/full is the full disk, ulimit -f the limit.
set -u
facies=${top_builddir:-.}/facies
work=$(mktemp -d "${TMPDIR:-/tmp}/facies-cli.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
case $facies in /*) ;; *) facies=$OLDPWD/$facies ;; esac
failures=0
checks=0
fail() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }

# expect STATUS WORD ARGUMENT...: the status, and WORD in the one line on standard error ("" when silent).
expect() {
    want=$1 word=$2
    shift 2
    checks=$((checks + 1))
    "$facies" "$@" > out 2> err
    got=$?
    [ "$got" -eq "$want" ] || fail "status $got, not $want: facies $* ($(head -n 1 err))"
    if [ "$want" -ne 0 ]; then
        [ "$(grep -c '^facies: ' err)" -eq 1 ] || fail "not one line: facies $*: $(cat err)"
        [ "$(tail -n 1 err | grep -c '^facies: ')" -eq 1 ] || fail "something after the message: facies $*"
    fi
    [ -z "$word" ] || grep -q -e "$word" err || fail "no \"$word\": facies $*: $(cat err)"
}
# says WORD ARGUMENT...: status 0 and WORD on standard output.
says() {
    word=$1
    shift
    expect 0 '' "$@"
    [ -z "$word" ] || grep -q -e "$word" out || fail "no \"$word\" on standard output: facies $*"
}
none() { [ ! -e "$1" ] || fail "$1 is there after: $2"; }

# ---- the command line
says '^facies [0-9]' --version
says 'Usage' --help
says 'Usage: facies train' help train
says 'Usage: facies generate' generate --help
checks=$((checks + 1))
"$facies" > out 2> err && fail "no arguments: status 0"
[ ! -s out ] || fail "no arguments: help on standard output"
for command in train generate evaluate compare reconstruct interpolate encode inspect show list check bench devices synth convert view help; do
    says "^.TH FACIES" help --man $command
    says '^.SH OPTIONS' help --man $command
done
expect 2 'did you mean train' trian
expect 2 'did you mean --steps' train dsgan --step 4 --data x
expect 2 'needs a value' train dsgan --data
expect 2 'takes no value' train dsgan --data x --plan=3
expect 2 'integer' train dsgan --data x --steps 0
expect 2 'integer' train dsgan --data x --steps 3.5
expect 2 'integer' train dsgan --data x --steps 99999999999999999999
expect 2 'number' train dsgan --data x --minutes nan
expect 2 'number' train dsgan --data x --minutes -1
expect 2 'unknown option -z' train dsgan -z
expect 2 'word too many' train dsgan sgan --data x
expect 2 'RECIPE' train
expect 2 'too few' generate
expect 2 '-o FILE' generate run
expect 2 'WIDTHxHEIGHT' generate run -o a.png --size 10
expect 2 'WIDTHxHEIGHT' generate run -o a.png --size 10x0
expect 2 'WIDTHxHEIGHT' generate run -o a.png --size 10x10x10x10
expect 2 'number from 0 to 1' generate run -o a.png --threshold 2
expect 2 'did you mean "ops"' list op
expect 2 'bench' bench nothing
expect 2 'resume' train --resume -o run --set train.batch=1

# ---- reading and writing
says '' synth channels --size 96x96 -o ti.png
expect 1 'nothing' synth nothing -o a.png
expect 1 '.' synth channels -o a.xyz
expect 1 'ti.png/a.png' synth channels --size 32x32 -o ti.png/a.png
says 'conv_dw' list ops
says '"name": "conv"' list ops --json -
says '^name,' list ops --csv -
says '' list ops --json ops.json --csv ops.csv
[ -s ops.json ] && [ -s ops.csv ] || fail "no tables written"
expect 1 'ti.png/t.json' list ops --json ti.png/t.json
says 'dsgan-tiny' list recipes
says 'cpu' devices
says 'generator' show dsgan-tiny
"$facies" show dsgan-tiny --recipe > mine.cfg || fail "show --recipe"
says 'generator' show ./mine.cfg
says '96' inspect ti.png
if [ -w /dev/full ]; then
    checks=$((checks + 3))
    "$facies" list ops > /dev/full 2> err && fail "a full standard output: status 0"
    grep -q 'standard output' err || fail "a full standard output: $(cat err)"
    "$facies" --help > /dev/full 2> err && fail "help to a full standard output: status 0"
    "$facies" list ops --json /dev/full > out 2> err && fail "--json /dev/full: status 0"
    [ -c /dev/full ] || fail "/dev/full is no device any more"
fi

# ---- volumes
says '' synth spheres --size 24x20x16 -o ball.tif
says '' convert ball.tif ball.nrrd --voxel 0.5x0.5x2 --unit um
for ending in mha mhd vti npy tif; do
    says '' convert ball.nrrd a.$ending
    says '24 *20 *16' inspect a.$ending
done
says '0.5 x 0.5 x 2 um' inspect a.mhd
says '' convert a.vti x.png --slices x
[ -s x-0000.png ] && [ -s x-0023.png ] && [ ! -e x-0024.png ] || fail "not 24 slices"
mkdir pages
says '' convert ball.nrrd pages/p.png --slices z
says '' convert pages back.nrrd --voxel 0.5x0.5x2 --unit um
cmp ball.nrrd back.nrrd || fail "slices and their volume differ"
says '' convert ball.tif labels.npy --format labels
[ "$(tail -c 7680 labels.npy | tr -d '\000\001' | wc -c)" -eq 0 ] || fail "labels are not 0 and 1"
expect 1 'one page' convert ball.tif ball.png
expect 1 'a.xyz' convert ball.tif a.xyz
expect 1 'nothing' convert nothing.tif a.nrrd
expect 1 'labels or grey' convert ball.tif a.nrrd --format onehot
expect 2 'x, y or z' convert ball.tif a.png --slices q
expect 2 'voxel' convert ball.tif a.nrrd --voxel 0x1x1
expect 2 'voxel' convert ball.tif a.nrrd --voxel 1x1
says '' view ball.tif -o view.png --size 60x50 --transparent 0 --cut 0.3
says '' view ball.nrrd -o layers.png --layers
says '60 *50' inspect view.png
expect 1 'numbers from 0 to 1' view ball.tif -o a.png --transparent 2
expect 1 'nothing is left' view ball.tif -o a.png --transparent 0,1
expect 1 'one page' view ti.png -o a.png
expect 2 'number from 0 to 0.99' view ball.tif -o a.png --cut 1
expect 2 '-o FILE' view ball.tif
says '' synth spheres --size 12x12 -o pages/q.png
expect 1 'alike' convert pages a.nrrd

# ---- recipes and data
train() { train_status=$1 train_word=$2; shift 2; expect "$train_status" "$train_word" train "$@" --steps 1; none new "train $*"; }
train 1 'dsgan' dsgann --data ti.png -o new
train 1 'no.cfg' ./no.cfg --data ti.png -o new
train 1 '--data' dsgan-tiny -o new
train 1 'nothing.png' dsgan-tiny --data nothing.png -o new
train 1 'batch' dsgan-tiny --data ti.png -o new --set train.bach=4
train 1 'batch' dsgan-tiny --data ti.png -o new --set train.batch=0
train 1 'stride' dsgan-tiny --data ti.png -o new --set generator.layers.up1.stride=0
train 1 'filters' dsgan-tiny --data ti.png -o new --set generator.layers.up1.filters=1000000000
train 1 'rate' dsgan-tiny --data ti.png -o new --set generator.optimizer.rate=-1
train 1 'rate' dsgan-tiny --data ti.png -o new --set generator.optimizer.rate=nan
echo 'generator = { layers = ( ' > cut.cfg
train 1 'cut.cfg' ./cut.cfg --data ti.png -o new
mkdir empty
train 1 'empty' dsgan-tiny --data empty -o new
says '' synth channels --size 32x32 -o small.png
train 1 'small.png' dsgan-tiny --data small.png -o new
head -c 300 ti.png > half.png
train 1 'half.png' dsgan-tiny --data half.png -o new
echo 'no picture' > text.png
train 1 'text.png' dsgan-tiny --data text.png -o new
train 1 'data.tile' dsgan-tiny --data ti.png -o new --stride 8
train 1 'smaller than the tile' dsgan-tiny --data small.png -o new --tile 64
train 1 'data.resize' dsgan-tiny --data ti.png -o new --tile 64 --set data.resize=cover
train 1 'none|cover|stretch' dsgan-tiny --data ti.png -o new --set data.resize=both
train 1 'holds 9 different crops of 32 x 32 pixels, fewer than a batch of 16: use --set train.batch=9' dsgan-tiny \
    --data ti.png -o new --tile 32 --set train.batch=16 --set data.size=32
train 1 'holds 1 different crops' dsgan-tiny --data small.png -o new --set data.size=32 --set train.batch=2
train 1 '^facies: --data x=ti.png: .*once' material-vae-small --data x=ti.png -o new
train 1 'once' dsgan-tiny --data x=ti.png --data y=ti.png -o new
# A picture that is cut off anywhere is none, by itself or in a folder.
size=$(wc -c < ti.png)
for bytes in 8 40 $((size / 2)) $((size - 13)) $((size - 5)) $((size - 1)); do
    head -c "$bytes" ti.png > cut.png
    train 1 'cut.png' dsgan-tiny --data cut.png -o new
    expect 1 '^facies: cut.png: .*cut-off PNG' inspect cut.png
done
mkdir mixed bad
cp ti.png mixed/good.png
cp cut.png mixed/cut.png
cp small.png mixed/small.png
echo 'no picture' > mixed/notes.txt
cp cut.png bad
echo 'no picture' > bad/notes.txt
expect 0 '3 files skipped' train dsgan-tiny --data mixed -o one --steps 1 --threads 1 --set data.size=64 --set train.batch=1 \
    --set train.calibration=1 --set train.samples=1
for name in cut.png small.png notes.txt; do grep -q "skipped: .*mixed/$name" err || fail "$name is not named: $(cat err)"; done
expect 0 '2 images used, 1 files skipped' evaluate mixed ti.png --metrics tv_isotropic --crops 4 --crop 20
grep -q "skipped: .*mixed/cut.png" err || fail "cut.png is not named: $(cat err)"
expect 1 '^facies: bad/cut.png: .*cut-off PNG' evaluate bad ti.png
train 1 'none of its 2 files' dsgan-tiny --data bad -o new
rm mixed/cut.png mixed/small.png mixed/notes.txt
expect 0 '1 images used' train dsgan-tiny --data mixed -o alone --steps 1 --threads 1 --set data.size=64 --set train.batch=1 \
    --set train.calibration=1 --set train.samples=1
train 1 'train.batch: batch norm' material-vaegan --data ti.png -o new --set train.batch=1
train 1 '^facies: encoder.layers.norm4: instance norm of maps of one pixel' material-vaegan --data ti.png -o new \
    --set train.batch=2 --set encoder.norm=instance --set generator.width=0.1 --set encoder.width=0.1
train 1 'sum_fakes cannot go with loss.gan = "wasserstein"' material-vaegan-code --data ti.png -o new --set loss.gan=wasserstein
expect 1 'is a file' train dsgan-tiny --data ti.png -o ti.png --steps 1
expect 1 'cannot be made' train dsgan-tiny --data ti.png -o ti.png/run --steps 1
expect 1 'cannot be made' train dsgan-tiny --data ti.png -o no/such/run --steps 1

# ---- runs
small="--set data.size=32 --set train.batch=1 --set train.calibration=1 --set train.samples=1 --quiet --threads 1"
says '"plan"' train dsgan-tiny --data ti.png -o new --plan --json - --set data.size=32
none new 'train --plan'
says '' train dsgan-tiny --data ti.png -o run --steps 2 $small
for file in recipe.cfg log.csv checkpoint.safetensors report.html samples/step-000002.png; do
    [ -s run/$file ] || fail "run/$file is missing"
done
expect 0 '4 tiles' train dsgan-tiny --data ti.png -o tiles --steps 1 --tile 48 $(echo "$small" | sed 's/--quiet//')
grep -q 'tile = 48' tiles/recipe.cfg || fail "--tile is not in the recipe"
says 'cover' show tiles --recipe --set data.resize=cover
cp run/checkpoint.safetensors kept
expect 1 'holds a run' train dsgan-tiny --data ti.png -o run --steps 2 $small
expect 1 'not a run folder' generate empty -o a.png
expect 1 'nowhere' generate nowhere -o a.png
says '' generate run --size 70x50 -o a.png
"$facies" inspect a.png --csv - > out 2> err
grep -q '70,50' out || fail "a.png is not 70x50: $(cat out)"
says '' generate run/checkpoint.safetensors --size 70x50 -o b.png
cmp a.png b.png || fail "a checkpoint file and its run folder differ"
says '' generate run --size 40x40 --count 2 --first 7 -o many.png
[ -s many-0007.png ] && [ -s many-0008.png ] || fail "no numbered files"
cmp -s many-0007.png many-0008.png && fail "two realizations are the same"
expect 1 'multiple of' generate run --size 50x64 --periodic -o c.png
expect 1 'memory' generate run --size 4000x4000 --memory 1 -o c.png
expect 1 'pixels at most' generate run --size 99999999x99999999 -o c.png
expect 1 '2D' generate run --size 16x16x16 -o c.tif
expect 1 'a.png/c.png' generate run --size 16x16 -o a.png/c.png
expect 1 'c.xyz' generate run --size 16x16 -o c.xyz
none c.png 'a failed generate'
if [ -w /dev/full ]; then
    ln -s /dev/full full.png
    expect 1 'full.png' generate run --size 300x300 -o full.png
fi
# A network of another width: the checkpoint stays, the first tensor that differs is named.
cp -r run other
sed 's/filters = 48/filters = 40/' run/recipe.cfg > other/recipe.cfg
cmp -s run/recipe.cfg other/recipe.cfg && fail "the recipe was not changed"
expect 1 'another network: tensor "' train --resume -o other --steps 3 --quiet
expect 1 'another network: tensor "' generate other --size 16x16 -o c.png
cmp kept other/checkpoint.safetensors || fail "the refused checkpoint changed"
head -c 1000 kept > other/checkpoint.safetensors
expect 1 'safetensors' train --resume -o other --steps 3 --quiet
rm -rf other
# No space: the process may not write files longer than half the checkpoint. What was there stays.
blocks=$(($(wc -c < kept) / 1024))
checks=$((checks + 1))
(ulimit -f "$blocks" && exec "$facies" train --resume -o run --steps 3 --quiet) > out 2> err
status=$?
[ "$status" -eq 1 ] || fail "status $status over the file size limit: $(cat err)"
[ "$(grep -c '^facies: ' err)" -eq 1 ] || fail "over the file size limit: $(cat err)"
cmp kept run/checkpoint.safetensors || fail "the checkpoint changed over the file size limit"
ls run/*.tmp > out 2> /dev/null && fail "temporary files are left: $(cat out)"
# More memory than there is: no folder is left that would stop the next try. (A sanitizer's program needs more than this.)
if (ulimit -v 4000000 && "$facies" list ops) > out 2>&1; then
    checks=$((checks + 1))
    says '' synth channels --size 300x300 -o wide.png
    (ulimit -v 4000000 && exec "$facies" train dsgan-tiny --data wide.png -o huge $small --set train.batch=65536) > out 2> err
    status=$?
    [ "$status" -eq 1 ] || fail "status $status without memory: $(cat err)"
    [ "$(grep -c '^facies: .*could not be had' err)" -eq 1 ] || fail "without memory: $(cat err)"
    none huge 'training without memory'
fi
# Numbers that run away: the step and the first bad node are named, the checkpoint before it stays and loads.
expect 1 'step [0-9]*: .*not finite (first bad: [^u].*checkpoint of step [0-9]* is untouched' train dsgan-tiny --data ti.png \
    -o nan --steps 200 --set discriminator.optimizer.rate=10 --set discriminator.init_std=10 --set generator.init_std=10 \
    --set train.checkpoint_every=1 $small
expect 0 '' generate nan --size 32x32 -o nan.png
# Two into one folder. The first has it for certain once the log grows.
rows=$(wc -l < run/log.csv)
"$facies" train --resume -o run --steps 100000 --quiet 2> first &
child=$!
until [ "$(wc -l < run/log.csv)" -gt "$rows" ]; do
    sleep 0.05
    kill -0 "$child" 2> /dev/null || break
done
expect 1 "process $child" train --resume -o run --steps 3 --quiet
kill -TERM "$child" 2> /dev/null || fail "the first run is gone: $(cat first)"
wait "$child"
# Latents: the commands write what they say, and say what they need.
says '' train material-vae-small --data ti.png -o vae --steps 1 --tile 32 --set train.batch=2 --set data.size=16 \
    --set latent.channels=3 --set encoder.width=0.25 --set generator.width=0.25 --set train.calibration=1 --quiet --threads 1
grep -q 'What the latent does' vae/report.html || fail "no sweep in a VAE's report"
grep -q 'epoch' vae/report.html || fail "no epochs in a report on tiles"
says '^"\{0,1\}ti.png' reconstruct vae ti.png small.png -o pairs.png --csv -
says '36 *36' inspect pairs.png
says '' interpolate vae 1 small.png --count 3 -o strip.png
says '56 *16' inspect strip.png
says '' encode vae ti.png small.png -o latents.csv --sweep sweep.png
[ "$(head -n 1 latents.csv)" = image,mean_0,mean_1,mean_2,logvar_0,logvar_1,logvar_2 ] || fail "latents.csv: $(head -n 1 latents.csv)"
[ "$(wc -l < latents.csv)" -eq 3 ] || fail "latents.csv has not a row for each image"
says '' encode vae ti.png small.png -o latents.safetensors
if python3 -c 'import safetensors.numpy' 2> /dev/null; then
    checks=$((checks + 1))
    python3 - > out 2>&1 << 'END' || fail "Python reads other latents: $(cat out)"
import csv, numpy, safetensors.numpy
t = safetensors.numpy.load_file("latents.safetensors")
rows = [list(map(float, r[1:])) for r in list(csv.reader(open("latents.csv")))[1:]]
assert numpy.array_equal(numpy.hstack([t["mean"], t["logvar"]]), numpy.float32(rows)), (t, rows)
END
else
    echo "no Python with safetensors here: latents.safetensors is read by test_latents only"
fi
says '"metric"' compare vae vae --metrics variety --count 2 --json - --html compare.html
expect 2 '-o FILE' reconstruct vae ti.png
expect 2 'sweep FILE' encode vae ti.png
expect 1 'encoder' reconstruct run ti.png -o pairs2.png
expect 1 'nothing.png' encode vae nothing.png -o l.csv
says '' evaluate ti.png a.png --metrics tv_isotropic --crops 4 --crop 32
expect 1 'nothing.png' evaluate nothing.png a.png
echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
