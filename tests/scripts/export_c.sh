#!/bin/bash
# `nibble export --format c` on models of many kinds: the C source is compiled with warnings as errors and compared on
# golden samples (ends of the range, ties and far outliers among them): the first model on 100 000, the others on 10 000;
# NIBBLE_EXPORT_ROWS sets it for all. The codes also come back through a shared library. tests/quant/test_c_export.c does the same for random networks.
set -euo pipefail
nibble=$1
cc=${CC:-cc}
command -v "$cc" >/dev/null || { echo "there is no C compiler $cc"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OPENBLAS_NUM_THREADS=1

chain='{mlp: {hidden: [12, 8]}}'
norm='{layers: [dense: {name: fc1, units: 12}, batch_norm: {name: bn1}, relu: {name: relu1}, dense: {name: logits, units: 5}], outputs: {y: logits}}'
tables='{layers: [dense: {name: fc1, units: 8}, tanh: {name: tanh1}, dense: {name: fc2, units: 7}, sigmoid: {name: sigmoid1}, dense: {name: logits, units: 5}], outputs: {y: logits}}'
graph='{layers: [dense: {name: fc1, units: 9, from: x}, leaky_relu: {name: leaky1, negative_slope: 0.25}, dense: {name: fc2, units: 9, from: x}, add: {name: sum, from: [leaky1, fc2]}, concat: {name: joined, from: [sum, leaky1]}, dense: {name: logits, units: 5}], outputs: {y: logits}}'
types() { # input weight bias activation output, and more keys
    echo "{default: {input: '$1', weight: '$2', bias: '$3', activation: '$4', output: '$5'${6:-}}}"
}
heads='{layers: [dense: {name: fc1, units: 9}, relu: {name: relu1}, dense: {name: logits, units: 5}, dense: {name: other, units: 5, from: relu1}], outputs: {y: logits, z: other}}'

targets='{y: label}'
models=0 samples=0 rows=${NIBBLE_EXPORT_ROWS:-100000}
check() { # name model quant [prune]
    printf 'data: {source: {generator: jets, n: 1500}, inputs: {x: {path: hlf16, preprocess: standardize}}, targets: %s, validation: {fraction: 0.2}, test: {fraction: 0.4}}\nmodel: %s\nquant: %s\ntrain: {seed: 2, epochs: 2, batch: 64}\n%s\n' "$targets" "$2" "$3" "${4:-}" >"$1.yaml"
    "$nibble" train "$1.yaml" -o "$1" --quiet 2>"$1.log" || { cat "$1.log"; exit 1; }
    "$nibble" export "$1" --format c -o "$1-c" --rows "$rows" --quiet || exit 1
    (
        cd "$1-c"
        "$cc" -std=c11 -Wall -Wextra -Werror -O2 model.c check.c -o check
        said=$(./check) || { echo "$1: $said"; exit 1; }
        [ "$said" = "$rows rows, 0 differences" ] || { echo "$1: $said"; exit 1; }
    ) || exit 1
    models=$((models + 1)) samples=$((samples + rows)) rows=${NIBBLE_EXPORT_ROWS:-10000}
}

check trn_wrap "$chain" "$(types 'fixed<8,4>' 'fixed<6,2>' 'fixed<6,2>' 'ufixed<6,3>' 'fixed<8,5>')"
check rnd_sat "$chain" "$(types 'fixed<8,3,RND,SAT>' 'fixed<6,1,RND_CONV,SAT>' 'fixed<8,3,RND_CONV,SAT>' 'ufixed<6,2,RND,SAT>' 'fixed<10,5,RND,SAT>')"
check conv_sym "$chain" "$(types 'fixed<9,4,RND_CONV,SAT_SYM>' 'fixed<4,0,RND,SAT_SYM>' 'fixed<8,3>' 'ufixed<7,2,RND_CONV,SAT_SYM>' 'fixed<6,4,RND_CONV,SAT_SYM>')"
check zero "$chain" "$(types 'fixed<8,3,RND_ZERO,SAT_ZERO>' 'fixed<6,1,RND,SAT>' 'fixed<8,3>' 'ufixed<5,2,TRN_ZERO,SAT_ZERO>' 'fixed<7,4,RND_ZERO,SAT_ZERO>')"
check inf "$chain" "$(types 'fixed<8,3,RND_INF,SAT>' 'fixed<16,4,RND,SAT>' 'fixed<16,4>' 'ufixed<12,4,RND_MIN_INF,SAT>' 'fixed<18,8,RND_INF,WRAP>')"
check binary "$chain" "$(types 'fixed<2,1,RND,SAT>' 'fixed<2,1,RND,SAT>' 'fixed<4,2,RND,SAT>' 'ufixed<1,1,RND,SAT>' 'fixed<4,3,RND,SAT>')"
check wide "$chain" "$(types 'fixed<24,8,RND,SAT>' 'fixed<20,4,RND,SAT>' 'fixed<20,4>' 'ufixed<22,6,RND,SAT>' 'fixed<24,10,RND_CONV,SAT>')"
check given "$chain" "$(types 'fixed<10,4>' 'fixed<10,4>' 'fixed<10,4>' 'fixed<10,4>' 'fixed<10,4>' ", result: 'fixed<10,4>', accum: 'fixed<10,4>'")"
check given_sat "$chain" "$(types 'fixed<10,4>' 'fixed<10,4>' 'fixed<10,4>' 'fixed<10,4>' 'fixed<10,4>' ", accum: 'fixed<9,3,RND,SAT>'")"
check per_channel "$chain" "{default: {input: 'fixed<8,3,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>', bias: 'fixed<8,3>', activation: 'ufixed<6,2,RND,SAT>', output: 'fixed<10,5,RND,SAT>'}, layers: {relu1: {activation: {fixed: {type: 'ufixed<6,2,RND,SAT>', bits: [4, 5, 6, 7, 8, 0, 4, 5, 6, 7, 8, 3], integer: [2, 2, 1, 2, 3, 2, 2, 0, 2, 2, 2, 1]}}}}}"
check pruned "$chain" "$(types 'fixed<8,3,RND,SAT>' 'fixed<6,1,RND_CONV,SAT>' 'fixed<8,3>' 'ufixed<6,2,RND,SAT>' 'fixed<10,5,RND,SAT>')" 'prune: {default: {schedule: constant, sparsity: 0.8}}'
check norm "$norm" "$(types 'fixed<8,3,RND,SAT>' 'fixed<8,2,RND,SAT>' 'fixed<10,4,RND,SAT>' 'ufixed<6,2,RND,SAT>' 'fixed<10,5,RND,SAT>')"
check tables "$tables" "$(types 'fixed<8,3,RND,SAT>' 'fixed<6,1,RND_CONV,SAT>' 'fixed<8,3>' 'fixed<8,1,RND,SAT>' 'fixed<10,5,RND,SAT>' ", result: 'fixed<10,4,RND,SAT>'")"
check graph "$graph" "$(types 'fixed<8,3,RND,SAT>' 'fixed<6,1,RND_CONV,SAT>' 'fixed<8,3>' 'fixed<9,4,RND,SAT>' 'fixed<10,5,RND,SAT>')"

check auto_po2 "$chain" "$(types 'fixed<8,4,RND,SAT>' 'quantized_bits(4,0,alpha=auto_po2)' 'quantized_bits(8,2,alpha=1)' 'quantized_relu(5,2)' 'fixed<10,5,RND,SAT>')"
targets='{y: label, z: label}'
check heads "$heads" "$(types 'fixed<8,3,RND,SAT>' 'fixed<6,1,RND_CONV,SAT>' 'fixed<8,3>' 'ufixed<6,2,RND,SAT>' 'fixed<10,5,RND,SAT>')"

cd rnd_sat-c
"$cc" -std=c11 -O2 -shared -fPIC model.c -o libmodel.so
nm -D --defined-only libmodel.so | grep -q ' T predict$' || { echo "libmodel.so has no predict"; exit 1; }
if python3 -c 'import numpy' 2>/dev/null; then
    [ "$(python3 predict.py)" = "0 differences" ] || { echo "predict.py: $(python3 predict.py)"; exit 1; }
fi
cd ..
"$nibble" export rnd_sat --format c --name jets -o named --rows 50 --quiet
"$cc" -std=c11 -Wall -Wextra -Werror -c named/jets.c -o named/jets.o
nm --defined-only named/jets.o | grep -q ' T jets_predict$' || { echo "jets.c has no jets_predict"; exit 1; }
echo "$models models, $samples samples: compiled without warnings, 0 differences"
