#!/bin/bash
# nibble bench: figures of memory and start, Ctrl-C in the middle, forced instruction sets. Nothing is compared with a
# time.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
export TMPDIR=$work
"$nibble" bench --memory --rows 3000 --rounds 1 --json >memory.json
for key in rows train_peak_bytes first_step_seconds first_step_seconds_from_file; do
    grep -qE "\"$key\":.*[1-9]" memory.json || fail "--memory: no $key in $(cat memory.json)"
done
leftover=$(find "$work" -name 'nibble-bench-*')
[ -z "$leftover" ] || fail "--memory leaves $leftover"

# Ctrl-C, once the program catches it: before that it would end at once, as any program does.
env --default-signal=INT "$nibble" bench --net 16-32-5 --rows 20000 --rounds 1000 --seconds 5 --quiet >out 2>err &
bench=$!
for _ in $(seq 1200); do
    caught=$(awk '/^SigCgt/ { print $2 }' /proc/$bench/status 2>/dev/null) || fail "bench ended by itself: $(cat out err)"
    [ $((0x${caught:-0} & 2)) -eq 0 ] || break
    sleep 0.05
done
kill -INT $bench
status=0
wait $bench || status=$?
[ $status -eq 130 ] && grep -q interrupted err && [ ! -s out ] || fail "SIGINT: exit status $status; $(cat out err)"

for isa in avx512 avx2 baseline; do
    status=0
    NIBBLE_ISA=$isa "$nibble" bench --net 16-8-5 --rows 500 --rounds 1 --seconds 0.001 >out 2>err || status=$?
    if [ $status -eq 2 ] && grep -q "this processor or build has no" err; then
        echo "$isa: not on this machine"
        continue
    fi
    [ $status -eq 0 ] && grep -q "one core with" out || fail "NIBBLE_ISA=$isa: exit status $status; $(cat out err)"
    grep "FMA peak" out
done
