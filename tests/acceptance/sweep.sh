#!/bin/bash
# Sweeps at work: the studies of post-training quantization, training with quantizers and sparsity on the 16 observables of
# $NIBBLE_DATA/top_tagging.h5 in one sweep, with two processes and one by one; memory of a trial; and what 500 short trials
# cost beside their own CPU time. Leaves the sweep's figures in OUT (default sweep-acceptance).
#   NIBBLE_DATA=... tests/acceptance/sweep.sh [studies|alone|short] [NIBBLE] [OUT]
set -euo pipefail
part=${1:-all}
nibble=$(realpath "${2:-build/release/nibble}")
out=${3:-sweep-acceptance}
mkdir -p "$out"
cd "$out"
seconds() { date +%s.%N; }

write_studies() {
    cat >studies.yaml <<END
base:
  data:
    source: {file: "$NIBBLE_DATA/top_tagging.h5"}
    inputs: {x: {path: train/hlf16, preprocess: standardize}}
    targets: {y: train/label}
    validation: {fraction: 0.25, stratify: true}
    test: {inputs: {x: test/hlf16}, targets: {y: test/label}}
  model:
    mlp: {hidden: [64, 32, 32], activation: relu}
  train:
    epochs: 20
    batch: 128
    optimizer: {adam: {lr: 1e-3}}
    metrics: [accuracy, auc]
metric: val_accuracy
studies:
  float: {}
  ptq_like_hls4ml: {from: float, command: quantize, parameters: {--like: 'hls4ml fixed<{8..16},6>'}}
  ptq_calibrated: {from: float, command: quantize, parameters: {--bits: '{6..14}'}}
  qat:
    from: float
    set: {quant.allow_float: true, quant.allow_dead: true, train.epochs: 10}
    together:
      - quant.default.weight: 'quantized_bits({1..6},1,1,alpha=1)'
        quant.default.bias: 'quantized_bits({1..6},1,1,alpha=1)'
  pruned:
    from: float
    set: {train.epochs: 10}
    parameters:
      prune.default.schedule: [polynomial, constant]
      prune.default.sparsity: [0, 0.5, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99]
END
}

# Largest proportional memory (Pss) of a trial beside as many others as there are jobs, in kB: what one more trial takes.
watch_memory() { # pid of the sweep, jobs
    local most=0 pid pids value values
    while kill -0 "$1" 2>/dev/null; do
        read -ra pids < <(pgrep -P "$1" 2>/dev/null | tr '\n' ' ') || true
        values=()
        for pid in "${pids[@]}"; do
            values+=("$(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup" 2>/dev/null || true)")
        done
        # What the last of them to end has alone does not count: all were there before and after.
        for pid in "${pids[@]}"; do
            head -c 1 "/proc/$pid/cmdline" 2>/dev/null | grep -q . || values=()
        done
        if [ "${#values[@]}" -ge "$2" ]; then
            for value in "${values[@]}"; do
                [ "${value:-0}" -le "$most" ] || most=$value
            done
        fi
        sleep 0.1
    done
    echo "$most"
}

run_studies() { # jobs folder
    local begin end pid
    rm -rf "$2"
    begin=$(seconds)
    "$nibble" sweep studies.yaml --jobs "$1" -o "$2" --quiet >"$2.txt" &
    pid=$!
    watch_memory $pid "$1" >"$2.memory"
    wait $pid
    end=$(seconds)
    awk -v b="$begin" -v e="$end" -v n="$(($(wc -l <"$2/trials.csv") - 1))" -v j="$1" -v m="$(cat "$2.memory")" \
        'BEGIN {printf "%d trials, %d at a time: %.1f s, %.3f trials/s; largest Pss of a trial %.1f MB\n", n, j, e - b, n / (e - b), m / 1024}'
}

short_trials() {
    local begin end
    cat >short.yaml <<'END'
base:
  data: {source: {generator: jets, n: 100000}, inputs: {x: {path: hlf16, preprocess: standardize}}, targets: {y: label}}
  model: {mlp: {hidden: [32, 32, 32]}}
  train: {batch: 128, epochs: 44}
seeds: 500
keep: none
END
    rm -rf short
    begin=$(seconds)
    "$nibble" sweep short.yaml --jobs 2 -o short --quiet >short.txt
    end=$(seconds)
    cat short/results/*.json | awk -v b="$begin" -v e="$end" '/"cpu_seconds"/ {gsub(/[,"]/, ""); cpu += $2; n++}
        END {wall = e - b; printf "%d trials of %.2f s of CPU time: wall %.1f s; 2 x wall - CPU time is %.2f %% of 2 x wall\n", n, cpu / n, wall, 100 * (2 * wall - cpu) / (2 * wall)}'
}

case $part in
all | studies | alone)
    if [ -z "${NIBBLE_DATA:-}" ]; then
        echo "skipped: the studies need NIBBLE_DATA"
    else
        write_studies
        [ "$part" = alone ] || run_studies 2 two
        [ "$part" = alone ] || "$nibble" plot sweep two >/dev/null
        [ "$part" = studies ] || run_studies 1 one
    fi
    ;;&
all | short) short_trials ;;
esac
