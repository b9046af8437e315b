#!/bin/bash
# Every header compiles alone, as strict C11, with gcc and with clang.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
cd "$2"
# The flags of the libraries whose types the headers name, without pkg-config: it need not be there to use them.
flags=(-std=c11 -pedantic-errors -Wall -Wextra -Wstrict-prototypes -Wundef -Werror -fsyntax-only -D_GNU_SOURCE -I.)
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
    for compiler in "${compilers[@]}"; do
        # Included twice: the guard must work too. The typedef keeps the translation unit from being empty.
        printf '#include "%s"\n#include "%s"\ntypedef int not_empty;\n' "$header" "$header" |
            "$compiler" "${flags[@]}" -x c - || {
            echo "$header does not compile alone with $compiler"
            failures=$((failures + 1))
        }
    done
done
echo "$headers headers with ${compilers[*]}, $failures failures"
[ "$headers" -gt 10 ] && [ "$failures" -eq 0 ]
