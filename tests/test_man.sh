#!/bin/sh
# The manual pages that ship are those that the program would write now, and are well formed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }
sh "$top_srcdir/man/make.sh" "$top_builddir/facies" "$dir"
[ "$(find "$dir" -name '*.1' | wc -l)" -ge 10 ] || fail "fewer than ten pages"
for page in "$dir"/*.1; do
    cmp "$page" "$top_srcdir/man/$(basename "$page")" >&2 ||
        fail "$(basename "$page") is out of date: sh $top_srcdir/man/make.sh ./facies $top_srcdir/man"
    if command -v mandoc >/dev/null 2>&1; then
        mandoc -T lint -W error "$page" >&2 || fail "$(basename "$page") is malformed"
    fi
done
