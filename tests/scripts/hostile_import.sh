#!/bin/bash
# nibble import of files that are damaged, are no models, or lie: one line and exit status 2, never a crash, and no run
# folder is left.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
ASAN_OPTIONS=$(sed 's/log_path=[^:]*:*//' <<<"${ASAN_OPTIONS:-}")
export ASAN_OPTIONS
golden=$2/tests/tools/golden/import
cp "$golden/graph.json" "$golden/graph-weights.h5" "$golden/chain.h5" "$golden/three.keras" .
tried=0
edit=

# refuses SAYS FILE [WEIGHTS]: a message that matches SAYS.
refuses() {
    local says=$1 status=0
    shift
    timeout 60 "$nibble" import "$@" -o none >out 2>message || status=$?
    [ $status -eq 2 ] || fail "import $* $edit: exit status $status; $(head -c 500 message)"
    [ "$(wc -l <message)" -eq 1 ] || fail "import $*: not one line: $(head -c 500 message)"
    grep -q '^nibble: ' message || fail "import $*: $(cat message)"
    grep -qE "$says" message || fail "import $* $edit: '$(cat message)' does not say '$says'"
    ! grep -qP '[\x00-\x09\x0b-\x1f\x7f]' message || fail "import $* $edit: control characters in the message: $(cat -v message)"
    [ ! -s out ] || fail "import $*: printed $(head -c 300 out)"
    [ ! -e none ] || fail "import $*: left a run folder"
    tried=$((tried + 1))
}

# json SAYS TEXT: a model's JSON that is this text.
json() {
    printf '%s' "$2" >bad.json
    refuses "$1" bad.json graph-weights.h5
}

# edited SAYS SED: the sound model's JSON edited.
edited() {
    sed -E "$2" graph.json >edited.json
    ! cmp -s graph.json edited.json || fail "sed $2 changes nothing"
    edit=$2
    refuses "$1" edited.json graph-weights.h5
    edit=
}

"$nibble" import graph.json graph-weights.h5 -o sound --quiet || fail "the sound model is refused"
"$nibble" import three.keras -o sound3 --quiet || fail "the sound .keras is refused"

# ---- No models ----
: >empty.keras && refuses 'empty.keras' empty.keras
: >empty.h5 && refuses 'empty.h5' empty.h5
: >empty.json && refuses 'empty.json' empty.json graph-weights.h5
echo text >text.keras && refuses 'text.keras.*(archive|ZIP)' text.keras
cp chain.h5 h5.keras && refuses 'h5.keras.*(archive|ZIP)' h5.keras
cp three.keras zip.h5 && refuses 'zip.h5' zip.h5
refuses 'missing.keras' missing.keras
refuses 'no model' graph-weights.h5
mkdir folder.keras && refuses 'folder.keras' folder.keras

# ---- JSON that is nonsense ----
json damaged '{'
json damaged 'nonsense'
json damaged '{"class_name": "Sequential", "config": {"layers": [}'
json 'no layers' '[]'
json 'no layers' '{}'
json 'no layers' 'null'
json 'no layers' '{"class_name": 7, "config": {"layers": [1]}}'
json 'no layers' '{"class_name": "Sequential", "config": {"layers": {}}}'
json 'without class_name' '{"class_name": "Sequential", "config": {"layers": [1, 2, 3]}}'
json 'without class_name' '{"class_name": "Sequential", "config": [null]}'
json 'class Subclassed' '{"class_name": "Subclassed", "config": {"layers": [{"class_name": "Dense", "config": {"name": "a"}}]}}'
json 'bad.json' '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"name": "a", "units": 3}}]}}'
json 'without a layer' '{"class_name": "Sequential", "config": {"layers": [{"class_name": "TFMOT>PruneLowMagnitude", "config": {"name": "a", "layer": null}}]}}'
head -c 200000 /dev/zero | tr '\0' '[' >deep.json
refuses damaged deep.json graph-weights.h5
# A concatenation of a layer with itself, a hundred times: more features than there are numbers for.
{
    printf '{"class_name": "Functional", "config": {"layers": [{"class_name": "InputLayer", "config": {"name": "c0", "batch_input_shape": [null, 6]}, "inbound_nodes": []}'
    for i in $(seq 100); do
        printf ', {"class_name": "Concatenate", "config": {"name": "c%d"}, "inbound_nodes": [[["c%d", 0, 0, {}], ["c%d", 0, 0, {}]]]}' $i $((i - 1)) $((i - 1))
    done
    printf '], "output_layers": [["c100", 0, 0]]}}'
} >wide.json
refuses 'more than [0-9]+ features' wide.json graph-weights.h5
head -c 3000 graph.json >cut.json
refuses damaged cut.json graph-weights.h5

