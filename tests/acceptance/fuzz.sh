#!/usr/bin/env bash
# Run every fuzz target for some minutes, two at a time, or one of them for some seconds, starting from the corpora in the
# tree.
#   tests/acceptance/fuzz.sh [MINUTES]           (9)
#   tests/acceptance/fuzz.sh TARGET SECONDS      TARGET: fixnet, quantizer, type, ... (tests/fuzz/fuzz_TARGET.c)
# New inputs go to build/fuzz/found/; a crash, hang or sanitizer report is kept in build/fuzz/crashes/ and fails the script.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
cd "$here"
targets=$(for source in tests/fuzz/fuzz_*.c; do basename "$source" .c | sed 's/^fuzz_//'; done)
if [ $# -eq 2 ]; then
    [ -f "tests/fuzz/fuzz_$1.c" ] || { echo "fuzz.sh: no target $1; there are" $targets >&2; exit 2; }
    targets=$1
    seconds=$2
else
    seconds=$((${1:-9} * 60))
fi
cmake --preset fuzz >/dev/null
for name in $targets; do
    cmake --build build/fuzz --target "fuzz_$name" >/dev/null
done
mkdir -p build/fuzz/crashes
one() {
    name=$1
    mkdir -p "build/fuzz/found/$name"
    words=()
    [ -f "tests/fuzz/$name.dict" ] && words=("-dict=tests/fuzz/$name.dict")
    OPENBLAS_NUM_THREADS=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "build/fuzz/tests/fuzz_$name" "build/fuzz/found/$name" "tests/fuzz/corpus/$name" \
        ${words[@]+"${words[@]}"} -max_total_time=$seconds -timeout=10 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/crashes/$name-" >"build/fuzz/$name.log" 2>&1
}
export seconds
export -f one
status=0
for name in $targets; do echo "$name"; done | xargs -P 2 -I{} bash -c 'one {}' || status=1
for name in $targets; do
    echo "$name: $(grep -E 'stat::number_of_executed_units' "build/fuzz/$name.log" | grep -oE '[0-9]+$' || echo 'did not finish'): $(ls build/fuzz/crashes | grep -c "^$name-" || true) findings"
done
exit $status
