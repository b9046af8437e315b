#!/bin/bash
# `nibble emulate --types` and `nibble quantize --like hls4ml` against the C++ emulation of hls4ml 1.3.0: a float MLP of nibble,
# converted under configurations of hls4ml, compiled with g++ and compared on the generator's jets; 0 differing outputs.
#   tests/peers/hls4ml_types.sh [NIBBLE]       NIBBLE: the program (build/release/nibble, built when it is missing)
# The Python environment (140 MB) is made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers. Needs python3 with venv, g++, and
# PyPI the first time. Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
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

cat >net.yaml <<'END'
data: {source: {generator: jets, n: 6000}, inputs: {x: hlf16}, targets: {y: label}, validation: {fraction: 0.25}, test: {fraction: 0.3}}
model: {mlp: {hidden: [24, 12], activation: relu}}
train: {epochs: 6, batch: 64, optimizer: {adam: {lr: 1e-2}}}
END
"$nibble" train net.yaml --quiet -o float

# One type for all, at which nothing, something and nearly everything is lost; then types by variable and by layer, `auto`,
# saturation, and the other order of the additions.
for bits in 16 12 8; do
    echo "HLSConfig: {Model: {Precision: 'fixed<$bits,6>', ReuseFactor: 1, Strategy: Latency}}" >"uniform$bits.yml"
done
cat >variables.yml <<'END'
HLSConfig:
  Model:
    Precision: {default: 'fixed<12,6>', accum: 'fixed<14,7>', weight: 'fixed<8,2>', bias: 'fixed<9,3,RND,SAT>'}
    ReuseFactor: 4
    Strategy: Resource
END
cat >layers.yml <<'END'
HLSConfig:
  Model: {Precision: {default: 'fixed<10,6>'}, ReuseFactor: 1, Strategy: Latency}
  LayerName:
    fc1: {Precision: {weight: 'fixed<7,1>', result: 'fixed<9,5,RND,SAT>', accum: auto}}
    fc2: {Strategy: Resource, ReuseFactor: 3, Precision: {result: auto}}
END

failed=0
for config in uniform16 uniform12 uniform8 variables layers; do
    "$nibble" emulate float --types "$config.yml" --no-metrics --trace "$config.h5" --quiet
    "$python" "$here/hls4ml_types.py" float/best.h5 "$config.yml" "$config.h5" "$work/$config" 2>error || { cat error; failed=1; }
    case $config in
        uniform*) # the same types in one word
            "$nibble" quantize float --like "hls4ml fixed<${config#uniform},6>" -o "run_$config" --quiet --set quant.allow_dead=true
            "$nibble" emulate "run_$config" --no-metrics --trace "again_$config.h5" --quiet
            cmp "$config.h5" "again_$config.h5" || failed=1
            ;;
    esac
done
exit $failed
