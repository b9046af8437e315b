#!/usr/bin/env bash
# What quantization costs in accuracy: float, post-training quantization as hls4ml's default precision and calibrated, and
# training at 8 to 2 bits from the float run, against a float run of as many epochs, paired by seed. 16-64-32-32-2 on top
# tagging (needs NIBBLE_DATA) and 16-64-32-32-5 on the generator's jets; every quantized number is the integer engine's.
# Prints the table, leaves it as CSV with a figure; exits 1 when a number misses what the project promises.
#   tests/acceptance/quantization.sh [NIBBLE [FOLDER]]
#     NIBBLE: the program (build/release/nibble); FOLDER: for runs, tables and the figure; runs that are there are not repeated
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
nibble=${1:-$here/build/release/nibble}
work=${2:-}
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
export NIBBLE_THREADS=1
seeds="1 2 3"
failed=0
epochs=20      # of the float run that everything starts from
more=40        # of training with quantizers behind it
declare -A rate=([top_tagging]=2e-3 [jets]=3e-3) # its learning rate, as quantization_rate.sh chose it on validation rows
input='fixed<8,3,RND,SAT>'

# field FILE PART NAME: a number of summary.json, as cJSON prints it (one field a line).
field() {
    awk -v part="\"$2\"" -v name="\"$3\"" '
        index($0, part) && /{/ { inside = 1 }
        inside && index($0, name ":") { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); print; exit }' "$1"
}
need() { # need TEXT VALUE COMPARISON LIMIT
    if awk -v v="$2" -v l="$4" "BEGIN { exit !(v $3 l) }"; then echo "ok    $1: $2 ($3 $4)"; else echo "MISS  $1: $2 (wanted $3 $4)"; failed=1; fi
}
run() { # run FOLDER WORDS...: unless the folder has its result already
    local folder=$work/$1
    shift
    [ -e "$folder/summary.json" ] && return
    rm -rf "$folder"
    "$nibble" "$@" -o "$folder" --quiet
}
engine() { # engine FOLDER: accuracy of the test rows by the integer engine, which must be what training quoted
    local found
    found=$("$nibble" emulate "$work/$1" --json --quiet | awk '/"accuracy":/ { sub(/.*:[ \t]*/, ""); sub(/,.*/, ""); print; exit }')
    if [ "$found" != "$(field "$work/$1/summary.json" test accuracy)" ]; then
        echo "MISS  $1: the integer engine gives $found, not what summary.json says" >&2
        exit 1
    fi
    echo "$found" > "$work/$1/engine"
}

seed() { # seed NAME RECIPE SEED: all runs of a seed
    local name=$1 s=$3 w b train=(train "$2" --set "train.seed=$3")
    run "$name.float.$s" "${train[@]}" --set train.epochs=$epochs
    run "$name.long.$s" "${train[@]}" --set train.epochs=$((epochs + more))
    run "$name.on.$s" "${train[@]}" --set train.epochs=$more --set "model.init_from=$work/$name.float.$s" \
        --set "train.optimizer.adam.lr=${rate[$name]}"
    for w in 16 14 12 10 8; do
        run "$name.hls4ml$w.$s" quantize "$work/$name.float.$s" --like hls4ml "fixed<$w,6>" --set quant.allow_dead=true
    done
    for w in 16 14 12 10 8 6; do
        run "$name.ptq$w.$s" quantize "$work/$name.float.$s" --bits $w --set "quant.default.input='$input'"
    done
    for b in 8 6 4 3 2; do
        run "$name.qat$b.$s" "${train[@]}" --set train.epochs=$more --set "model.init_from=$work/$name.float.$s" \
            --set "train.optimizer.adam.lr=${rate[$name]}" --set quant.bits=$b --set "quant.default.input='$input'"
        engine "$name.qat$b.$s"
    done
}

scores() { # scores RUN: of the seeds, in a line
    local s
    for s in $seeds; do
        if [ -e "$work/$1.$s/engine" ]; then cat "$work/$1.$s/engine"; else field "$work/$1.$s/summary.json" test accuracy; fi
    done | tr '\n' ' '
}
row() { # row KIND BITS TITLE RUN BASE: a line of the table and of the CSV; BASE has the float scores it is held against
    awk -v kind="$1" -v bits="$2" -v title="$3" -v scores="$(scores "$4")" -v base="$5" -v csv="$csv" '
        BEGIN {
            n = split(scores, a, " "); split(base, b, " ")
            for (i = 1; i <= n; i++) { s += a[i]; d += a[i] - b[i]; by = by sprintf(" %.4f", a[i]); cells = cells "," a[i] }
            printf "%-36s %.4f   %+.4f  %s\n", title, s / n, d / n, by
            printf "%s,%s,%.6f,%.6f%s\n", kind, bits, s / n, d / n, cells >> csv
        }'
}
table() { # table NAME RECIPE
    local name=$1 csv=$work/$1.csv float long s w b jobs=""
    for s in $seeds; do
        seed "$name" "$2" "$s" &
        jobs="$jobs $!"
    done
    for s in $jobs; do wait "$s"; done
    float=$(scores "$name.float")
    long=$(scores "$name.long")
    echo "kind,bits,accuracy,difference$(for s in $seeds; do printf ',seed_%s' "$s"; done)" > "$csv"
    echo "$name                             accuracy   against    by seed"
    row float 0 "float, $epochs epochs" "$name.float" "$float"
    for w in 16 14 12 10 8; do row hls4ml $w "PTQ fixed<$w,6>, as hls4ml" "$name.hls4ml$w" "$float"; done
    for w in 16 14 12 10 8 6; do row calibrated $w "PTQ $w bits, calibrated" "$name.ptq$w" "$float"; done
    row long 0 "float, $((epochs + more)) epochs" "$name.long" "$long"
    row on 0 "float, $epochs + $more epochs, as QAT" "$name.on" "$long"
    for b in 8 6 4 3 2; do row QAT $b "QAT $b bits, $epochs + $more epochs" "$name.qat$b" "$long"; done
    echo
}
lost() { awk -F, -v k="$2" -v b="$3" '$1 == k && $2 == b { print -$4 }' "$work/$1.csv"; }

