#!/bin/sh
# quickstart.sh: installs what is missing, builds, trains a small network on the bundled texture, writes pictures and a
# report page. A few minutes on two cores. Results go to the folder quickstart (or the first argument).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-quickstart}
sh "$top/setup.sh" "$top/build"
facies=$top/build/facies
[ ! -e "$out" ] || { echo "quickstart.sh: $out is there already: remove it, or name another folder" >&2; exit 1; }
"$facies" inspect "$top/data/channels.png"
"$facies" train dsgan-tiny --data "$top/data/channels.png" -o "$out"
"$facies" generate "$out" --size 768x512 --seed 7 -o "$out/generated.png"
"$facies" generate "$out" --size 256x256 --periodic --threshold 0.5 -o "$out/tile.png"
"$facies" evaluate "$top/data/channels.png" "$out/generated.png" --metrics tv,share,tau --crop 192 \
    --html "$out/evaluation.html"
echo
echo "Look at: $out/generated.png (a new picture), $out/tile.png (repeats without a seam),"
echo "         $out/report.html and $out/evaluation.html (open them in a browser)"
