#!/bin/sh
# Sets up, builds and runs every test. Ends with ctest's summary.
# Arguments go to ctest: tools/test.sh -R conformance
set -eu
cd "$(dirname "$0")/.."

tools/setup.sh
cmake --preset release
cmake --build --preset release
ctest --preset release --parallel "$(nproc)" "$@"
