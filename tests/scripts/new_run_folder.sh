#!/bin/bash
# Every training makes a new run folder and touches none that is there; it works from any directory.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
mkdir configs elsewhere
write_config configs/small.yaml 2
"$nibble" train configs/small.yaml --quiet
[ -e runs/small-001/best.h5 ] || fail "the first run is not in runs/small-001: $(find . -name best.h5)"
for file in config.yaml metrics.csv summary.json manifest.json best.h5 last.h5 train.log; do
    [ -s "runs/small-001/$file" ] || fail "runs/small-001/$file is missing or empty"
done
before=$(find runs/small-001 -type f -exec md5sum {} + | sort)
"$nibble" train configs/small.yaml --quiet
[ -e runs/small-002/best.h5 ] || fail "the second run is not in runs/small-002"
same_bytes runs/small-001 runs/small-002 best.h5 last.h5 metrics.csv
(cd elsewhere && "$nibble" train ../configs/small.yaml --quiet --runs ../runs)
[ -e runs/small-003/best.h5 ] || fail "--runs ../runs from another directory did not make runs/small-003"
[ -z "$(ls elsewhere)" ] || fail "something was written to the current directory: $(ls elsewhere)"
same_bytes runs/small-001 runs/small-003 best.h5 last.h5 metrics.csv

# A folder that holds something is refused, and left as it is.
status=0
"$nibble" train configs/small.yaml --quiet -o runs/small-001 2>message || status=$?
[ "$status" -ne 0 ] || fail "-o took a folder that holds a run"
grep -q small-001 message || fail "the message does not name the folder: $(cat message)"
[ "$before" = "$(find runs/small-001 -type f -exec md5sum {} + | sort)" ] || fail "runs/small-001 was changed"

# Two at the same moment get a folder each.
"$nibble" train configs/small.yaml --quiet &
first=$!
"$nibble" train configs/small.yaml --quiet
wait $first
[ -e runs/small-004/best.h5 ] && [ -e runs/small-005/best.h5 ] || fail "two runs at once: $(ls runs)"
left=$(find . -name '*.tmp.*')
[ -z "$left" ] || fail "temporary files were left: $left"
echo "five runs, five folders: $(ls runs | tr '\n' ' ')"
