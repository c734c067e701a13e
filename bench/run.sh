#!/bin/sh
# run.sh [--threads N] [--batch B] [--rounds R] [--only NAME] [steps] [layers] [generate] [first]:
# facies beside PyTorch on this machine, one after the other in rounds: times, ratios, shares of the
# machine's limits, memory. FACIES is the program (facies), PYTHON the Python that has PyTorch (python3);
# without PyTorch our side is measured alone. docs/performance.md says how to read it. Steps of nets
# that fill regions (GLCIC, RoI) wait until facies has their layers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
if command -v "$python" >/dev/null 2>&1; then
    exec "$python" "$here/compare.py" "$@"
fi
echo "$python is not here, so neither is PyTorch: our side alone, steps only" >&2
threads=
[ "${1:-}" != --threads ] || threads="--threads $2"
for recipe in bench-dsgan bench-material bench-slicegan; do
    # shellcheck disable=SC2086
    "${FACIES:-facies}" bench step $recipe $threads
done
