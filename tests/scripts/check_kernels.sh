#!/bin/bash
# Kernels are built per instruction set: those objects have their fused multiply-adds, and no other object has an AVX
# instruction, so that the program starts on a plain x86-64.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
if [ "$(uname -m)" != x86_64 ]; then
    echo "this is not an x86-64: nothing to check"
    exit 77
fi
command -v objdump >/dev/null || {
    echo "objdump is not installed"
    exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$3/libnibble.a" "$folder"
cd "$folder"
ar x libnibble.a
failures=0 objects=0 kernels=0
for object in *.o; do
    objects=$((objects + 1))
    # Counted from a file: grep -q would close the pipe under objdump.
    objdump -d --no-show-raw-insn "$object" >code
    fused=$(grep -cE '\svf(n)?m(add|sub)[0-9]+ps' code || true)
    wide=$(grep -cE '%[yz]mm|\sv(mov|add|mul|broadcast)[a-z0-9]+\s' code || true)
    case $object in
    kernels_avx512.c.o | kernels_avx2.c.o)
        kernels=$((kernels + 1))
        if [ "$fused" -lt 30 ]; then
            echo "$object has only $fused fused multiply-adds of vectors"
            failures=$((failures + 1))
        fi
        ;;
    *_avx512.c.o | *_avx512vnni.c.o | *_avx2.c.o | *_avx2vnni.c.o) ;;
    *)
        if [ "$fused" -gt 0 ] || [ "$wide" -gt 0 ]; then
            echo "$object has $fused fused multiply-adds and $wide AVX instructions, but runs on every processor"
            failures=$((failures + 1))
        fi
        ;;
    esac
done
echo "$objects objects looked at, $failures wrong"
[ "$failures" -eq 0 ] && [ "$objects" -gt 20 ] && [ "$kernels" -eq 2 ]
