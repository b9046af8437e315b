#!/bin/bash
# Ctrl-C and SIGTERM: the step is finished, a checkpoint written, the message says how to go on, the exit status is 130;
# resumed, the run ends byte-identical to one that was left alone.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
# wait_for_lines RUN: until three epochs stand in metrics.csv; there is no checkpoint yet.
wait_for_lines() {
    for ((i = 0; i < 6000; i++)); do
        [ ! -e "$1/metrics.csv" ] || [ "$(wc -l <"$1/metrics.csv")" -lt 4 ] || break
        sleep 0.01
    done
}
write_config small.yaml 60
"$nibble" train small.yaml --quiet -o whole

for signal in INT TERM; do
    # Checkpoints by the clock would hardly ever be written in such a short run: this one is the signal's.
    # A shell's background jobs ignore SIGINT unless told otherwise.
    env --default-signal=INT,TERM "$nibble" train small.yaml --set train.checkpoint=3600 --quiet -o run-$signal \
        2>message-$signal &
    child=$!
    wait_for_lines run-$signal
    kill -$signal $child
    status=0
    wait $child || status=$?
    [ $status -eq 130 ] || fail "SIG$signal: exit status $status; $(cat message-$signal)"
    grep -q -- "--resume run-$signal" message-$signal || fail "SIG$signal: no word on how to go on: $(cat message-$signal)"
    [ -s run-$signal/last.h5 ] || fail "SIG$signal: no checkpoint"
    epochs=$(($(wc -l <run-$signal/metrics.csv) - 1))
    [ $epochs -lt 60 ] || fail "SIG$signal came too late"
    "$nibble" train --resume run-$signal --quiet
    # train.checkpoint stands in the config that the model files hold, so the files themselves are compared by contents.
    cmp whole/metrics.csv run-$signal/metrics.csv || fail "SIG$signal: metrics.csv differs from the whole run"
    echo "SIG$signal after $epochs epochs: $(tail -1 message-$signal)"
done
"$nibble" train small.yaml --set train.checkpoint=3600 --quiet -o whole-too
for signal in INT TERM; do
    same_bytes whole-too run-$signal best.h5 last.h5 metrics.csv
done
echo "interrupted and resumed: the same bytes"

# One step an epoch: the signal always comes after an epoch's last step and before its line in metrics.csv, whose rate must
# be that of the step that was done.
one_step=(--set train.batch=100000 --set train.lr_schedule=cosine --set train.epochs=40 --set train.checkpoint=3600
    --quiet)
# Wide, so that epochs last long enough to hit one; with a sanitizer they do anyway.
grep -q __asan_init "$nibble" || one_step+=(--set model.layers.fc1.units=1024 --set model.layers.fc2.units=512)
"$nibble" train small.yaml "${one_step[@]}" -o whole-steps
env --default-signal=INT "$nibble" train small.yaml "${one_step[@]}" -o run-steps 2>message &
child=$!
wait_for_lines run-steps
kill -INT $child
status=0
wait $child || status=$?
[ $status -eq 130 ] || fail "one step an epoch: exit status $status; $(cat message)"
"$nibble" train --resume run-steps --quiet
same_bytes whole-steps run-steps best.h5 last.h5 metrics.csv
echo "interrupted between the last step and the end of an epoch: the same bytes"
