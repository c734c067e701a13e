#!/bin/sh
# Our matrix product beside OpenBLAS's (Debian: libopenblas-dev), in a build folder:
#   SRCDIR/tests/bench-openblas.sh [INSTRUCTION-SET]
# Exit status 3 when ours is under 95 % of its speed.
set -e
make tests/bench_openblas
OPENBLAS_NUM_THREADS=1 ./tests/bench_openblas "$@"
