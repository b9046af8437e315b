#!/bin/bash
# nibble's exact cast against the ap_types headers that hls4ml compiles its models with: every rounding and overflow
# mode, as the compiler sees ap_fixed, from other fixed-point types and from double.
#   tests/peers/fixed_headers.sh
# Needs gcc, g++, python3 with pip, and PyPI the first time (the package of hls4ml stays in $NIBBLE_PEERS or
# ~/.cache/nibble-peers). Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}/hls4ml-1.3.0
skip() {
    echo "skipped: $*"
    exit 77
}
for tool in gcc g++ python3; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
if ! compgen -G "$peers/*.whl" >/dev/null; then
    mkdir -p "$peers"
    python3 -m pip download --quiet --disable-pip-version-check --retries 1 --no-deps --only-binary :all: -d "$peers" \
        hls4ml==1.3.0 || skip "pip cannot download hls4ml==1.3.0 (is PyPI reached?)"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m zipfile -e "$peers"/hls4ml*.whl "$work/wheel"
headers=$(find "$work/wheel" -name ap_fixed.h -printf '%h\n' | head -1)
[ -n "$headers" ] || { echo "the package of hls4ml holds no ap_fixed.h"; exit 1; }
for file in quant/fixed core/status; do
    gcc -std=c11 -O2 -D_GNU_SOURCE -I"$source" -c "$source/$file.c" -o "$work/${file#*/}.o"
done
g++ -std=c++17 -O0 -w -I"$headers" -I"$source" "$here/fixed_headers.cpp" "$work"/*.o -o "$work/compare"
"$work/compare"
