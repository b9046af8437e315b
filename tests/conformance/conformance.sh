#!/bin/bash
# Exports against hls4ml: models trained, exported, converted by the released hls4ml, compiled with g++ and compared on
# 20 000 golden inputs each, extremes and ties among them; 0 differing outputs.
#   tests/conformance/conformance.sh [NIBBLE [quick|all [NAME...]]]   NIBBLE: the program (build/release/nibble, built when missing)
# quick: a few models by hls4ml 1.3.0. all: every model of models.py, a third of them by hls4ml 1.2.0 too; with NAMEs only these.
# The Python environments (140 MB each) are made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Needs python3 with venv, g++,
# and PyPI the first time. Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
which=${2:-all}
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source=../peers/environments.bash
. "$here/../peers/environments.bash"

command -v g++ >/dev/null || skip "g++ is not installed"
build_nibble "$source" "$nibble"
make_environment hls4ml-1.3
versions=("$peers/hls4ml-1.3/bin/python")
if [ "$which" = all ]; then
    make_environment hls4ml-1.2
    versions+=("$peers/hls4ml-1.2/bin/python")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$nibble" data synth jets -n 24000 -o jets.h5 2>/dev/null
python3 "$here/conformance.py" "$nibble" "$which" "${versions[@]}" -- "${@:3}"
