#!/bin/bash
# Exports for oneAPI on Agilex 7: the project is written by the released hls4ml and its declarations are compared with the
# exported integers: type of every tensor that export/layer names, accumulators, every weight and bias. icpx is not needed:
# nothing is compiled.
#   tests/conformance/oneapi.sh [NIBBLE [NAME...]]   NIBBLE: the program (build/release/nibble, built when missing)
# The Python environment is made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Exit status 77 with a message when python3
# with venv or PyPI is not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source=../peers/environments.bash
. "$here/../peers/environments.bash"

build_nibble "$source" "$nibble"
make_environment hls4ml-1.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$nibble" data synth jets -n 24000 -o jets.h5 2>/dev/null
"$peers/hls4ml-1.3/bin/python" "$here/oneapi.py" "$nibble" "${@:2}"