value() { awk -F, -v k="$2" -v b="$3" '$1 == k && $2 == b { print $3 }' "$work/$1.csv"; } # value NAME KIND BITS: mean accuracy
panel() { # panel NAME TITLE LOW HIGH: commands that draw a table
    local csv=$work/$1.csv
    cat <<EOF
set title "$2"
set yrange [$3:$4]
set label 1 "$(printf 'at 10 bits: %.2f\\nat 8 bits: %.2f' "$(value "$1" hls4ml 10)" "$(value "$1" hls4ml 8)")" at graph 0.76,0.12 textcolor rgb "#d55e00"
plot $(value "$1" long 0) with lines dashtype 2 linecolor rgb "#009e73" linewidth 1.5 title "float, $((epochs + more)) epochs", \\
     $(value "$1" float 0) with lines dashtype 3 linecolor rgb "#0072b2" linewidth 1.5 title "float, $epochs epochs", \\
     "<grep '^hls4ml' $csv" using 2:3 with linespoints pointtype 5 linecolor rgb "#d55e00" title "PTQ of it, fixed<W,6> as hls4ml", \\
     "<grep '^calibrated' $csv" using 2:3 with linespoints pointtype 7 linecolor rgb "#0072b2" title "PTQ of it, calibrated", \\
     "<grep '^QAT' $csv" using 2:3 with linespoints pointtype 9 linecolor rgb "#009e73" title "QAT from it, $more epochs", \\
     for [c=5:7] "<grep '^QAT' $csv" using 2:c with points pointtype 6 pointsize 0.4 linecolor rgb "#009e73" notitle
EOF
}
figure() { # figure NAME...: both tables side by side
    command -v gnuplot > /dev/null || { echo "skip  figure: gnuplot is not installed"; return; }
    {
        echo "set datafile separator ','"
        echo "set terminal pngcairo size $((560 * $#)),420 font 'sans,10'"
        echo "set output '$work/quantization.png'"
        echo "set multiplot layout 1,$#"
        echo "set grid; set key bottom left Left reverse samplen 2; set xlabel 'bits of weights and activations'; set ylabel 'accuracy, test rows'; set xrange [1:17]; set xtics 2"
        for name in "$@"; do
            case $name in
                top_tagging) panel top_tagging "top tagging, 16-64-32-32-2" 0.84 0.92 ;;
                jets) panel jets "generated jets, 16-64-32-32-5" 0.64 0.78 ;;
            esac
        done
    } | gnuplot
}

tables=""
if [ -n "${NIBBLE_DATA:-}" ] && [ -e "$NIBBLE_DATA/top_tagging.h5" ]; then
    table top_tagging "$here/tools/recipes/top_tagging.yaml"
    tables="top_tagging"
    need "top_tagging, 6 bits: accuracy lost" "$(lost top_tagging QAT 6)" "<=" 0.001
    need "top_tagging, 4 bits: accuracy lost" "$(lost top_tagging QAT 4)" "<=" 0.0025
    need "top_tagging, 3 bits: accuracy lost" "$(lost top_tagging QAT 3)" "<=" 0.005
    need "top_tagging, 2 bits: accuracy lost" "$(lost top_tagging QAT 2)" "<=" 0.009
    need "top_tagging, fixed<10,6> as hls4ml: accuracy lost" "$(lost top_tagging hls4ml 10)" ">" 0.2
    need "top_tagging, 6 bits calibrated: accuracy lost" "$(lost top_tagging calibrated 6)" "<=" 0.005
    echo
else
    echo "skip  top_tagging: NIBBLE_DATA is not set or has no top_tagging.h5"
fi
table jets "$here/tools/recipes/jets.yaml"
need "jets, 6 bits: accuracy lost" "$(lost jets QAT 6)" "<=" 0.002
need "jets, fixed<10,6> as hls4ml: accuracy lost" "$(lost jets hls4ml 10)" ">" 0.2
# shellcheck disable=SC2086 # names without blanks
figure $tables jets
exit $failed