# ---- Models that lie ----
edited 'not there' 's/\["input_1", 0, 0, \{\}\]/["nowhere", 0, 0, {}]/'
edited 'not there' 's/\["input_1", 0, 0, \{\}\]/[7, 0, 0, {}]/'
edited 'circle' 's/\["input_1", 0, 0, \{\}\]/["relu1", 0, 0, {}]/'
edited '(units|fc1)' 's/"units": 6/"units": -6/'
edited '(units|fc1)' 's/"units": 6/"units": 1e300/'
edited '(units|fc1)' 's/"units": 6/"units": 2147483648/'
edited '(units|fc1)' 's/"units": 6/"units": 6.5/'
edited '(units|fc1)' 's/"units": 6/"units": "six"/'
edited '(units|fc1)' 's/"units": 6,//'
edited 'widths' 's/"units": 6/"units": 7/'
edited 'input_1' 's/\[null, 6\]/[null, -6]/'
edited '(input_1|shape)' 's/\[null, 6\]/[null, 1e18]/'
edited 'input_1' 's/\[null, 6\]/[null, 6, 6]/'
edited 'input_1' 's/\[null, 6\]/"six"/'
edited '(fc1|activation)' 's/"activation": "linear"/"activation": {"class_name": 3}/'
edited '(fc1|activation)' 's/"activation": "linear"/"activation": "softsign"/'
edited 'leaky1' 's/"alpha": 0.25/"alpha": 1e999/'
edited 'leaky1' 's/"alpha": 0.25/"alpha": "x"/'
edited 'two layers of one name' 's/"fc2"/"fc1"/g'
edited 'output' 's/"output_layers": .*/"output_layers": [["nowhere", 0, 0]]}}/'
edited '.' 's/"name": "fc1"/"name": "f\\nc\\u001b[31m1"/g'
edited '.' 's/"name": "fc1"/"name": ""/g'
edited '.' 's#"name": "fc1"#"name": "../../fc1"#g'

# ---- Weights that are not the model's ----
refuses '.' graph.json chain.h5
refuses '.' graph.json graph.json
for share in 0 3 50 97; do
    head -c $(($(wc -c <graph-weights.h5) * share / 100)) graph-weights.h5 >cut.h5
    refuses 'cut.h5' graph.json cut.h5
    head -c $(($(wc -c <three.keras) * share / 100)) three.keras >cut.keras
    refuses 'cut.keras' cut.keras
done

# A changed byte of an archive: refused by its checksums, or it lies where nothing is read.
bytes=$(wc -c <three.keras)
refused=0
for i in $(seq 0 79); do
    at=$((bytes * i / 80 + i % 7))
    cp three.keras flipped.keras
    old=$(od -An -tu1 -j "$at" -N 1 flipped.keras)
    printf '%b' "\\x$(printf %02x $((old ^ 85)))" | dd of=flipped.keras bs=1 seek="$at" conv=notrunc status=none
    status=0
    rm -rf none
    timeout 60 "$nibble" import flipped.keras -o none --quiet >out 2>message || status=$?
    if [ $status -eq 0 ]; then
        "$nibble" inspect none >summary
        "$nibble" inspect sound3 >wanted
        cmp <(tail -n +2 summary) <(tail -n +2 wanted) || fail "byte $at: another model"
        rm -rf none
    else
        refuses 'flipped.keras' flipped.keras
        refused=$((refused + 1))
    fi
done
[ $refused -ge 30 ] || fail "only $refused of 80 changed bytes were noticed"
echo "$tried refusals; $refused of 80 changed bytes noticed, the others lie where nothing is read"
