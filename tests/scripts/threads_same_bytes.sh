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
echo "1, 2 and 3 threads: the same bytes"
