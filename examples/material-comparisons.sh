#!/bin/sh
# material-comparisons.sh [--images N] [--minutes M] [--small] [--tile N] [--stride N] [--threads T] PICTURE FOLDER: the
# comparisons of the paper on material images: spectral norm in the discriminator with batch norm against instance norm in the
# generator, at batch 8, 16, 32 and 64, each run over as many images (40000); GAN, VAE and VAE/GAN on the same tiles, each as
# long as its recipe says, at most M minutes (20). Writes FOLDER/norms.html, norms.csv, kinds.html and kinds.csv. Runs that are
# there already are kept. --small takes the recipes for laptops; tiles are N x N pixels (64), cut every N pixels (half a tile),
# and scaled to 64 x 64; PICTURE may be a folder. With FEATURES naming the safetensors of a net, distances over its features
# are added. FACIES names the program (default: facies).
set -eu
facies=${FACIES:-facies}
images=40000 minutes=20 tile=64 stride= small= threads=
usage() { sed -n '2,8s/^# //p' "$0" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
    --small) small=-small ;;
    --images | --minutes | --tile | --stride | --threads)
        [ $# -gt 1 ] || usage
        case $1 in
        --images) images=$2 ;;
        --minutes) minutes=$2 ;;
        --tile) tile=$2 ;;
        --stride) stride=$2 ;;
        --threads) threads="--threads $2" ;;
        esac
        shift
        ;;
    -*) usage ;;
    *) break ;;
    esac
    shift
done
[ $# = 2 ] || usage
picture=$1 folder=$2
stride=${stride:-$((tile / 2))}
mkdir -p "$folder"

train() { # RUN RECIPE [OPTION...]
    run=$folder/$1
    recipe=$2
    shift 2
    # shellcheck disable=SC2086
    [ -d "$run" ] || "$facies" train "$recipe" --data "$picture" -o "$run" $threads \
        --tile "$tile" --stride "$stride" --set data.size=64 "$@"
}
compare() { # NAME RUN...
    name=$folder/$1
    shift
    # shellcheck disable=SC2086
    (cd "$folder" && "$facies" compare "$@" --count 64 $threads ${FEATURES:+--features "$FEATURES"} \
        --metrics laplacian_variance,spectrum,levels,correlation,lbp,share,nearest,variety,frechet,kernel \
        --html "$name.html" --csv "$name.csv")
}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
case $facies in */*) facies=$(cd "$(dirname "$facies")" && pwd)/$(basename "$facies") ;; esac
case ${FEATURES:-} in '' | /*) ;; *) FEATURES=$PWD/$FEATURES ;; esac

# The paper bounds the discriminator by spectral norm alone: the small recipe's penalty on slopes is off here.
penalty=
[ -z "$small" ] || penalty="--set loss.r1=0"
norms=
for batch in 8 16 32 64; do
    for norm in batch instance; do
        # shellcheck disable=SC2086
        train "$norm-norm-$batch" "material-gan$small" --set discriminator.spectral=true --set "generator.norm=$norm" \
            --set "train.batch=$batch" --set "train.steps=$((images / batch))" $penalty
        norms="$norms $norm-norm-$batch"
    done
done
# shellcheck disable=SC2086
compare norms $norms

for kind in gan vae vaegan; do
    train "$kind" "material-$kind$small" --minutes "$minutes"
done
compare kinds gan vae vaegan
