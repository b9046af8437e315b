#!/bin/bash
# Exports through da4ml to Verilog: models trained, exported (--format dais), turned into pipelined Verilog by da4ml 0.6.0,
# simulated on 10 000 golden inputs each, extremes and ties among them; 0 differing outputs.
#   tests/conformance/verilog.sh [NIBBLE [--with verilator|iverilog] [NAME...]]
#       NIBBLE  the program (build/release/nibble, built when missing)
#       NAME    of models.py; else those that are marked there
# Simulated by verilator 5 where it is installed (seconds for a model), else by iverilog (minutes).
# The Python environment (140 MB) is made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Needs python3 with venv, and PyPI
# the first time. Exit status 77 with a message when something is not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
shift $(($# < 1 ? $# : 1))
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source=../peers/environments.bash
. "$here/../peers/environments.bash"

if [ "${1:-}" = --with ]; then
    simulator=$2
    shift 2
elif [[ $(verilator --version 2>/dev/null) =~ ^Verilator\ [5-9] ]] && command -v g++ >/dev/null; then
    simulator=verilator
else
    simulator=iverilog
fi
command -v "$simulator" >/dev/null || skip "neither verilator 5 nor iverilog is installed (apt-get install verilator)"
build_nibble "$source" "$nibble"
make_environment hls4ml-1.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$nibble" data synth jets -n 24000 -o jets.h5 2>/dev/null
"$peers/hls4ml-1.3/bin/python" "$here/verilog.py" "$nibble" "$simulator" "$@"
