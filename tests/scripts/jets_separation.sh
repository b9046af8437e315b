#!/bin/bash
# How well the five classes of generated jets can be told apart: the recipes jets (16-64-32-32-5) and jets_linear on
# 100 000 jets, judged on their test rows. The net must reach 74 to 79 %, the linear model at least 3 points less; w and
# z must be taken for each other most often, q for g, and no class be easier than t (by ROC AUC, within 0.005). The
# 100 000 jets must take at most 10 s.
# Arguments: the nibble program, the source folder, the build folder.
source "$(dirname "$0")/common.bash"

TIMEFORMAT='%U'
seconds=$({ time "$nibble" data synth jets -n 100000 -o jets.h5 2>message >&2; } 2>&1)
cat message
echo "processor seconds for 100 000 jets, all threads together: $seconds"
if grep -q __asan_init "$nibble"; then
    echo "(not judged in this build)"
else
    awk -v s="$seconds" 'BEGIN { exit !(s <= 10) }' || fail "100 000 jets take $seconds s"
fi

# value RUN KEY: a number of the test part.
value() {
    sed -n '/"test"/,$p' "$1/summary.json" | sed -nE "s/.*\"$2\":[[:space:]]*([0-9.eE+-]+).*/\1/p" | head -1
}

for recipe in jets jets_linear; do
    "$nibble" init $recipe --recipe $recipe >/dev/null
    "$nibble" train $recipe.yaml -o $recipe >$recipe.out 2>&1 || fail "$recipe: $(tail -1 $recipe.out)"
    echo "$recipe: accuracy $(value $recipe accuracy) on the test rows"
done
sed -n '/^confusion/,/^run folder/p' jets.out

awk -v net="$(value jets accuracy)" -v linear="$(value jets_linear accuracy)" 'BEGIN {
    if (!(net >= 0.74 && net <= 0.79)) { print "FAILED: the net is not within 74 to 79 %"; exit 1 }
    if (!(linear <= net - 0.03)) { print "FAILED: the linear model is too good"; exit 1 }
}'

# Rows of the matrix: g q w z t by truth, columns by prediction.
matrix=$(sed -n '/"test"/,$p' jets/summary.json | sed -nE 's/.*"matrix":[[:space:]]*\[\[(.*)\]\].*/\1/p' | sed 's/\], *\[/\n/g')
awk -F', *' '
    function most(row,   c, best) {
        for (c = 1; c <= 5; c++)
            if (c != row && (!best || n[row, c] > n[row, best])) best = c
        return best
    }
    { for (c = 1; c <= 5; c++) n[NR, c] = $c }
    END {
        split("g q w z t", name, " ")
        split("2 1 4 3 3", wanted, " ")
        if (NR != 5) { print "FAILED: no confusion matrix"; exit 1 }
        for (r = 1; r <= 4; r++)
            if (most(r) != wanted[r]) {
                print "FAILED: " name[r] " is most often taken for " name[most(r)] ", not " name[wanted[r]]
                exit 1
            }
    }' <<<"$matrix"

for class in g q w z; do
    awk -v t="$(value jets auc_t)" -v other="$(value jets auc_$class)" -v class=$class 'BEGIN {
        if (!(t >= other - 0.005)) { print "FAILED: " class " is easier than t: AUC " other " against " t; exit 1 }
    }'
done
