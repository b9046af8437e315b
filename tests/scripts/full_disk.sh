#!/bin/bash
# A disk that fills up while a run writes its checkpoints: the run stops with status 1 and says why, the previous
# checkpoint is intact, and once there is room again the run goes on from it to the same bytes.
# Needs a small file system of its own (mount, as root); skipped where that is not allowed.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
mkdir disk
mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null || skip "no tmpfs can be mounted here (needs root)"
cleanup() {
    umount disk
}
write_config small.yaml 120
"$nibble" train small.yaml --quiet -o whole

"$nibble" train small.yaml --quiet -o disk/run 2>message &
child=$!
wait_for_epochs disk/run 3
dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null || true
status=0
wait $child || status=$?
[ $status -eq 1 ] || fail "exit status $status on a full disk; $(cat message)"
grep -qi "no space left" message || fail "the message does not say that the disk is full: $(cat message)"
epochs=$(wc -l <disk/run/metrics.csv)
[ "$epochs" -lt 120 ] || fail "the disk filled up too late"
"$nibble" inspect disk/run/last.h5 >inspected || fail "the previous checkpoint cannot be read"
echo "after $epochs lines of metrics: $(tail -1 message)"

rm disk/filler
"$nibble" train --resume disk/run --quiet
same_bytes whole disk/run best.h5 last.h5 metrics.csv
left=$(find disk/run -name '*.tmp.*')
[ -z "$left" ] || fail "temporary files were left: $left"
echo "with room again the run went on to the same bytes"
