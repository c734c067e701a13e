#!/bin/sh
# The example programs run, and build against an installed copy with pkg-config alone.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }
"$top_builddir/examples/image_metrics" "$dir/a.png" >"$dir/out" || fail image_metrics
grep -q 'channel bodies' "$dir/out" || fail "image_metrics prints no count"
"$top_builddir/examples/train_and_generate" "$top_srcdir/data/channels.png" "$dir/run" "$dir/b.png" 2 2>"$dir/err" ||
    fail "train_and_generate: $(cat "$dir/err")"
[ -s "$dir/b.png" ] || fail "train_and_generate wrote no picture"
[ "$("$top_builddir/examples/train_and_generate" /nowhere.png "$dir/run2" "$dir/c.png" 2>&1 | wc -l)" = 1 ] ||
    fail "train_and_generate on a missing picture gives more than one line"

make -s -C "$top_builddir" install DESTDIR="$dir/root" >/dev/null 2>&1 || fail "make install"
pc=$(find "$dir/root" -name facies.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
CC=$(sed -n 's/^CC = //p' "$top_builddir/Makefile")
CFLAGS=$(sed -n 's/^CFLAGS = //p' "$top_builddir/Makefile")
PKG_CONFIG_PATH=$(dirname "$pc"); export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir facies)
for program in train_and_generate graph_and_gradient image_metrics; do
    # shellcheck disable=SC2086
    $CC $CFLAGS -I"$dir/root$prefix/include" "$top_srcdir/examples/$program.c" -o "$dir/$program" \
        -L"$dir/root$libdir" $(pkg-config --libs-only-l facies) -lm || fail "$program does not build when installed"
done
case $CFLAGS in *sanitize*) exit 0 ;; esac # the installed library then needs the sanitizer's loader
LD_LIBRARY_PATH="$dir/root$libdir" "$dir/graph_and_gradient" >/dev/null || fail "installed graph_and_gradient"
