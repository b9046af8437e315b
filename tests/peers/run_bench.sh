#!/bin/bash
# Training speed of nibble beside its peers on one core: PyTorch eager (as it comes, and with its fused Adam), tf.keras' fit,
# and a whole epoch in one jitted JAX scan (shuffled by JAX within it, or by NumPy); beside nibble's training with quantizers
# the fake-quantized PyTorch and JAX scan, QKeras and HGQ2.
#   tests/peers/run_bench.sh [NIBBLE [OPTIONS]]   NIBBLE: the program (build/release/nibble, built when it is missing);
#                                                 OPTIONS: of bench_peers.py, such as --rounds 9 --core 1 --json FILE
# The Python environments (about 7 GB with PyTorch, which brings CUDA's libraries along) are made once, in $NIBBLE_PEERS or
# ~/.cache/nibble-peers, never in the repository. A peer whose environment cannot be made is left out with a message; exit
# status 77 when none is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
nibble=$(realpath -m "${1:-$source/build/release/nibble}")
peers=${NIBBLE_PEERS:-${HOME:-/tmp}/.cache/nibble-peers}
# shellcheck source-path=SCRIPTDIR
. "$here/environments.bash"

command -v taskset >/dev/null || skip "taskset is not installed (apt-get install util-linux)"
build_nibble "$source" "$nibble"
commands=()
# add_peer ENVIRONMENT NAME SCRIPT [ARGUMENT...]
add_peer() {
    # make_environment leaves the shell when it skips.
    if (make_environment "$1"); then
        commands+=("$2=$peers/$1/bin/python $here/$3 ${*:4}")
    else
        echo "$2 is left out"
    fi
}
add_peer torch "PyTorch eager" bench_torch.py
[ ! -e "$peers/torch/requirements.txt" ] || add_peer torch "PyTorch, fused Adam" bench_torch.py fused
add_peer keras2 "tf.keras fit" bench_keras.py
add_peer keras3 "JAX scan" bench_jax.py
[ ! -e "$peers/keras3/requirements.txt" ] || add_peer keras3 "JAX scan, NumPy shuffle" bench_jax.py numpy
[ ! -e "$peers/torch/requirements.txt" ] || add_peer torch "PyTorch, fake-quantized 6 bits" bench_torch.py bits
[ ! -e "$peers/keras3/requirements.txt" ] || add_peer keras3 "JAX scan, fake-quantized 6 bits" bench_jax.py numpy bits
add_peer qkeras "QKeras 6 bits" bench_qkeras.py
add_peer hgq2 "HGQ2, bits learned" bench_hgq2.py
[ ${#commands[@]} -gt 0 ] || skip "there is no peer to compare with"
python3 "$here/bench_peers.py" "$nibble" "${commands[@]}" "${@:2}"
