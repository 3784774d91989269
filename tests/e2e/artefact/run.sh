#!/bin/sh
# run.sh COMPILER SOURCE LIBRARIES RUNNER: compiles a program of this folder against
# lenet.so and runs it in a folder of its own. COMPILER and RUNNER, which is empty or an
# emulator, are commands with arguments.
set -eu
compiler=$1 source=$2 libraries=$3 runner=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
case $source in *.cpp) standard=c++17 ;; *) standard=gnu99 ;; esac
case $source in
*/dlopen.c) set -- -ldl ;;
*) set -- "$libraries/lenet.so" "-Wl,-rpath,$libraries" -lm ;;
esac
$compiler -std=$standard -O1 -pthread -Wall -Wextra -Werror -pedantic -I"$libraries" \
  -I"$(dirname "$source")" -I"$(dirname "$source")/../runtime" "$source" "$@" -o "$folder/program"
cd "$folder"
$runner ./program "$libraries"
