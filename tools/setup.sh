#!/bin/sh
# Installs what building and testing nnc needs on Debian 12, and nothing that is
# already there. Needs root or sudo only if something is missing.
set -eu

# What each package is for:
#   cmake ninja-build ccache            the build
#   clang-22 lld-22 libc6-dev g++       compiler, linker, C and C++ headers
#   libclang-rt-22-dev                  libFuzzer and the sanitizers
#   llvm-22-dev libmlir-22-dev          the libraries the compiler is made of
#   mlir-22-tools llvm-22-tools         mlir-tblgen; FileCheck and lit (which runs on python3)
#   liblld-22-dev zlib1g-dev libzstd-dev  the linker as a library
#   libcli11-dev libzip-dev             command line; .npz files
#   libgtest-dev libgmock-dev libbenchmark-dev  tests and benchmarks
#   gcc                                 compiles the C programs against a generated header
#   binutils                            readelf and nm, with which tests look at a library
#   libc6-dev-arm64-cross               libc's headers for the runtime on AArch64; libc itself for its tests
#   qemu-user                           runs those tests
packages="cmake ninja-build ccache clang-22 libclang-rt-22-dev lld-22 libc6-dev g++ llvm-22-dev libmlir-22-dev
mlir-22-tools llvm-22-tools python3 liblld-22-dev zlib1g-dev libzstd-dev libcli11-dev libzip-dev
libgtest-dev libgmock-dev libbenchmark-dev gcc binutils
libc6-dev-arm64-cross qemu-user"

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "setup.sh: this is not a Debian system (no dpkg-query)." >&2
  echo "  Install by hand: $packages" | tr '\n' ' ' >&2
  echo >&2
  exit 1
fi

missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1; then
  as_root="sudo"
else
  echo "setup.sh: packages are missing and neither root nor sudo is at hand. As root, run:" >&2
  echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
  exit 1
fi

echo "setup.sh: installing$missing"
$as_root apt-get update -q
if ! $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends $missing; then
  echo "setup.sh: apt-get could not install all of:$missing" >&2
  echo "  LLVM 22 comes from Debian 12's security updates: /etc/apt must list bookworm-security." >&2
  exit 1
fi
