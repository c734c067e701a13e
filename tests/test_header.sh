#!/bin/sh
# facies.h compiles alone, as C11 and (where a compiler is there) as C++; the library exports just what it declares.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }
header=$top_srcdir/include/facies.h
CC=$(sed -n 's/^CC = //p' "$top_builddir/Makefile")
printf '#include "facies.h"\nint main(void) { return 0; }\n' >"$dir/a.c"
$CC -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$top_srcdir/include" -c "$dir/a.c" -o "$dir/a.o" || fail "C"
if command -v c++ >/dev/null 2>&1; then
    cp "$dir/a.c" "$dir/a.cc"
    c++ -std=c++11 -Wall -Wextra -Werror -I"$top_srcdir/include" -c "$dir/a.cc" -o "$dir/b.o" || fail "C++"
fi
library=$(find "$top_builddir/.libs" -name 'libfacies.so*' -o -name 'libfacies.dylib' | head -n 1)
if [ -n "$library" ] && command -v nm >/dev/null 2>&1; then
    grep -v '^#' "$header" | tr '\n' ' ' | grep -o 'FCS_API [^;]*;' | sed 's/(.*//; s/.*[ *]//' | sort -u >"$dir/declared"
    nm -D --defined-only "$library" 2>/dev/null | awk '$2 == "T" { print $3 }' | grep -v '^_\|^__asan\|^__ubsan' |
        sort -u >"$dir/exported"
    [ "$(wc -l <"$dir/declared")" -gt 40 ] || fail "only $(wc -l <"$dir/declared") declarations were found"
    diff "$dir/declared" "$dir/exported" >&2 || fail "the exports (>) differ from the declarations (<)"
fi
