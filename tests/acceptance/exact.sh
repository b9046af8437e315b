#!/usr/bin/env bash
# The evaluation forward of quantized training against the integer engine: 100 000 samples on every configuration below,
# from 2 to 16 bits, every rounding and overflow mode, per tensor and per channel, batch norm, binary, ternary, powers of
# two, tables. Three comparisons each: every number of every layer (nibble compare: the evaluation forward against the
# engine's plain way), the written logits byte for byte (nibble predict against nibble emulate: the engine's fast way),
# and the scores. Prints a table with the arithmetic that evaluated each: in float or in double the comparison is of two
# programs; where evaluation is the engine itself (a given accumulator that overflows), only of its two ways. Exits 1
# when a number differs or fewer than 16 configurations were evaluated by an arithmetic of their own.
#   tests/acceptance/exact.sh [NIBBLE [ROWS]]        NIBBLE: the program (build/release/nibble)
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
nibble=$(realpath "${1:-$here/build/release/nibble}")
rows=${2:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
count=0
independent=0

# config FILE MODEL QUANT
config() {
    cat >"$1" <<END
data:
  source: {generator: jets, n: $((rows + rows / 8 + 2000))}
  inputs: {x: hlf16}
  targets: {y: label}
  test: {rows: test.txt}
  validation: {fraction: 0.1}
model: $2
train: {seed: 5, epochs: 2, batch: 128}
quant: $3
END
}

# check NAME MODEL QUANT: train two epochs, compare.
check() {
    local name=$1 arithmetic differ reason
    count=$((count + 1))
    rm -rf run
    config exact.yaml "$2" "$3"
    "$nibble" train exact.yaml -o run --prepared prepared --quiet 2>train.log || { cat train.log; exit 1; }
    "$nibble" compare run --rows "$rows" --csv layers.csv --force >compare.log 2>&1
    reason=$(sed -n 's/^float cannot follow: \(.*\); evaluation .*/\1/p' compare.log)
    arithmetic=$(sed -n 's/.*; evaluation \(.*\)/\1/p' compare.log)
    case $arithmetic in
    "") arithmetic=float ;;
    "computes in double") arithmetic=double ;;
    *) arithmetic=engine ;;
    esac
    [ "$arithmetic" = engine ] || independent=$((independent + 1))
    # Where evaluation is the engine, the columns of the float forward differ: what evaluates is compared below.
    differ=$(awk -F, -v OFS=, '{ while (match($0, /"[^"]*"/)) $0 = substr($0, 1, RSTART - 1) "type" substr($0, RSTART + RLENGTH) }
                 $2 != "weights" && NR > 1 { n += $20 } END { print n + 0 }' layers.csv)
    "$nibble" predict run --logits -o predicted.npy --force --quiet
    "$nibble" emulate run --logits -o emulated.npy --force --quiet --json >emulated.json
    "$nibble" eval run --quiet --json >evaluated.json
    local same=equal
    cmp -s predicted.npy emulated.npy || same=DIFFER
    cmp -s emulated.json evaluated.json || same=DIFFER
    if [ "$same" = DIFFER ] || { [ "$arithmetic" != engine ] && [ "$differ" != 0 ]; }; then
        failed=1
    fi
    printf '%-26s %-8s %10s %8s  %s\n' "$name" "$arithmetic" "$differ" "$same" "$reason"
}

seq 0 $((rows - 1)) >test.txt
chain='{layers: [dense: {name: fc1, units: 24}, relu: {name: relu1}, dense: {name: fc2, units: 16}, relu: {name: relu2}, dense: {name: logits, units: auto}], outputs: {y: logits}}'
norm='{layers: [dense: {name: fc1, units: 24}, batch_norm: {name: bn1}, relu: {name: relu1}, dense: {name: fc2, units: 16}, batch_norm: {name: bn2}, relu: {name: relu2}, dense: {name: logits, units: auto}], outputs: {y: logits}}'
graph='{layers: [dense: {name: fc1, units: 16}, leaky_relu: {name: leaky1, negative_slope: 0.25}, dropout: {name: drop1, rate: 0.1}, dense: {name: fc2, units: 16}, add: {name: sum, from: [drop1, fc2]}, concat: {name: joined, from: [sum, leaky1]}, relu: {name: relu2}, dense: {name: logits, units: auto}], outputs: {y: logits}}'

