#!/bin/sh
# stubs.sh STUBS LIBRARIES: what the stubs of libc and libm offer, symbols with versions, glibc has.
set -eu
stubs=$1 libraries=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
symbols() { nm -D --defined-only "$@" | sed -n 's/.* [TWi] \([^@]*\)@*\(.*\)/\1@\2/p' | sort -u; }
for name in libc libm; do
  symbols "$stubs/$name.so.6" > "$folder/offered"
  symbols "$libraries/$name.so.6" > "$folder/there"
  [ -s "$folder/offered" ] || { echo "stubs.sh: no symbols in $stubs/$name.so.6" >&2; exit 1; }
  missing=$(comm -23 "$folder/offered" "$folder/there")
  [ -z "$missing" ] || { echo "stubs.sh: $libraries/$name.so.6 lacks" $missing >&2; exit 1; }
done
