#!/usr/bin/env bash
# The accuracies in the README: five seeds of the top-tagging recipe (needs NIBBLE_DATA) and the generator's jets with an MLP
# and a linear model. Prints a table; exits 1 when a number misses what the project promises.
#   tests/acceptance/accuracy.sh [NIBBLE]        NIBBLE: the program (build/release/nibble)
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
nibble=${1:-$here/build/release/nibble}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# field FILE PART NAME: a number of summary.json, as cJSON prints it (one field a line).
field() {
    awk -v part="\"$2\"" -v name="\"$3\"" '
        index($0, part) && /{/ { inside = 1 }
        inside && index($0, name ":") { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); print; exit }' "$1"
}
median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
need() { # need TEXT VALUE COMPARISON LIMIT
    if awk -v v="$2" -v l="$4" "BEGIN { exit !(v $3 l) }"; then echo "ok    $1: $2 ($3 $4)"; else echo "MISS  $1: $2 (wanted $3 $4)"; failed=1; fi
}

if [ -n "${NIBBLE_DATA:-}" ] && [ -e "$NIBBLE_DATA/top_tagging.h5" ]; then
    for seed in 1 2 3 4 5; do
        "$nibble" train "$here/tools/recipes/top_tagging.yaml" --set train.seed=$seed -o "$work/top$seed" --quiet
        echo "top_tagging seed $seed: accuracy $(field "$work/top$seed/summary.json" test accuracy) AUC $(field "$work/top$seed/summary.json" test auc)"
    done
    need "top_tagging accuracy, median of 5" "$(for s in 1 2 3 4 5; do field "$work/top$s/summary.json" test accuracy; done | median)" ">=" 0.909
    need "top_tagging AUC, median of 5" "$(for s in 1 2 3 4 5; do field "$work/top$s/summary.json" test auc; done | median)" ">=" 0.969
else
    echo "skip  top_tagging: NIBBLE_DATA is not set or has no top_tagging.h5"
fi

"$nibble" train "$here/tools/recipes/jets.yaml" -o "$work/mlp" --quiet
"$nibble" train "$here/tools/recipes/jets_linear.yaml" -o "$work/linear" --quiet
"$nibble" eval "$work/mlp"
mlp=$(field "$work/mlp/summary.json" test accuracy)
linear=$(field "$work/linear/summary.json" test accuracy)
need "jets, 16-64-32-32-5" "$mlp" ">=" 0.74
need "jets, 16-64-32-32-5" "$mlp" "<=" 0.79
need "jets, linear ($linear): points below the MLP" "$(awk -v a="$mlp" -v b="$linear" 'BEGIN { print 100 * (a - b) }')" ">=" 3
exit $failed