tables='{layers: [dense: {name: fc1, units: 16}, tanh: {name: tanh1}, dense: {name: fc2, units: 16}, sigmoid: {name: sigmoid1}, dense: {name: logits, units: auto}], outputs: {y: logits}}'

# types W I Q O: weights of W bits, the others of a few more.
types() {
    local more=$(($1 + 2))
    echo "{default: {input: 'fixed<$more,4,$3,$4>', weight: 'fixed<$1,$2,$3,$4>', bias: 'fixed<$more,3,$3,$4>', activation: 'ufixed<$more,3,$3,$4>', output: 'fixed<$((more + 2)),6,$3,$4>'}, allow_dead: true}"
}

printf '%-26s %-8s %10s %8s  %s\n' configuration evaluated differing outputs 'why not in float'
check '2 bits, RND_CONV SAT' "$chain" "$(types 2 1 RND_CONV SAT)"
check '3 bits, RND SAT' "$chain" "$(types 3 1 RND SAT)"
check '4 bits, RND_ZERO SAT_SYM' "$chain" "$(types 4 1 RND_ZERO SAT_SYM)"
check '5 bits, RND_INF SAT_ZERO' "$chain" "$(types 5 1 RND_INF SAT_ZERO)"
check '6 bits, RND_MIN_INF WRAP' "$chain" "$(types 6 1 RND_MIN_INF WRAP)"
check '7 bits, TRN WRAP' "$chain" "$(types 7 1 TRN WRAP)"
check '8 bits, TRN_ZERO SAT' "$chain" "$(types 8 1 TRN_ZERO SAT)"
check '10 bits, RND SAT' "$chain" "$(types 10 2 RND SAT)"
check '12 bits, RND_CONV SAT' "$chain" "$(types 12 2 RND_CONV SAT)"
check '16 bits, RND SAT' "$chain" "$(types 16 2 RND SAT)"
check '6 bits, result typed too' "$chain" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', result: 'fixed<9,5,TRN,SAT_SYM>', activation: 'ufixed<6,3,RND_CONV,SAT>', output: 'fixed<10,6,RND,WRAP>'}}"
check 'per channel, auto_po2' "$chain" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'quantized_bits(4,0,alpha=auto_po2)', bias: 'quantized_bits(8,2,alpha=1)', activation: 'quantized_relu(6,3)'}}"
check 'binary' "$chain" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'binary(alpha=auto_po2)', bias: 'fixed<8,3,RND,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"
check 'ternary' "$chain" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'ternary(alpha=auto_po2)', bias: 'fixed<8,3,RND,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"
check 'powers of two' "$chain" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'quantized_po2(4,1)', bias: 'fixed<8,3,RND,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"
check 'batch norm, 6 bits' "$norm" "$(types 6 1 RND_CONV SAT)"
check 'batch norm, 12 bits' "$norm" "$(types 12 2 RND SAT)"
check 'batch norm on a grid' "$norm" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', activation: 'ufixed<8,4,RND,SAT>'}, layers: {bn1: {weight: 'fixed<8,4,RND,SAT>', bias: 'fixed<8,4,RND,SAT>'}, bn2: {weight: 'fixed<8,4,RND,SAT>', bias: 'fixed<8,4,RND,SAT>'}}}"
check 'tanh, sigmoid' "$tables" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', result: 'fixed<10,4,RND,SAT>', activation: 'fixed<8,1,RND,SAT>'}}"
check 'add, concat, leaky_relu' "$graph" "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', activation: 'fixed<8,4,RND,SAT>', result: 'fixed<9,5,RND,SAT>'}}"
check 'given accumulator' "$chain" "{default: {input: 'fixed<10,4>', weight: 'fixed<10,4>', bias: 'fixed<10,4>', result: 'fixed<10,4>', activation: 'fixed<10,4>', output: 'fixed<10,4>', accum: 'fixed<10,4>'}}"
[ "$independent" -ge 16 ] || failed=1
echo "$count configurations, $rows samples each, $independent evaluated by an arithmetic of their own:" \
    "$([ "$failed" = 0 ] && echo '0 differing outputs' || echo 'DIFFERENCES or too few')"
exit $failed
