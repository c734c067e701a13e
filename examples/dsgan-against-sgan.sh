#!/bin/sh
# dsgan-against-sgan.sh PICTURE FOLDER: the comparison of docs/results.md. Trains dsgan-channels, dsgan-small and the
# baseline sgan-small on PICTURE (up to half an hour each on two cores), generates 100 images of 384 x 384 with each (the
# baseline's also as its paper post-processes them: 3x3 median, threshold), and writes FOLDER/table.csv and FOLDER/comparison.html.
# FACIES names the program (default: facies).
set -eu
[ $# = 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
facies=${FACIES:-facies}
mkdir -p "$2"
for recipe in dsgan-channels dsgan-small sgan-small; do
    [ -d "$2/$recipe" ] || "$facies" train "$recipe" --data "$1" -o "$2/$recipe"
done
generate() { # SET FOLDER RUN [OPTION...]
    set_folder=$2/$1
    run=$2/$3
    shift 3
    rm -rf "$set_folder"
    mkdir "$set_folder"
    "$facies" generate "$run" --size 384x384 --count 100 --seed 1 -o "$set_folder/image.png" "$@"
}
generate channels "$2" dsgan-channels
generate dsgan "$2" dsgan-small
generate sgan "$2" sgan-small
generate sgan-processed "$2" sgan-small --median 3 --threshold 0.5
"$facies" evaluate "$1" "$2/channels" "$2/dsgan" "$2/sgan" "$2/sgan-processed" --csv "$2/table.csv" --html "$2/comparison.html"
