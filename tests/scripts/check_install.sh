#!/bin/bash
# The install target and the pkg-config file: a program outside the source tree compiles, links and runs with what
# `cmake --install` leaves and `pkg-config nibble` says.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$3" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
[ -x "$work/prefix/bin/nibble" ] || { echo "bin/nibble was not installed"; exit 1; }
"$work/prefix/bin/nibble" --version
pc=$(find "$work/prefix" -name nibble.pc)
[ -n "$pc" ] || { echo "nibble.pc was not installed"; exit 1; }
cat >"$work/program.c" <<'END'
#include <core/arena.h>
#include <core/tensor.h>
#include <train/config.h>
int main(void)
{
    nib_arena *arena = nib_arena_create();
    nib_config *config = NULL;
    nib_error err;
    nib_status status = nib_config_parse("none", ".", "{}", 2, NULL, 0, &config, &err);
    nib_config_destroy(config);
    nib_arena_destroy(arena);
    return status != NIB_OK && nib_padded(17) == 32 ? 0 : 1;
}
END
cd "$work"
export PKG_CONFIG_PATH=${pc%/*}
# The prefix is asked for here because the file was installed elsewhere than it was configured for.
read -ra flags <<<"$(pkg-config --define-variable=prefix="$work/prefix" --cflags --libs nibble)"
gcc -std=c11 -o program program.c "${flags[@]}"
OPENBLAS_NUM_THREADS=1 ./program
echo "an outside program compiles, links and runs: ${flags[*]}"
