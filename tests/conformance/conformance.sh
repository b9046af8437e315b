#!/bin/bash
# Exports against hls4ml: models trained, exported, converted by the released hls4ml, compiled with g++ and compared on
# 20 000 golden inputs each, extremes and ties among them; 0 differing outputs.
#   tests/conformance/conformance.sh [NIBBLE [quick|all [OPTION...] [NAME...]]]
#       NIBBLE  the program (build/release/nibble, built when missing)
#       quick   a few models by hls4ml 1.3.0        all  every model of models.py, a third of them by hls4ml 1.2.0 too
#       NAME    only these models
#   --version V      only hls4ml of this version (1.3.0 or 1.2.0); may be given twice
#   --jobs N         models at a time (2)
#   --kept FOLDER    results are kept there: what is done with the same program and models is not done again
#   --seconds N      begin with no model after so many seconds; exit status 75 says that some are left (with --kept)
# A line for each model and version, a total; exit status 0: all outputs equal, 1: not.
# The Python environments (140 MB each) are made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Needs python3 with venv, g++,
# and PyPI the first time. Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
which=${2:-all}
shift $(($# < 2 ? $# : 2))
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source=../peers/environments.bash
. "$here/../peers/environments.bash"

versions=()
words=()
while [ $# -gt 0 ]; do
    case $1 in
    --version) versions+=("$2") && shift 2 ;;
    --kept) mkdir -p "$2" && words+=(--kept "$(realpath "$2")") && shift 2 ;;
    *) words+=("$1") && shift ;;
    esac
done
if [ ${#versions[@]} -eq 0 ]; then
    versions=(1.3.0)
    [ "$which" = all ] && versions+=(1.2.0)
fi

command -v g++ >/dev/null || skip "g++ is not installed"
build_nibble "$source" "$nibble"
pythons=()
for version in "${versions[@]}"; do
    make_environment "hls4ml-${version%.*}"
    pythons+=(--python "$version=$peers/hls4ml-${version%.*}/bin/python")
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$nibble" data synth jets -n 24000 -o jets.h5 2>/dev/null
"$peers/hls4ml-${versions[0]%.*}/bin/python" "$here/conformance.py" "$nibble" "$which" "${pythons[@]}" "${words[@]}"
