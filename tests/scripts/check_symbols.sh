#!/bin/bash
# The library: every symbol it exports is prefixed nib_, and no AVX instruction stands outside the objects that are
# built for an instruction set (named *_avx2.c, *_avx2vnni.c, *_avx512.c, *_avx512vnni.c), so the program starts on any x86-64.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
library=$3/libnibble.a
[ -e "$library" ] || { echo "there is no $library"; exit 1; }

symbols=$(nm --defined-only --extern-only "$library" | awk 'NF == 3 {print $3}')
n=$(wc -l <<<"$symbols")
# The sanitizers and gcov bring their own.
foreign=$(grep -vE '^(nib_|__asan|__ubsan|__odr_asan|_GLOBAL__|__gcov|__llvm|__sancov|__prof)' <<<"$symbols" || true)
[ -z "$foreign" ] || { echo "symbols without nib_: $(echo $foreign)"; exit 1; }
[ "$n" -gt 10 ] || { echo "only $n symbols were found: this test does not look at the right place"; exit 1; }
echo "$n symbols, all of them nib_"

[ "$(uname -m)" = x86_64 ] || exit 0
# Registers of AVX are ymm and zmm; AVX forms of the xmm instructions begin with a v.
bad=$(objdump -d --no-show-raw-insn "$library" | awk '
    /^[^ ].*:  *file format/ { object = $1; next }
    object ~ /_(avx|avx2|avx2vnni|avx512|avx512vnni)\.c\.o:$/ { next }
    /^ *[0-9a-f]+:/ && ($0 ~ /%[yz]mm/ || $2 ~ /^v[a-z]/) && $2 !~ /^(verr|verw|vm)/ { count[object]++; total++ }
    { lines++ }
    END {
        for (object in count) print object, count[object], "AVX instructions"
        if (lines < 1000) print "only", lines, "lines of assembler were found"
    }')
[ -z "$bad" ] || { echo "$bad"; exit 1; }
echo "no AVX outside the objects that are built for it"
