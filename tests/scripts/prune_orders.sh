#!/bin/bash
# Pruning and quantization in every order, with and without batch norm, end to end: the zeros that were asked for are
# there, predictions are those of the integer engine, and strip gives a smaller network with the same integers.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write() { # write FILE BATCH_NORM
    cat >"$1" <<END
data:
  source: {generator: jets, n: 3000}
  inputs: {x: {path: hlf16, preprocess: standardize}}
  targets: {y: label}
  validation: {fraction: 0.2}
  test: {fraction: 0.2}
model:
  mlp: {hidden: [32, 16], activation: relu, batch_norm: $2}
train: {epochs: 4, batch: 64, optimizer: {adam: {lr: 2e-3}}}
END
}
train() { # train OUTPUT FROM KEY=VALUE...
    local output=$1 from=$2 sets=() key
    shift 2
    [ "$from" = none ] || sets+=(--set "model.init_from=$from")
    for key in "$@"; do sets+=(--set "$key"); done
    "$nibble" train "$config" --quiet -o "$output" "${sets[@]}" 2>log || fail "$output: $(cat log)"
}
# kept RUN: weights of all kernels that are left.
kept() { "$nibble" inspect "$1" | awk '/^Kernel / { table = 1 } table && $1 == "all" { print $3 }'; }
engine_agrees() {
    "$nibble" predict "$1" --logits --quiet -f -o float.npy 2>log || fail "$1: $(cat log)"
    "$nibble" emulate "$1" --logits --quiet -f -o integer.npy 2>log || fail "$1: $(cat log)"
    cmp float.npy integer.npy || fail "$1: predictions are not those of the integer engine"
}

prune=prune.default.sparsity=0.75
wanted=276 # of 16 x 32 + 32 x 16 + 16 x 5
for norm in false true; do
    config=norm-$norm.yaml
    write "$config" $norm
    r=$norm
    train "$r-float" none
    train "$r-pruned" "$r-float" $prune
    train "$r-pruned-quantized" "$r-pruned" quant.bits=6
    train "$r-quantized" "$r-float" quant.bits=6
    train "$r-quantized-pruned" "$r-quantized" quant.bits=6 $prune
    train "$r-together" "$r-float" quant.bits=6 $prune
    train "$r-together-afresh" none quant.bits=6 $prune
    "$nibble" quantize "$r-pruned" --bits 8 --quiet -o "$r-pruned-post" 2>log || fail "quantize: $(cat log)"
    for run in pruned-quantized quantized-pruned together together-afresh pruned-post; do
        left=$(kept "$r-$run")
        # Quantizers make zeros of their own.
        [ "$left" -le $wanted ] && [ "$left" -ge $((wanted - 60)) ] || fail "$r-$run: $left weights are left, not $wanted"
        engine_agrees "$r-$run"
    done
    echo "batch norm $norm: $left of 1104 weights left after post-training quantization"

    # Whole neurons.
    neurons="prune.default={sparsity: 0.5, criterion: neuron, schedule: {polynomial: {frequency: 10}}}"
    train "$r-neurons" "$r-float" "$neurons"
    train "$r-neurons-quantized" "$r-neurons" quant.bits=6
    train "$r-quantized-neurons" "$r-quantized" quant.bits=6 "$neurons"
    for run in neurons neurons-quantized quantized-neurons; do
        "$nibble" strip "$r-$run" -o "$r-$run-stripped" 2>log || fail "strip $r-$run: $(cat log)"
        macs=$(awk '/"after"/ { after = 1 } after && /"macs"/ { gsub(/[^0-9]/, ""); print; exit }' "$r-$run-stripped/summary.json")
        [ "$macs" -le $((16 * 16 + 16 * 8 + 8 * 5)) ] || fail "$r-$run: $macs MACs are left"
        [ "$run" = neurons ] && continue
        grep -q "same to the last bit" log || fail "$r-$run: $(cat log)"
        "$nibble" emulate "$r-$run" --logits --quiet -f -o before.npy 2>log || fail "$(cat log)"
        "$nibble" emulate "$r-$run-stripped" --logits --quiet -f -o after.npy 2>log || fail "$(cat log)"
        cmp before.npy after.npy || fail "$r-$run: strip changes the integers"
        engine_agrees "$r-$run-stripped"
    done
done

# The student of a dense float network, pruned and quantized.
config="norm-false.yaml"
train student false-float quant.bits=6 $prune "train.distill={teacher: false-float, temperature: 2, alpha: 0.5}"
[ "$(kept student)" -le $wanted ] || fail "student: $(kept student) weights are left"
engine_agrees student
