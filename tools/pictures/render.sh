#!/usr/bin/env bash
# Make run.png, the picture of a finished run in the README: the recipe jets as a terminal shows it, drawn by headless Chromium.
#   tools/pictures/render.sh [NIBBLE]      (build/release/nibble; needs chromium-headless-shell and fonts-dejavu-core)
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
nibble=${1:-$here/build/release/nibble}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$here/tools/recipes/jets.yaml" .
"$nibble" train jets.yaml 2>run.txt
{
    echo '<meta charset="utf-8"><style>body{margin:0;background:#16181d}pre{margin:0;padding:16px 20px;color:#d8dee9;'
    echo 'font:13px/1.36 "DejaVu Sans Mono",monospace}b{color:#a3be8c;font-weight:normal}</style><pre>'
    echo '<b>$ nibble train jets.yaml</b>'
    sed -e 's/&/\&amp;/g; s/</\&lt;/g' -e 's/ \*$/ <b>*<\/b>/' run.txt
    echo '</pre>'
} >run.html
lines=$(($(wc -l <run.txt) + 1))
chromium-headless-shell --no-sandbox --disable-gpu --hide-scrollbars --window-size=1010,$((lines * 18 + 32)) \
    --screenshot="$here/tools/pictures/run.png" "file://$work/run.html" >/dev/null 2>&1
ls -l "$here/tools/pictures/run.png" | awk '{ print $5 " bytes" }'
