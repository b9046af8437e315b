#!/bin/bash
# Rules of the tree: file names are unique, includes go by path, exist and point one way only
# (tools -> train -> quant, prune, datasets -> core; siblings never include each other), no unprefixed macro in a header
# that is installed, no empty placeholders.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
cd "$2"
failures=0
fail() {
    echo "$1"
    failures=$((failures + 1))
}

# What each room may include from.
declare -A allowed=([core]='core' [quant]='core quant' [prune]='core prune' [datasets]='core datasets'
    [train]='core quant prune datasets train' [tools]='core quant prune datasets train tools'
    [tests]='core quant prune datasets train tools tests')
rooms='core quant prune datasets train tools tests'

sources() {
    local folder
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' -o -name '*.def'
    done
}

seen=0
while IFS=: read -r file line text; do
    room=${file%%/*}
    target=$(sed -E 's/^[^"]*"([^"]+)".*/\1/' <<<"$text")
    seen=$((seen + 1))
    case " $rooms " in
    *" ${target%%/*} "*) ;;
    *)
        # A file of the tests may lie beside the one that includes it.
        [ "$room" = tests ] && [ -e "${file%/*}/$target" ] || fail "$file:$line: include by path from the top: \"$target\""
        continue
        ;;
    esac
    [ -e "$target" ] || fail "$file:$line: there is no $target"
    case " ${allowed[$room]} " in
    *" ${target%%/*} "*) ;;
    *) fail "$file:$line: $room must not include $target" ;;
    esac
done < <(for folder in $rooms; do sources "$folder"; done | xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"')
[ "$seen" -gt 20 ] || fail "only $seen include lines were found: this test does not look at the right place"

# Own headers in angle brackets would get past the check above.
for room in $rooms; do
    found=$(for folder in $rooms; do sources "$folder"; done | xargs grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<$room/" || true)
    [ -z "$found" ] || fail "$found: use quotes"
done

# README.md and CMakeLists.txt may stand in several folders; inputs of the fuzz targets are named by their contents.
twice=$(find $(for folder in $rooms; do [ ! -d "$folder" ] || echo "$folder"; done) -type f ! -path '*/corpus/*' -printf '%f\n' |
    grep -vxE 'README\.md|CMakeLists\.txt|requirements.*\.txt' | sort | uniq -d)
[ -z "$twice" ] || fail "file names that occur twice in the tree: $(echo $twice)"

unprefixed=$(sources core quant prune datasets train | grep '\.h$' |
    xargs grep -nE '^[[:space:]]*#[[:space:]]*define[[:space:]]+' | grep -vE 'define[[:space:]]+NIB_' || true)
[ -z "$unprefixed" ] || fail "macros without NIB_ in public headers:
$unprefixed"

echo "$seen include lines looked at, $failures rules broken"
[ "$failures" -eq 0 ]
