#!/bin/bash
# A run that is killed with SIGKILL at 20 random moments, with a checkpoint every epoch, and resumed each time ends
# byte-identical to one that was left alone. NIBBLE_TEST_SEED chooses the moments; the seed of the day is printed.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
kills_wanted=20
seed=${NIBBLE_TEST_SEED:-$((EPOCHSECONDS % 32768))}
RANDOM=$seed
echo "NIBBLE_TEST_SEED=$seed"

write_config small.yaml 60
begin=$(milliseconds)
"$nibble" train small.yaml --quiet -o short --set train.epochs=1
start=$(($(milliseconds) - begin))
begin=$(milliseconds)
"$nibble" train small.yaml --quiet -o whole
duration=$(($(milliseconds) - begin))
echo "left alone the run takes $duration ms, $start ms of them before the second epoch"

# From half the time that the first epoch needs to a tenth of the run's time beyond it: some kills come before there is
# a checkpoint, and all of them add up to about one run. What ends before its 20 kills is compared and begun again.
earliest=$((start / 2))
span=$((start - earliest + (duration > start ? (duration - start) / 10 : 0) + 20))
# The last run is one that ends: what the last kill left is cleaned up and compared too.
kills=0 fresh=0 finished=0 with_checkpoint=0 whole_now=0
while [ $kills -lt $kills_wanted ] || [ $whole_now -eq 0 ]; do
    if [ -e run/last.h5 ]; then
        arguments=(--resume run)
    else
        rm -rf run
        arguments=(small.yaml -o run)
        fresh=$((fresh + 1))
    fi
    "$nibble" train "${arguments[@]}" --quiet &
    child=$!
    if [ $kills -lt $kills_wanted ]; then
        sleep_ms $((earliest + RANDOM % span))
        kill -KILL $child 2>/dev/null || true
    fi
    status=0
    wait $child 2>/dev/null || status=$?
    if [ $status -eq 137 ]; then
        kills=$((kills + 1)) whole_now=0
        [ ! -e run/last.h5 ] || with_checkpoint=$((with_checkpoint + 1))
    elif [ $status -eq 0 ]; then
        finished=$((finished + 1)) whole_now=1
        same_bytes whole run best.h5 last.h5 metrics.csv
        [ $kills -ge $kills_wanted ] || rm -rf run
    else
        fail "the run ended with status $status after $kills kills"
    fi
    [ $((kills + finished)) -lt 200 ] || fail "$kills kills and $finished ends: the moments do not fit"
done
[ $with_checkpoint -ge 5 ] || fail "only $with_checkpoint of $kills kills came after a checkpoint"
left=$(find run -name '*.tmp.*')
[ -z "$left" ] || fail "temporary files were left: $left"
echo "$kills kills ($with_checkpoint with a checkpoint there), begun $fresh times, ended $finished times: the same bytes"
