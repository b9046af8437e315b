#!/bin/bash
# Wrong sweep files: one clear line with the place, exit status 2, nothing is started and no folder is made.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
write_config base.yaml 1

# refuse TEXT MESSAGE [ARGUMENT...]: the sweep file TEXT is refused with MESSAGE in the one line.
refuse() {
    local text=$1 message=$2 status=0
    shift 2
    printf '%b' "$text" >wrong.yaml
    "$nibble" sweep wrong.yaml "$@" >out.txt 2>message.txt || status=$?
    [ $status -eq 2 ] || fail "exit status $status for: $text"
    [ "$(wc -l <message.txt)" -eq 1 ] || fail "not one line: $(cat message.txt)"
    grep -qF -- "$message" message.txt || fail "expected '$message', got: $(cat message.txt)"
    [ ! -e sweeps ] || fail "something was started for: $text"
    count=$((count + 1))
}
count=0
refuse 'base: base.yaml\nseedz: 3\n' "wrong.yaml:2:1: unknown key 'seedz' in sweep (did you mean 'seeds'?)"
refuse 'base: nowhere.yaml\n' 'wrong.yaml:1:7: base: there is no file'
refuse 'base: base.yaml\nparameters: {train.epochs: []}\n' 'wrong.yaml:2:28: train.epochs: the list is empty'
refuse "base: base.yaml\nparameters: {train.epochs: '{5..2}'}\n" 'train.epochs: the range {5..2} is empty'
refuse "base: base.yaml\nparameters: {train.epochs: '{2..8..0}'}\n" 'the range {2..8..0} has a step of 0'
refuse "base: base.yaml\nparameters: {train.epochs: '{2..}'}\n" '{2..} is no range: write {2..8} or {2..8..2}'
refuse "base: base.yaml\nparameters: {train.epochs: '7'}\n" "train.epochs: '7' has no range"
refuse 'base: base.yaml\nparameters: {train.epochs: {from: 3, to: 1, n: 0}}\n' 'train.epochs: the range from 3 to 1 is empty'
refuse 'base: base.yaml\nparameters: {train.epochs: {from: 1, to: 3}}\n' 'a range without n or step needs `search: random`'
refuse 'base: base.yaml\nset: {train.epochs: 3}\nparameters: {train.epochs: [1, 2]}\n' 'train.epochs: the key is given by'
refuse 'base: base.yaml\nparameters: {train.batch: [32, 64]}\ntogether: [{train.batch: [1, 2]}]\n' 'train.batch: the key is given by another parameter already'
refuse 'base: base.yaml\ntogether: [{train.batch: [32, 64], train.epochs: [1, 2, 3]}]\n' 'train.epochs: 3 values, but train.batch has 2'
refuse 'base: base.yaml\nparameters: {train.seed: [1, 2]}\n' 'train.seed: seeds are chosen with `seeds`'
refuse 'base: base.yaml\nparameters: {train.epoch: [1, 2]}\n' "did you mean 'epochs'?"
refuse 'base: base.yaml\nparameters: {train.epochs: [1, many]}\n' 'trial 1 (wrong train.epochs=many)'
refuse "base: base.yaml\nparameters: {train.epochs: '{1..1000}', train.batch: '{1..1000}'}\n" 'has 1000000 trials, more than cap: 1000'
refuse 'base: base.yaml\nseeds: 0\n' 'seeds: 0; a number of seeds is 1 to 1000'
refuse 'base: base.yaml\nseeds: [1, 1]\n' 'seeds: 1 is there twice'
refuse 'base: base.yaml\nmetric: accuracy\n' "metric: 'accuracy' is no score of the validation rows"
refuse 'base: base.yaml\nfront: [val_accuracy]\n' 'front: 1 columns; a front is made of two'
refuse 'base: base.yaml\nstudies: {a: {from: b}}\n' "from: there is no study 'b' above"
refuse 'base: base.yaml\nstudies: {a: {command: quantize}}\n' 'quantize needs `from: STUDY`'
refuse 'base: base.yaml\nsearch: luck\n' "search: 'luck' is none of grid, random, halving"
refuse 'base: base.yaml\nstudies: {a: {}}\nparameters: {train.epochs: [1]}\n' 'parameters: stands in a study when there are studies'
refuse 'base: base.yaml\n' '--executor:' --executor pbs
refuse 'base: base.yaml\n' '--emit:' --emit pbs
refuse 'base: base.yaml\n' '--set epochs: has the form KEY=VALUE' --set epochs
mkdir full && touch full/file
status=0
printf 'base: base.yaml\n' >right.yaml
"$nibble" sweep right.yaml -o full 2>message.txt || status=$?
[ $status -eq 2 ] && grep -q 'full is not empty' message.txt || fail "a folder that is not empty: $status, $(cat message.txt)"
status=0
"$nibble" sweep --resume full 2>message.txt || status=$?
[ $status -eq 2 ] && grep -q 'full is no folder of a sweep' message.txt || fail "resume of no sweep: $status, $(cat message.txt)"
"$nibble" sweep right.yaml -o done --quiet >out.txt
echo 'seeds: 2' >>right.yaml
status=0
"$nibble" sweep --resume done 2>message.txt || status=$?
[ $status -eq 2 ] && grep -q 'has changed since' message.txt || fail "a changed sweep file: $status, $(cat message.txt)"
echo "$count wrong sweep files and 3 wrong folders"
