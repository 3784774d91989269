#!/bin/sh
# compile.sh NNC MODELS FOLDER CMAKE TARGET: compiles lenet and mlp with training into
# FOLDER, for this machine if TARGET is empty, and extracts the digits there. The same model gives the same bytes
# wherever it lies, wherever it goes and however many cores compile it.
set -eu
nnc=$1 models=$2 folder=$3 cmake=$4 target=${5:+--target=$5}
fail() { echo "compile.sh: $*" >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$folder/again"
cd "$folder"

"$nnc" compile $target "$models/zoo/lenet.pt2" --loss cross_entropy --optimizer adam:lr=1e-3 -o lenet
"$nnc" compile $target "$models/zoo/mlp.pt2" --loss cross_entropy --optimizer sgd:lr=0.1,momentum=0.9 -o mlp

cp "$models/zoo/lenet.pt2" again/other.pt2
(cd again && TZ=Asia/Tokyo LC_ALL=C taskset 1 "$nnc" compile $target other.pt2 --loss cross_entropy \
  --optimizer adam:lr=1e-3 -o ./lenet)
for kind in so h hpp; do cmp lenet.$kind again/lenet.$kind; done
! grep -aqF -e "$models" -e "$folder" lenet.so lenet.h lenet.hpp || fail "a path of this machine is in the artefact"
[ "$(ls -A again | xargs)" = "lenet.h lenet.hpp lenet.so other.pt2" ] || fail "files were left behind: $(ls -A again)"

needed=$(readelf -dW lenet.so | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | xargs)
case $needed in "libc.so.6" | "libc.so.6 libm.so.6") ;; *) fail "lenet.so needs: $needed" ;; esac
# glibc refuses to load a library that asks for an executable stack, or asks nothing.
readelf -lW lenet.so | grep GNU_STACK | grep -q ' RW ' || fail "lenet.so has no GNU_STACK segment, or an executable one"
! readelf -lW lenet.so | grep LOAD | grep -q 'RWE' || fail "a segment of lenet.so is writable and executable"

"$cmake" -E tar xf "$models/data/digits.npz"
