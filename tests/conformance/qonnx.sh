#!/bin/bash
# Exports to QONNX: models trained, exported, checked by the onnx package and executed by the qonnx package on 10 000 golden
# inputs each, extremes and ties among them: 0 differing outputs. What QONNX cannot say is refused.
#   tests/conformance/qonnx.sh [NIBBLE [NAME...]]   NIBBLE: the program (build/release/nibble, built when missing)
# The Python environment (250 MB) is made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Needs python3 with venv, and PyPI
# the first time. Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source=../peers/environments.bash
. "$here/../peers/environments.bash"

build_nibble "$source" "$nibble"
make_environment qonnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$nibble" data synth jets -n 16000 -o jets.h5 2>/dev/null
"$peers/qonnx/bin/python" "$here/qonnx_models.py" "$nibble" "${@:2}"
