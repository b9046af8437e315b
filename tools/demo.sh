#!/bin/bash
# nibble's main job from nothing: installs what is missing, builds, trains a network on the embedded generator's jets
# and shows where the run lies. Works from any directory; every call makes a new run.
#   tools/demo.sh [options of nibble train, e.g. --set train.epochs=5]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/install_dependencies.sh

mkdir -p build
build() {
    cmake --preset release && cmake --build --preset release
}
echo "building build/release/nibble"
build >build/demo.log 2>&1 || {
    tail -30 build/demo.log >&2
    echo "the build failed; all of its output is in $PWD/build/demo.log" >&2
    exit 1
}

build/release/nibble train tools/recipes/jets.yaml --runs "$PWD/runs" "$@"
