#!/bin/sh
# run.sh WRITER OBJECT GCC G++: writes the libraries, looks at their symbols, and
# compiles and runs the programs of this folder.
set -eu
writer=$1 object=$2 gcc=$3 gxx=$4
sources=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "run.sh: $*" >&2; exit 1; }

"$writer" "$object" scale "$folder/libscale"
"$writer" "$object" other "$folder/libother"
"$writer" "$object" foreign "$folder/libforeign" xop
cp "$folder/libscale.h" "$folder/scale.h"
sed 's/libscale\.h/scale.h/' "$folder/libscale.hpp" > "$folder/scale.hpp"

# Twice the same bytes; nothing left beside the files.
mkdir "$folder/again"
"$writer" "$object" scale "$folder/again/libscale"
for kind in so h hpp; do cmp "$folder/libscale.$kind" "$folder/again/libscale.$kind"; done
[ "$(ls -A "$folder/again" | wc -l)" = 3 ] || fail "files were left behind"

# Only scale_* is exported, only libc and libm are needed, all with versions.
nm -D --defined-only "$folder/libscale.so" | awk '{print $3}' > "$folder/exports"
grep -v '^scale_' "$folder/exports" && fail "an export without the prefix"
grep -qx scale_train_step "$folder/exports" || fail "scale_train_step is not exported"
nm -D --undefined-only "$folder/libscale.so" | awk '{print $2}' > "$folder/imports"
grep -v '@GLIBC_' "$folder/imports" && fail "an import without version"
grep -qx 'pthread_create@GLIBC_2.34' "$folder/imports" || fail "pthread_create has another version"
grep -E '^(malloc|calloc|free|realloc|abort|exit)@' "$folder/imports" && fail "it allocates or ends"
needed=$(readelf -dW "$folder/libscale.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | xargs)
[ "$needed" = "libc.so.6 libm.so.6" ] || fail "it needs $needed"
size=$(stat -c %s "$folder/libscale.so")
[ "$size" -lt 65536 ] || fail "the library has $size bytes"

for program in create_test call_test state_test; do
  "$gcc" -std=gnu99 -Wall -Wextra -Werror -pedantic -I"$folder" -I"$sources" \
    "$sources/$program.c" -o "$folder/$program" -L"$folder" -lscale -Wl,-rpath,"$folder" -ldl
done
"$gxx" -std=c++17 -Wall -Wextra -Werror -pedantic -I"$folder" -I"$sources" \
  "$sources/class_test.cpp" -o "$folder/class_test" -L"$folder" -lscale -Wl,-rpath,"$folder"
# The header alone is strict C99, and two of them may be included together.
printf '#include "libscale.h"\n#include "libother.h"\nint main(void) { return 0; }\n' \
  > "$folder/both.c"
"$gcc" -std=c99 -Wall -Wextra -Werror -pedantic -I"$folder" -c "$folder/both.c" -o "$folder/both.o"

"$folder/create_test" "$folder/libforeign.so"
"$folder/call_test"
"$folder/state_test" "$folder" "$folder/libother.so"
"$folder/class_test" "$folder"
