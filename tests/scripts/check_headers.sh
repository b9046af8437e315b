#!/bin/bash
# Every header compiles alone, as strict C11, with gcc and with clang.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
cd "$2"
flags=(-std=c11 -pedantic-errors -Wall -Wextra -Wstrict-prototypes -Wundef -Werror -fsyntax-only -D_GNU_SOURCE -I.)
# Internal headers may name HDF5; the installed ones must not need its path.
read -ra internal_flags <<<"$(pkg-config --cflags hdf5-serial)"
compilers=()
for compiler in gcc clang; do
    if command -v "$compiler" >/dev/null; then
        compilers+=("$compiler")
    else
        echo "$compiler is not installed: left out"
    fi
done
[ ${#compilers[@]} -gt 0 ] || exit 77
headers=0 failures=0
for header in core/*.h quant/*.h prune/*.h datasets/*.h train/*.h tools/*.h; do
    [ -e "$header" ] || continue
    headers=$((headers + 1))
    more=()
    case $header in *_internal.h) more=("${internal_flags[@]}") ;; esac
    for compiler in "${compilers[@]}"; do
        # Included twice: the guard must work too. The typedef keeps the translation unit from being empty.
        printf '#include "%s"\n#include "%s"\ntypedef int not_empty;\n' "$header" "$header" |
            "$compiler" "${flags[@]}" "${more[@]}" -x c - || {
            echo "$header does not compile alone with $compiler"
            failures=$((failures + 1))
        }
    done
done
echo "$headers headers with ${compilers[*]}, $failures failures"
[ "$headers" -gt 10 ] && [ "$failures" -eq 0 ]
