# Sourced by the end-to-end tests here, with their own arguments: the nibble program, the source folder, the build
# folder. Gives $nibble, $work (an empty folder that is removed at the end) and the functions below.
set -euo pipefail
export LC_ALL=C.UTF-8
nibble=$1
work=$(mktemp -d)
cleanup() { :; } # a test that mounts or starts something puts its own in place
trap 'status=$?; cleanup; rm -rf "$work"; exit "$status"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*"
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# write_config FILE EPOCHS: a small net on a few jets, with everything in it whose state must survive a stop: moments,
# running statistics, dropout, a schedule with memory, early stopping, a short last batch. A checkpoint every epoch.
write_config() {
    cat >"$1" <<END
data:
  source: {generator: jets, n: 1500}
  inputs: {x: hlf16}
  targets: {y: label}
  validation: {fraction: 0.2, stratify: true}
  test: {fraction: 0.1}
model:
  layers:
    - dense: {name: fc1, units: 24}
    - batch_norm: {name: bn1}
    - relu: {name: relu1}
    - dropout: {name: dropout1, rate: 0.1}
    - dense: {name: fc2, units: 16, l2: 1e-4}
    - tanh: {name: tanh1}
    - dense: {name: logits, units: auto}
  outputs: {y: logits}
train:
  seed: 3
  epochs: $2
  batch: 64
  checkpoint: 0
  optimizer: {adam: {lr: 2e-3}}
  lr_schedule: {plateau: {factor: 0.7, patience: 3}}
  loss: {y: categorical_crossentropy}
END
}

# same_bytes DIR1 DIR2 FILE...: equal files in two run folders.
same_bytes() {
    local a=$1 b=$2 file
    shift 2
    for file in "$@"; do
        cmp "$a/$file" "$b/$file" || fail "$file of $a and $b differ"
    done
}

milliseconds() {
    echo $((${EPOCHREALTIME/./} / 1000))
}

# sleep_ms N
sleep_ms() {
    sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
}

# wait_for_epochs RUN N: until metrics.csv has that many lines below its header; fails after a minute.
wait_for_epochs() {
    local i
    for ((i = 0; i < 6000; i++)); do
        if [ -e "$1/metrics.csv" ] && [ "$(wc -l <"$1/metrics.csv")" -gt "$2" ] && [ -e "$1/last.h5" ]; then
            return
        fi
        sleep 0.01
    done
    fail "$1 has not done $2 epochs after a minute"
}
