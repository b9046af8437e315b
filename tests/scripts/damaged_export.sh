#!/bin/bash
# An exported model.h5 cut short or with one byte changed, and files that are no exports: one line and
# exit status 2, never a crash and never other numbers.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
ASAN_OPTIONS=$(sed 's/log_path=[^:]*:*//' <<<"${ASAN_OPTIONS:-}")
export ASAN_OPTIONS

cat >small.yaml <<'END'
data: {source: {generator: jets, n: 600}, inputs: {x: hlf16}, targets: {y: label}, validation: {fraction: 0.2}, test: {fraction: 0.2}}
model: {mlp: {hidden: [4]}}
train: {epochs: 1, batch: 64}
quant: {bits: 6}
END
"$nibble" train small.yaml --quiet -o run 2>log || fail "train: $(cat log)"
"$nibble" export run -o out --rows 20 --quiet || fail "export"
"$nibble" emulate out/model.h5 --golden --quiet || fail "the sound file is refused"
bytes=$(wc -c <out/model.h5)

# refuses FILE WHAT: one line that begins with the program's name, exit status 2, nothing on standard output.
refuses() {
    local status=0
    "$nibble" emulate "$1" --golden >answer 2>message || status=$?
    [ $status -eq 2 ] || fail "$2: exit status $status; $(cat message)"
    [ "$(wc -l <message)" -eq 1 ] || fail "$2: not one line: $(cat message)"
    grep -q '^nibble: ' message || fail "$2: $(cat message)"
    [ ! -s answer ] || fail "$2: printed $(cat answer)"
}

for share in 0 1 10 50 90 99; do
    head -c $((bytes * share / 100)) out/model.h5 >cut.h5
    refuses cut.h5 "cut to $share %"
done
head -c $((bytes - 1)) out/model.h5 >cut.h5
refuses cut.h5 "without its last byte"

# A changed byte is refused by HDF5's checksums or by the digest, or it lies where nothing is kept (an answer of 0
# differences then).
refused=0
for i in $(seq 0 39); do
    at=$((bytes * i / 40 + i))
    cp out/model.h5 flipped.h5
    old=$(od -An -tu1 -j "$at" -N 1 flipped.h5)
    printf '%b' "\\x$(printf %02x $((old ^ 85)))" | dd of=flipped.h5 bs=1 seek="$at" conv=notrunc status=none
    status=0
    "$nibble" emulate flipped.h5 --golden >answer 2>message || status=$?
    if [ $status -eq 0 ]; then
        grep -q ': 0 of ' answer || fail "byte $at: $(cat answer)"
    else
        refuses flipped.h5 "byte $at"
        refused=$((refused + 1))
    fi
done
[ $refused -ge 20 ] || fail "only $refused of 40 changed bytes were noticed"
echo "7 cut files and $refused of 40 changed bytes refused; the others lie where nothing is kept"

refuses run/best.h5 "a model without golden samples"
grep -q 'no golden samples' message || fail "a model without golden samples: $(cat message)"
echo text >text.h5
refuses text.h5 "a text"
