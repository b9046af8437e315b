#!/bin/bash
# How many instructions training takes, counted by callgrind: a slow-down is seen whatever else the machine does. One epoch
# of small nets on one thread, shuffle and steps only, with the AVX2 and the baseline kernels (valgrind knows no AVX-512:
# `nibble bench` watches that path). Compared with instruction_counts.txt beside this script; a count that moved by more than
# 3 % either way fails: one that fell is to be renewed too, or else a later slow-down would hide behind it.
#   tests/release/instruction_counts.sh NIBBLE SOURCE BUILD          NIBBLE: the program of the release build in BUILD
#   tests/release/instruction_counts.sh NIBBLE SOURCE BUILD renew    write the file anew
# Counts belong to a compiler: with another than the file names nothing is compared.
set -- "$(realpath "$1")" "$(realpath "$2")" "$(realpath "$3")" "${@:4}"
# shellcheck source-path=SCRIPTDIR/../scripts
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/common.bash"
renew=${4:-}
kept=$2/tests/release/instruction_counts.txt
limit=3
command -v valgrind >/dev/null || skip "valgrind is not installed (tools/install_dependencies.sh tests)"
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$3/CMakeCache.txt")
compiler=$("$compiler" --version | head -n 1)
compiler=${compiler#* } # "cc", "gcc" and "x86_64-linux-gnu-gcc" are the same program
stored=$(sed -n 's/^compiler //p' "$kept" 2>/dev/null || true)
[ -n "$renew" ] || [ "$compiler" = "$stored" ] ||
    skip "the counts were made with the compiler $stored, this build with $compiler"

# No argument of these changes what is counted; they keep OpenBLAS and the program's start out of it.
export OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=Nehalem
"$nibble" data synth jets -n 2048 -o jets.h5 --quiet

# write_net FILE HIDDEN [TYPES]
write_net() {
    cat >"$1" <<END
data:
  source: {file: jets.h5}
  inputs: {x: {path: hlf16, preprocess: standardize}}
  targets: {y: label}
  validation: {fraction: 0.0625}
model:
  mlp: {hidden: $2}
train: {epochs: 1, batch: 128, optimizer: {adam: {lr: 1e-3}}}
${3:-}
END
}
write_net float.yaml '[32, 32, 32]'
write_net quantized.yaml '[32, 32, 32]' "quant: {default: {input: 'fixed<8,2,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>',
  bias: 'fixed<8,2,RND_CONV,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"
write_net wide.yaml '[128, 128, 128]'

# count NET ISA: prints the instructions; nothing when this processor has no such instructions.
count() {
    local status=0
    NIBBLE_ISA=$2 valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=nib_trainer_step \
        --toggle-collect=nib_order_begin --toggle-collect=nib_order_advance --log-file=valgrind.log \
        "$nibble" train "$1.yaml" -o "run-$1-$2" --threads 1 --quiet >out 2>&1 || status=$?
    if [ $status -eq 2 ] && grep -q "this processor or build has no" out; then
        return
    fi
    [ $status -eq 0 ] || fail "$1 with $2: exit status $status: $(cat out valgrind.log)"
    sed -n 's/.*Collected : //p' valgrind.log | grep -E '^[1-9][0-9]{5,}$' || fail "$1 with $2: no count in $(cat valgrind.log)"
}

moved=0
printf '# Instructions of one epoch, kept by tests/release/instruction_counts.sh\ncompiler %s\n' "$compiler" >counts.txt
for net in float quantized wide; do
    for isa in avx2 baseline; do
        now=$(count "$net" "$isa")
        if [ -z "$now" ]; then
            echo "$net, $isa: this processor has no $isa: not counted"
            [ -z "$renew" ] || fail "the counts are renewed where all of them can be made"
            continue
        fi
        echo "$net $isa $now" >>counts.txt
        before=$(sed -n "s/^$net $isa //p" "$kept" 2>/dev/null || true)
        [ -n "$before" ] || { [ -n "$renew" ] && before=$now; } || fail "$kept has no line '$net $isa'"
        verdict=$(awk -v n="$now" -v b="$before" -v l=$limit 'BEGIN {
            d = 100 * (n / b - 1); printf "%+.1f %%%s", d, (d > l || d < -l) ? ": moved by more than " l " %" : "" }')
        echo "$net, $isa: $now instructions, $verdict against $before"
        case $verdict in *moved*) moved=1 ;; esac
    done
done
if [ -n "$renew" ]; then
    cp counts.txt "$kept"
    echo "written: $kept"
elif [ $moved -ne 0 ]; then
    fail "see above. More: training became slower; find out why. Meant, or fewer: renew the file and commit it:
    cmake --preset release-strict && cmake --build --preset release-strict &&
    tests/release/instruction_counts.sh build/release-strict/nibble . build/release-strict renew"
fi
