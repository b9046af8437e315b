#!/bin/bash
# The integer engine against the C++ emulation of hls4ml 1.3.0 on 20 000 samples, extremes among them: small MLPs trained by
# nibble, written as plain Keras layers, converted, compiled with g++ and compared; 0 differing outputs.
#   tests/peers/hls4ml_slice.sh [NIBBLE [ROWS]]       NIBBLE: the program (build/release/nibble, built when it is missing)
# The Python environment (140 MB) is made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Needs python3 with venv, g++, and
# PyPI the first time. Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
rows=${2:-20000}
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source-path=SCRIPTDIR
. "$here/environments.bash"

command -v g++ >/dev/null || skip "g++ is not installed"
build_nibble "$source" "$nibble"
make_environment hls4ml
python=$peers/hls4ml/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$nibble" data synth jets -n "$rows" -o jets.h5
# A tenth of the rows far out, some of them at zero.
"$python" - "$rows" <<'END'
import sys
import h5py
rows = int(sys.argv[1])
with h5py.File('jets.h5', 'r+') as f:
    x = f['hlf16'][...]
    x[:rows // 20] *= 100
    x[rows // 20:rows // 10] *= -10
    x[rows // 10:rows // 10 + 16] = 0
    f['hlf16'][...] = x
END

# slice NAME MODEL QUANT
slice() {
    cat >"$1.yaml" <<END
data: {source: {generator: jets, n: 4000}, inputs: {x: hlf16}, targets: {y: label}, validation: {fraction: 0.25}}
model: $2
train: {epochs: 2, batch: 64}
quant: $3
END
    "$nibble" train "$1.yaml" --quiet -o "run_$1" 2>log || { cat log; return 1; }
    "$nibble" emulate "run_$1" --data jets.h5 --no-metrics --trace "$1.h5" --quiet || return 1
    "$python" "$here/hls4ml_slice.py" "$1.h5" "$work/$1" 2>error || { cat error; return 1; }
}

chain='{mlp: {hidden: [32, 16], activation: relu}}'
norm='{layers: [dense: {name: fc1, units: 24}, batch_norm: {name: bn1}, relu: {name: relu1}, dense: {name: fc2, units: 16}, relu: {name: relu2}, dense: {name: logits, units: auto}], outputs: {y: logits}}'
failed=0
slice bits6 "$chain" "{default: {input: 'fixed<8,3,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>', bias: 'fixed<8,3,RND_CONV,SAT>', activation: 'ufixed<6,2,RND,SAT>', output: 'fixed<10,5,RND,SAT>'}}" || failed=1
slice ternary "$chain" "{default: {input: 'fixed<7,4,RND_CONV,SAT_SYM>', weight: 'ternary(alpha=auto_po2)', bias: 'fixed<8,3,RND,SAT>', activation: 'ufixed<5,3,TRN,WRAP>', output: 'fixed<12,7,TRN,WRAP>'}}" || failed=1
slice norm "$norm" "{default: {input: 'fixed<10,5,RND,SAT>', weight: 'fixed<8,2,RND,SAT>', bias: 'fixed<10,4,RND,SAT>', activation: 'ufixed<8,4,RND_CONV,SAT>', output: 'fixed<14,7,RND,SAT>'}}" || failed=1
exit $failed
