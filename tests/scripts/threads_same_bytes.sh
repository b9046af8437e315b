#!/bin/bash
# 1, 2 and 3 threads give byte-identical model files, checkpoints and metrics.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
write_config small.yaml 6
for threads in 1 2 3; do
    "$nibble" train small.yaml --threads $threads --quiet -o run$threads
done
for threads in 2 3; do
    same_bytes run1 run$threads best.h5 last.h5 metrics.csv
done
# The test must be able to see a difference: another seed gives other bytes.
"$nibble" train small.yaml --threads 2 --quiet -o other --set train.seed=4
! cmp -s run1/best.h5 other/best.h5 || fail "another seed gave the same best.h5"

# Of a plain net and two tiles a step every thread updates parameters of its own. A pause in between is not seen.
cat >plain.yaml <<'E2'
data:
  source: {generator: jets, n: 1500}
  inputs: {x: hlf16}
  targets: {y: label}
  validation: {fraction: 0.2}
model: {mlp: {hidden: [32, 32, 32]}}
train: {seed: 3, epochs: 4, batch: 128, checkpoint: 0}
E2
for optimizer in '{adam: {lr: 2e-3}}' '{adam: {lr: 2e-3, amsgrad: true}}' '{adamw: {lr: 2e-3}}' \
    '{sgd: {lr: 0.1, momentum: 0.9}}' '{rmsprop: {centered: true}}'; do
    rm -rf plain? paused
    for threads in 1 2 3; do
        "$nibble" train plain.yaml --set "train.optimizer=$optimizer" --threads $threads --quiet -o plain$threads
    done
    "$nibble" train plain.yaml --set "train.optimizer=$optimizer" --threads 2 --quiet -o paused --until 2
    "$nibble" train --resume paused --threads 2 --quiet
    for run in plain2 plain3 paused; do
        same_bytes plain1 $run best.h5 last.h5 metrics.csv
    done
done
echo "1, 2 and 3 threads: the same bytes"
