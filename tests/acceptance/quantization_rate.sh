#!/usr/bin/env bash
# The learning rate of the QAT rows in quantization.sh: for each data set the one with the best accuracy on validation rows, mean
# of 6, 4, 3 and 2 bits and of seeds that the table does not have. Test rows are never read for it.
#   NIBBLE_DATA=... tests/acceptance/quantization_rate.sh [NIBBLE [FOLDER]]
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
nibble=${1:-$here/build/release/nibble}
work=${2:-}
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
names="jets"
if [ -n "${NIBBLE_DATA:-}" ] && [ -e "$NIBBLE_DATA/top_tagging.h5" ]; then
    names="top_tagging jets"
else
    echo "skip  top_tagging: NIBBLE_DATA is not set or has no top_tagging.h5"
fi
for name in $names; do
    cat > "$work/$name.yaml" <<EOF
base: $here/tools/recipes/$name.yaml
seeds: [11, 12, 13, 14]
metric: val_accuracy
keep: none
studies:
  float: {}
  qat:
    from: float
    set: {train.epochs: 40, quant.default.input: 'fixed<8,3,RND,SAT>'}
    parameters: {quant.bits: [6, 4, 3, 2], train.optimizer.adam.lr: [1e-3, 2e-3, 3e-3, 6e-3, 1e-2]}
EOF
    "$nibble" sweep "$work/$name.yaml" -o "$work/$name" --threads 1 -q
    awk -F, -v name="$name" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR > 1 && $at["study"] == "qat" {
            rate = $at["train.optimizer.adam.lr"]; bits = $at["quant.bits"]; n[rate]++
            sum[rate] += $at["val_accuracy"]; each[rate, bits] += $at["val_accuracy"] / 4
        }
        END {
            for (rate in n) {
                printf "%-12s %s  mean %.4f   6 bits %.4f  4 bits %.4f  3 bits %.4f  2 bits %.4f\n", name, rate,
                    sum[rate] / n[rate], each[rate, 6], each[rate, 4], each[rate, 3], each[rate, 2]
                if (best == "" || sum[rate] > sum[best]) best = rate
            }
            print name ": " best
        }' "$work/$name/trials.csv" | sort
done
