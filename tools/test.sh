#!/bin/bash
# All of nibble's tests from nothing: installs what is missing, builds with gcc, with clang, with the address and
# undefined-behaviour sanitizers and with the thread sanitizer (warnings are errors everywhere), runs what is under tests/
# in each build (with the thread sanitizer what is under tests/plain/, in the release build tests/release/) and replays the
# fuzz corpora. Works from any
# directory. The last line is the count; exit status 0 only when nothing failed.
#   tools/test.sh          everything
#   tools/test.sh quick    the gcc build only, without the tests labelled slow
# Not among them: nibble for arm64 in an emulator, which takes many minutes (ctest --preset dev -L long).
# Everything printed by the tools is kept in build/test/.
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/.."
presets=(release-strict dev clang asan+ubsan tsan)
declare -A ctest_options=([release-strict]='' [dev]='-LE long' [clang]='-LE static|once' [asan+ubsan]='-LE static|once' [tsan]='-L plain')
declare -A build_targets=([tsan]=plain_tests)
build_only=
case ${1:-} in
'') ;;
quick)
    presets=(dev)
    build_only=release-strict
    ctest_options[dev]='-LE slow|long'
    ;;
*)
    echo "usage: $0 [quick]" >&2
    exit 2
    ;;
esac

bash tools/install_dependencies.sh tests

logs=build/test
jobs=$(nproc)
passed=0 failed=0 skipped=0
notes=()
mkdir -p "$logs"

# note_failure TEXT: one failure that no test counts by itself.
note_failure() {
    failed=$((failed + 1))
    notes+=("FAILED  $1")
}

# build_preset PRESET: configure and build; all output goes to a log, its end is shown on failure.
build_preset() {
    local log=$logs/$1.build.log
    echo "== building $1"
    if ! { cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs" --target "${build_targets[$1]:-all}"; } >"$log" 2>&1; then
        tail -40 "$log"
        note_failure "$1: the build; all of its output is in $log"
        return 1
    fi
}

# count PRESET CTEST_LOG DETAILS: "passed failed skipped" on the first line, then a line for each test that did not
# pass. The tests inside a Criterion program are counted one by one; a program or script without them counts as one.
# The statuses come from ctest's report, because its detailed log says "Test Passed." for a skipped test too.
count() {
    awk -v preset="$1" '
        FILENAME == ARGV[1] {
            if ($0 ~ /^[0-9]+\/[0-9]+ Testing: /) { name = $3 }
            else if ($0 ~ /Synthesis: Tested: /) {
                split($0, part, "|")
                criterion[name] = 1
                sub(/.*: /, "", part[2]); good[name] = part[2] + 0
                sub(/.*: /, "", part[3]); bad[name] = part[3] + 0
            }
            else if ($0 ~ /^\[SKIP\]/) { skips[name]++; line[name] = line[name] "\nskipped  " preset ": " substr($0, 8) }
            else if ($0 ~ /^\[FAIL\]/) { line[name] = line[name] "\nFAILED  " preset ": " substr($0, 8) }
            else if ($0 !~ /^(<end of output>|Test time|-----)/ && $0 != "" && !done[name]) { last[name] = $0 }
            if ($0 ~ /^<end of output>/) { done[name] = 1 }
            next
        }
        /^ *[0-9]+\/[0-9]+ +Test +#[0-9]+: / {
            name = $0; sub(/^[^:]*: /, "", name); sub(/ .*/, "", name)
            ok = / Passed +[0-9.]+ sec/
            if (criterion[name]) {
                passed += good[name]; failed += bad[name]; skipped += skips[name]
                report = report line[name]
                if (!ok && bad[name] == 0) { failed++; report = report "\nFAILED  " preset ": " name }
            }
            else if (ok) { passed++ }
            else if (/\*\*\*Skipped/) { skipped++; report = report "\nskipped  " preset ": " name ": " last[name] }
            else { failed++; report = report "\nFAILED  " preset ": " name }
        }
        END { print passed + 0, failed + 0, skipped + 0 report }' "$3" "$2"
}

# run_tests PRESET: all tests of one build.
run_tests() {
    local log=$logs/$1.test.log status=0 good bad skip line
    local sanitizer_logs=$PWD/$logs/sanitizer-$1
    rm -rf "$sanitizer_logs"
    mkdir -p "$sanitizer_logs"
    echo "== testing $1"
    # Criterion runs each test in a process of its own, whose sanitizer has nobody to tell: hence the log files.
    # shellcheck disable=SC2086
    ASAN_OPTIONS=log_path=$sanitizer_logs/asan:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 \
        LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0 \
        UBSAN_OPTIONS=log_path=$sanitizer_logs/ubsan:print_stacktrace=1 \
        TSAN_OPTIONS=log_path=$sanitizer_logs/tsan \
        ctest --preset "$1" -j "$jobs" --no-tests=error --output-on-failure ${ctest_options[$1]} 2>&1 |
        tee "$log" || status=$?
    cp "build/$1/Testing/Temporary/LastTest.log" "$logs/$1.details.log" 2>/dev/null || : >"$logs/$1.details.log"
    {
        read -r good bad skip
        while IFS= read -r line; do notes+=("$line"); done
    } < <(count "$1" "$log" "$logs/$1.details.log")
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        note_failure "$1: ctest ended with status $status; see $log"
    fi
    # A sanitizer's report in a child whose exit status nobody looks at is a failure all the same.
    for line in "$sanitizer_logs"/*; do
        [ -s "$line" ] || continue
        head -30 "$line"
        note_failure "$1: a sanitizer's report in ${line#"$PWD"/}"
    done
}

start=$SECONDS
# gcc's view of uninitialized values is another one at -O3, where people use the program: it is built in any case.
[ -z "$build_only" ] || build_preset "$build_only" || true
for preset in "${presets[@]}"; do
    if build_preset "$preset"; then
        run_tests "$preset"
    fi
done

echo
[ ${#notes[@]} -eq 0 ] || printf '%s\n' "${notes[@]}"
echo "all output is in $logs/; $((SECONDS - start)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
