#!/usr/bin/env bash
# What pruning costs in accuracy: 16-64-32-32-2 on the top tagging set, pruned from the float run of the same seed, with the
# polynomial schedule and at constant sparsity beside it (needs NIBBLE_DATA). Prints a table of medians over the seeds, then
# the weights kept by layer; exits 1 when a number misses what the project promises.
#   tests/acceptance/pruning.sh [NIBBLE [SEEDS]]     NIBBLE: the program (build/release/nibble); SEEDS: "1 2 3"
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
nibble=${1:-$here/build/release/nibble}
seeds=${2:-1 2 3}
if [ -z "${NIBBLE_DATA:-}" ] || [ ! -e "$NIBBLE_DATA/top_tagging.h5" ]; then
    echo "skip: NIBBLE_DATA is not set or has no top_tagging.h5"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
recipe=$here/tools/recipes/top_tagging.yaml

# field FILE NAME: a number of the test part of summary.json, as cJSON prints it (one field a line).
field() {
    awk -v name="\"$2\"" '
        /"test"/ && /{/ { inside = 1 }
        inside && index($0, name ":") { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); print; exit }' "$1"
}
median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
need() { # need TEXT VALUE COMPARISON LIMIT
    if awk -v v="$2" -v l="$4" "BEGIN { exit !(v $3 l) }"; then echo "ok    $1: $2 ($3 $4)"; else echo "MISS  $1: $2 (wanted $3 $4)"; failed=1; fi
}
# kept RUN LAYER: weights of a kernel that are left; `all` is their sum.
kept() { "$nibble" inspect "$1" | awk -v layer="$2" '/^Kernel / { table = 1 } table && $1 == layer { print $3 }'; }

for seed in $seeds; do
    "$nibble" train "$recipe" --set train.seed="$seed" -o "$work/float$seed" --quiet
done
run() { # run SCHEDULE SPARSITY SEED: one pruned run
    "$nibble" train "$recipe" --set train.seed="$3" --set model.init_from="$work/float$3" --set prune.default.sparsity="$2" \
        --set "prune.default.schedule=$1" -o "$work/$2-$4-$3" --quiet 2>/dev/null
    "$nibble" cost "$work/$2-$4-$3" --set quant.allow_float=true --json >"$work/$2-$4-$3/cost.json" 2>/dev/null || true
}
over_seeds() { for s in $seeds; do field "$work/$1-$s/summary.json" "$2"; done | median; }
ebops() { # EBOPs of float runs, every tensor in the type that quant.allow_float fills in
    for s in $seeds; do awk '/"ebops"/ { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); v = $0 } END { print v }' "$work/$1-$s/cost.json"; done | median
}
first=${seeds%% *}
nonzero() { awk '/"nonzero"/ { gsub(/[^0-9]/, ""); print; exit }' "$1/summary.json"; }

