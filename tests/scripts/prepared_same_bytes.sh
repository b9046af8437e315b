#!/bin/bash
# Data mapped from a prepared file train to the same bytes as data read from their source; a damaged file is made again.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
write_config small.yaml 3
"$nibble" train small.yaml --quiet -o plain
"$nibble" train small.yaml --quiet --prepared cache -o made
"$nibble" train small.yaml --quiet --prepared cache -o mapped
[ "$(find cache -name '*.prep' | wc -l)" -eq 1 ] || fail "not one prepared file: $(ls cache)"
file=$(find cache -name '*.prep')
printf 'x' | dd of="$file" bs=1 seek=100 conv=notrunc status=none
"$nibble" train small.yaml --quiet --prepared cache -o mended
for run in made mapped mended; do
    same_bytes plain $run best.h5 last.h5 metrics.csv
done
# Another split is other data.
"$nibble" train small.yaml --quiet --prepared cache -o other --set data.seed=2
[ "$(find cache -name '*.prep' | wc -l)" -eq 2 ] || fail "another split used the file of the first"
echo "prepared data: the same bytes"
