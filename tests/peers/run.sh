#!/bin/bash
# Checks against Keras: golden numbers made again, and models written by nibble loaded by tf.keras 2.15 and by Keras 3.
#   tests/peers/run.sh [NIBBLE]       NIBBLE: the program (build/release/nibble, built when it is missing)
# The Python environments (about 2.6 GB) are made once, in $NIBBLE_PEERS or ~/.cache/nibble-peers, never in the
# repository. Needs python3 with venv, and PyPI the first time. Exit status 77 with a message when those are not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}

# shellcheck source-path=SCRIPTDIR
. "$here/environments.bash"

build_nibble "$source" "$nibble"
make_environment keras2
make_environment keras3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# One config for each net: what every model shares, then its own section.
write_config() { # NAME PREPROCESS LOSS, the model section on standard input
    cat >"$1.yaml" <<END
data:
  source: {file: jets.h5}
  inputs: {x: {path: $4, preprocess: $2}}
  targets: {y: label}
  validation: {fraction: 0.25}
train: {epochs: 4, batch: 64, optimizer: {adam: {lr: 5e-3}}, loss: {y: $3}}
END
    cat >>"$1.yaml"
}

"$nibble" data synth jets -n 3000 -o jets.h5
features=hlf16
write_config mlp standardize categorical_crossentropy $features <<'END'
model: {mlp: {hidden: [32, 16], activation: relu}}
END
write_config minmax minmax categorical_crossentropy $features <<'END'
model:
  layers:
    - dense: {name: fc1, units: 24, use_bias: false}
    - tanh: {name: tanh1}
    - dense: {name: fc2, units: 12}
    - sigmoid: {name: sigmoid1}
    - dense: {name: logits, units: auto}
  outputs: {y: logits}
END
write_config normed standardize categorical_crossentropy $features <<'END'
model:
  layers:
    - dense: {name: fc1, units: 24}
    - batch_norm: {name: bn1}
    - relu: {name: relu1}
    - dropout: {name: dropout1, rate: 0.2}
    - dense: {name: fc2, units: 12}
    - batch_norm: {name: bn2, momentum: 0.9, epsilon: 0.01, center: false}
    - leaky_relu: {name: leaky1, negative_slope: 0.1}
    - batch_norm: {name: bn3, scale: false}
    - dense: {name: logits, units: auto}
  outputs: {y: logits}
END
write_config branched standardize categorical_crossentropy $features <<'END'
model:
  layers:
    - dense: {name: fc1, units: 16}
    - relu: {name: relu1}
    - dense: {name: fc2, units: 16}
    - tanh: {name: tanh1}
    - add: {name: add1, from: [relu1, tanh1]}
    - dense: {name: side, units: 8, from: [x]}
    - sigmoid: {name: sigmoid1}
    - concat: {name: concat1, from: [add1, sigmoid1, x]}
    - dense: {name: logits, units: auto}
  outputs: {y: logits}
END

status=0
for config in *.yaml; do
    name=${config%.yaml}
    "$nibble" train "$config" --quiet -o "$name"
    "$nibble" predict "$name" --data jets.h5 --quiet -o "$name.npy"
    for environment in keras2 keras3; do
        "$peers/$environment/bin/python" "$here/load_in_keras.py" "$name/best.h5" jets.h5 $features "$name.npy" \
            2>error || { status=1; cat error; }
    done
done

# An export holds its weights on the grid; Keras computes with them in float, and so does nibble once the Keras part of the
# file is imported.
for kind in residual folded; do
    {
        echo "data: {source: {file: jets.h5}, inputs: {x: {path: hlf16, preprocess: standardize}}, targets: {y: label}, validation: {fraction: 0.25}}"
        if [ $kind = residual ]; then
            cat <<'END'
model:
  layers:
    - dense: {name: fc1, units: 16}
    - relu: {name: relu1}
    - dense: {name: fc2, units: 16}
    - relu: {name: relu2}
    - add: {name: add1, from: [relu1, relu2]}
    - concat: {name: concat1, from: [add1, x]}
    - dense: {name: logits, units: auto}
  outputs: {y: logits}
END
        else
            cat <<'END'
model:
  layers:
    - dense: {name: fc1, units: 24}
    - batch_norm: {name: bn1}
    - relu: {name: relu1}
    - dense: {name: fc2, units: 16}
    - leaky_relu: {name: leaky1, negative_slope: 0.25}
    - dense: {name: logits, units: auto}
  outputs: {y: logits}
END
        fi
        echo "train: {epochs: 2, batch: 64}"
        echo "quant: {bits: 6}"
    } >$kind.quantized
    "$nibble" train $kind.quantized --quiet -o exported_$kind
    "$nibble" export exported_$kind -o exported_$kind/export --quiet
    for environment in keras2 keras3; do
        "$peers/$environment/bin/python" "$here/export_in_keras.py" exported_$kind/export/model.h5 "$nibble" 2>error ||
            { status=1; cat error; }
    done
done

# Models that the peers make now, imported. QKeras and TFMOT where somebody made their environments (README.md).
imported() { # ENVIRONMENT SCRIPT [WHAT]
    [ -x "$peers/$1/bin/python" ] || return 0
    mkdir "import_$1"
    if ! KERAS_BACKEND=jax "$peers/$1/bin/python" "$here/$2" ${3:+"$3"} "import_$1" 2>error ||
        ! "$peers/$1/bin/python" "$here/import_in_nibble.py" "$nibble" "import_$1" 2>>error; then
        status=1
        cat error
    fi
}
imported keras2 import_keras2_golden.py keras
imported keras3 import_keras3_golden.py
imported qkeras import_keras2_golden.py qkeras
imported tfmot import_keras2_golden.py tfmot

"$peers/keras2/bin/python" "$here/keras_golden.py" --check "$source/tests/train/golden/keras_steps.h5" 2>error ||
    { status=1; cat error; }
[ $status -eq 0 ] && echo "all peers agree"
exit $status
