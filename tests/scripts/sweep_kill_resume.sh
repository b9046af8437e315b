#!/bin/bash
# A sweep that is killed with SIGKILL at 20 random moments, and whose trials are killed too, ends after resumes with every
# trial once, the same trials.csv but for seconds, and the same kept weights as one that was left alone.
# NIBBLE_TEST_SEED chooses the moments; the seed of the day is printed.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
seed=${NIBBLE_TEST_SEED:-$((EPOCHSECONDS % 32768))}
RANDOM=$seed
echo "NIBBLE_TEST_SEED=$seed"
kills_wanted=20

write_config base.yaml 12
cat >sweep.yaml <<'END'
base: base.yaml
seeds: 2
metric: val_accuracy
keep: all
studies:
  float: {}
  rate: {from: float, set: {train.epochs: 8}, parameters: {train.optimizer.adam.lr: '{1e-2,1e-3}'}}
  units: {parameters: {model.layers.fc1.units: '{8..20..4}'}, search: {halving: {eta: 2, first: 3}}}
END

# The table without what may differ: the seconds.
table() { awk -F, 'BEGIN {OFS = ","} {$0 = $0; for (i = 1; i <= NF; i++) if (NR == 1 && $i == "seconds") s = i; $s = ""; print}' "$1/trials.csv"; }

"$nibble" sweep sweep.yaml -o whole --quiet --jobs 2 >whole.txt
table whole >whole.csv
mv whole kept
trials=$(($(wc -l <whole.csv) - 1))
[ "$trials" -eq 14 ] || fail "$trials trials, 14 were expected"

# The trials that live on. The kernel sends SIGKILL (bit 8) to trials before their sweep is over, but on a busy machine
# they take a while to go.
living() {
    local pid pending
    for pid in $(pgrep -f "$work/whole/trials"); do
        pending=$(awk '$1 == "SigPnd:" {print $2}' "/proc/$pid/status" 2>/dev/null) || continue
        if [ -n "$pending" ] && [ $((0x$pending & 0x100)) -eq 0 ]; then
            { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null || true # it may have gone meanwhile
        fi
    done
}

kills=0 trial_kills=0 begun=0 turn=0
while :; do
    turn=$((turn + 1))
    [ $turn -lt 300 ] || fail "$kills kills in $turn turns: the moments do not fit"
    if [ -e whole/sweep.json ]; then
        arguments=(--resume whole)
    else
        rm -rf whole
        arguments=(sweep.yaml -o whole)
        begun=$((begun + 1))
    fi
    "$nibble" sweep "${arguments[@]}" --quiet --jobs 2 >ended.txt 2>errors.txt &
    child=$!
    if [ $kills -lt $kills_wanted ]; then
        sleep_ms $((20 + RANDOM % 250))
        # Every third time a trial goes first, and the sweep must live on for a moment.
        if [ $((turn % 3)) -eq 0 ] && pkill -KILL -P $child 2>/dev/null; then
            trial_kills=$((trial_kills + 1))
            sleep_ms 30
        fi
        kill -KILL $child 2>/dev/null || true
    fi
    status=0
    wait $child 2>/dev/null || status=$?
    if [ $status -eq 137 ]; then
        kills=$((kills + 1))
        sleep_ms 20
        alive=$(living)
        [ -z "$alive" ] || sleep_ms 20 # on its way out after the signal was taken
        [ -z "$alive" ] || alive=$(living)
        [ -z "$alive" ] || fail "trials live on after the sweep was killed: $alive"
        continue
    fi
    # A killed trial has failed; a resume runs it again.
    if [ $status -eq 1 ] && grep -q 'nibble sweep --resume' errors.txt; then
        continue
    fi
    [ $status -eq 0 ] || fail "the sweep ended with status $status after $kills kills: $(cat errors.txt)"
    table whole >now.csv
    cmp whole.csv now.csv || fail "trials.csv differs after $kills kills: $(diff whole.csv now.csv | head -4)"
    for run in kept/trials/????; do
        same_bytes "$run" "whole/trials/$(basename "$run")" best.h5 last.h5 metrics.csv
    done
    [ $kills -lt $kills_wanted ] || break
    rm -rf whole
done
echo "$kills kills of the sweep, $trial_kills with a trial, begun $begun times: the same table, the same weights"
