#!/bin/bash
# The seeds of fuzz_model made anew, after a change of the format of exports: small sound exports of three kinds, a list of
# edits for each, and a few damaged ones.
#   tests/fuzz/make_model_seeds.sh NIBBLE
set -euo pipefail
nibble=$(realpath "$1")
seeds=$(realpath "$(dirname "${BASH_SOURCE[0]}")/corpus/model")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
data='{source: {generator: jets, n: 400}, inputs: {x: hlf16}, targets: {y: label}, validation: {fraction: 0.2}, test: {fraction: 0.2}}'

# make NAME MODEL QUANT
make() {
    printf 'data: %s\nmodel: %s\nquant: %s\ntrain: {epochs: 1, batch: 64}\n' "$data" "$2" "$3" >"$1.yaml"
    "$nibble" train "$1.yaml" --quiet -o "run_$1"
    "$nibble" export "run_$1" -o "$1" --rows 4 --quiet
    cp "$1/model.h5" "$seeds/base_$1.h5"
}

types='input: "fixed<6,3,RND,SAT>", weight: "fixed<5,1,RND,SAT>", bias: "fixed<6,2,RND,SAT>", output: "fixed<8,4,RND,SAT>"'
make residual '{layers: [dense: {name: fc1, units: 4}, relu: {name: r1}, dense: {name: fc2, units: 4}, add: {name: sum, from: [r1, fc2]}, concat: {name: both, from: [sum, r1]}, dense: {name: logits, units: auto}], outputs: {y: logits}}' \
    "{default: {$types, result: \"fixed<7,4,RND,SAT>\", activation: \"ufixed<6,3,RND,SAT>\"}}"
make channels '{layers: [dense: {name: fc1, units: 4}, relu: {name: r1}, dense: {name: logits, units: auto}], outputs: {y: logits}}' \
    "{default: {$types, activation: \"ufixed<6,3,RND,SAT>\"}, layers: {r1: {activation: {fixed: {type: \"ufixed<6,3,RND,SAT>\", bits: [3, 6, 0, 5]}}}}}"
make table '{layers: [dense: {name: fc1, units: 3}, tanh: {name: t1}, leaky_relu: {name: l1, negative_slope: 0.25}, dense: {name: logits, units: auto}], outputs: {y: logits}}' \
    "{default: {$types, result: \"fixed<5,3,RND,SAT>\", activation: \"fixed<6,1,RND,SAT>\"}}"

# First byte: base + 3 * (what is read); then edits: dataset, element, kind of edit, its bytes.
for base in 0 1 2; do
    printf %b "\\x0$base" >"$seeds/edit_${base}_none"
    for k in 1 7 20 45 60; do
        printf %b "\\x0$base\\x$(printf %02x $k)\\x00\\x00" >"$seeds/edit_${base}_drop_$k"
        printf %b "\\x0$base\\x$(printf %02x $k)\\x01\\x03\\x02\\xff\\x7f" >"$seeds/edit_${base}_number_$k"
        printf %b "\\x0$base\\x$(printf %02x $k)\\x00\\x01\\x02\\x03\\x02" >"$seeds/edit_${base}_shape_$k"
        printf %b "\\x0$base\\x$(printf %02x $k)\\x00\\x04\\x04\\x00\\x02\\x03{:," >"$seeds/edit_${base}_text_$k"
    done
    printf %b "\\x0$base\\x01\\x00\\x03\\x01\\x00\\x00\\x03\\x02\\x02\\x00" >"$seeds/edit_${base}_version"
done
head -c 20000 "$seeds/base_channels.h5" >"$seeds/cut.h5"
