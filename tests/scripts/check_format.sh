#!/bin/bash
# Every C file of the tree is laid out as clang-format does it with the repository's .clang-format.
# Arguments (as all tests here): the nibble program, the source folder, the build folder.
set -euo pipefail
cd "$2"
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
folders=()
for folder in core quant prune datasets train tools tests; do
    [ ! -d "$folder" ] || folders+=("$folder")
done
find "${folders[@]}" -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run --Werror ||
    { echo "lay them out with: clang-format -i FILE..."; exit 1; }
