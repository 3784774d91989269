#!/bin/sh
# cc.sh CLANG ARGUMENTS...: clang for AArch64, with libc alone: what Debian's
# libc6-dev-arm64-cross has, and no GCC with its libgcc.
set -eu
clang=$1 root=/usr/aarch64-linux-gnu
shift
exec "$clang" --target=aarch64-linux-gnu -mno-outline-atomics -isystem $root/include -fuse-ld=lld -nostdlib -no-pie \
  $root/lib/crt1.o $root/lib/crti.o "$@" -L$root/lib -lc $root/lib/crtn.o
