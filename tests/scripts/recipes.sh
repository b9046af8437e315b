#!/bin/bash
# Every recipe runs: configs train for an epoch, studies run all of their trials on few rows, with figures where gnuplot is.
# Recipes on a file of NIBBLE_DATA are only read where that is not set.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
count=0
for path in "$2"/tools/recipes/*.yaml; do
    recipe=$(basename "$path" .yaml)
    "$nibble" init "my_$recipe" --recipe "$recipe" >next.txt || fail "init of $recipe: $(cat next.txt)"
    if grep -q NIBBLE_DATA "my_$recipe.yaml" && [ -z "${NIBBLE_DATA:-}" ]; then
        continue
    fi
    short=(--set train.epochs=1)
    grep -q NIBBLE_DATA "my_$recipe.yaml" || short+=(--set data.source.n=4000)
    if grep -q '^next: nibble sweep' next.txt; then
        # Layers die of so little training: that is not what is looked at.
        "$nibble" sweep "my_$recipe.yaml" "${short[@]}" -o "$recipe" --quiet >out.txt 2>&1 || fail "sweep $recipe: $(tail -5 out.txt)"
        ! grep -q ',failed,' "$recipe/trials.csv" || fail "$recipe: a trial failed"
        if command -v gnuplot >/dev/null; then
            "$nibble" plot sweep "$recipe" >figures.txt || fail "figures of $recipe"
            while read -r figure; do [ -s "$figure" ] || fail "$recipe: $figure is empty"; done <figures.txt
        fi
    else
        "$nibble" train "my_$recipe.yaml" "${short[@]}" -o "$recipe" --quiet >out.txt 2>&1 || fail "train $recipe: $(tail -5 out.txt)"
    fi
    count=$((count + 1))
done
[ "$count" -ge 9 ] || fail "only $count recipes ran"
echo "$count recipes ran"