printf '%-11s %8s %9s %9s %8s %6s %6s %6s %7s %10s\n' schedule sparsity accuracy AUC kept fc1 fc2 fc3 logits EBOPs
for schedule in 'polynomial' 'constant:'; do
    name=${schedule%:}
    options=$name
    [ "$name" = constant ] && options='{constant: {begin: 2000}}'
    for sparsity in 0 0.5 0.75 0.8 0.85 0.9 0.95 0.99; do
        for seed in $seeds; do run "$options" $sparsity "$seed" "$name"; done
        r=$work/$sparsity-$name-$first
        layers=$(for l in all fc1 fc2 fc3 logits; do kept "$r" $l; done | tr '\n' ' ')
        [ "$sparsity" = 0 ] && layers="4160 1024 2048 1024 64"
        # shellcheck disable=SC2086
        printf '%-11s %8s %9.4f %9.4f %8s %6s %6s %6s %7s %10s\n' $name $sparsity "$(over_seeds $sparsity-$name accuracy)" \
            "$(over_seeds $sparsity-$name auc)" $layers "$(ebops $sparsity-$name)"
        wanted=$(awk -v s=$sparsity 'function even(x, f) { f = int(x); x -= f; return x > 0.5 || (x == 0.5 && f % 2) ? f + 1 : f }
            BEGIN { n = split("1024 2048 1024 64", size, " "); for (i = 1; i <= n; i++) k += even(size[i] * (1 - s)); print k }')
        [ "$sparsity" = 0 ] || need "$name $sparsity: weights kept" "$(echo "$layers" | cut -d' ' -f1)" "==" "$wanted"
        need "$name $sparsity: numbers that are not zero, with 130 biases" "$(nonzero "$r")" "==" $((wanted + 130))
    done
done
# 6 bits and 80 % zeros together, from the float run.
for seed in $seeds; do
    "$nibble" train "$recipe" --set train.seed="$seed" --set model.init_from="$work/float$seed" --set prune.default.sparsity=0.8 \
        --set quant.bits=6 -o "$work/0.8-bits6-$seed" --quiet 2>/dev/null
done
# accuracy of the integer engine on the test part
emulated() { "$nibble" emulate "$1" --json --quiet 2>/dev/null | awk '/"accuracy"/ { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); print; exit }'; }
bops() { "$nibble" cost "$@" 2>/dev/null | awk '$1 == "BOPs" { print $2 }'; }
float_bops=$(bops "$work/float$first" --set quant.allow_float=true --set 'quant.fallback=fixed<32,16>')
small_bops=$(bops "$work/0.8-bits6-$first")
dense=$(for s in $seeds; do field "$work/float$s/summary.json" accuracy; done | median)
echo "dense: accuracy $dense"
need "75 % polynomial, points below dense" "$(awk -v d="$dense" -v p="$(over_seeds 0.75-polynomial accuracy)" 'BEGIN { print d - p }')" "<=" 0.002
need "95 % polynomial, accuracy" "$(over_seeds 0.95-polynomial accuracy)" ">=" 0.900
small=$(for s in $seeds; do emulated "$work/0.8-bits6-$s"; done | median)
need "6 bits and 80 %, integer engine ($small), points below dense" "$(awk -v d="$dense" -v p="$small" 'BEGIN { print d - p }')" "<=" 0.004
for s in $seeds; do
    need "6 bits and 80 %, seed $s: weights of the integer network that are not zero" \
        "$("$nibble" cost "$work/0.8-bits6-$s" 2>/dev/null | awk '$1 == "weights" { w = $2 } $1 == "zeros" { print w - $2 }')" "<=" 833
done
need "6 bits and 80 %, BOPs below those of 32 bits dense ($float_bops / $small_bops)" "$(awk -v a="$float_bops" -v b="$small_bops" 'BEGIN { print a / b }')" ">=" 40

# Whole neurons: half of them go, strip removes them.
"$nibble" train "$recipe" --set train.seed="$first" --set model.init_from="$work/float$first" --set prune.default.sparsity=0.5 \
    --set prune.default.criterion=neuron -o "$work/neurons" --quiet
"$nibble" strip "$work/neurons" -o "$work/stripped"
macs() { awk '/"macs"/ { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); v = $0 } END { print v }' "$1/summary.json"; }
need "neurons: MACs of the stripped network" "$(macs "$work/stripped")" "<=" 1312
need "neurons: largest difference of an output, of the largest output" "$(awk '/"largest_/ { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); x[++n] = $0 }
    END { print x[1] / x[2] }' "$work/stripped/summary.json")" "<=" 1e-6
# The same with 6 bits: the integers stay what they are.
"$nibble" train "$recipe" --set train.seed="$first" --set model.init_from="$work/neurons" --set quant.bits=6 -o "$work/neurons6" --quiet 2>/dev/null
"$nibble" strip "$work/neurons6" -o "$work/stripped6"
for run in neurons6 stripped6; do "$nibble" emulate "$work/$run" --logits --quiet -o "$work/$run.npy" 2>/dev/null; done
need "neurons, 6 bits: MACs of the stripped network" "$(macs "$work/stripped6")" "<=" 1312
need "neurons, 6 bits: the integer engine's outputs differ" "$(cmp -s "$work/neurons6.npy" "$work/stripped6.npy"; echo $?)" "==" 0
exit $failed
