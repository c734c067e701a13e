#!/bin/sh
# make.sh PROGRAM FOLDER: writes the manual pages of all subcommands, from the program's own tables.
# From a build folder: sh ../man/make.sh ./facies ../man
set -eu
[ $# = 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
"$1" help --man >"$2/facies.1"
for command in $("$1" help --man | sed -n 's/^\.BR facies\\-\([a-z]*\) (1)$/\1/p'); do
    "$1" help --man "$command" >"$2/facies-$command.1"
done
