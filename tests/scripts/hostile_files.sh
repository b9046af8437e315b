#!/bin/bash
# Files on which libhdf5 1.10 itself crashes, loops or asks for absurd memory: every command that opens files refuses
# them with one line and exit status 2, within the time limit; sound files and ordinary errors are as ever.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
# The child's crash is what is wanted: no sanitizer's report is to be kept of it.
ASAN_OPTIONS=$(sed 's/log_path=[^:]*:*//' <<<"${ASAN_OPTIONS:-}")
export ASAN_OPTIONS

# An old-format file with x [4, 2], label [4], and texts of variable length, as h5py writes it with libver='earliest'.
base64 -d <<'END' | gzip -d >sound.h5
H4sIAAAAAAACA+2VsU7DMBCG75y0MhWIVEJqYSEjY0c2imihA6IRMDASpCCGghAUqRsdy8YjMPYxGHkM3qTYybm1rbYSCxLqfapzcu5iX+3/7LdO63ij
slMBjZQQQgQ2EyKpu33jvyaLZEdkx8K8x9xHn0OVxvfjLs/bbR098TDzNMLCSmBWkU77MNH2ivox2S/hxg3I9tKbrKfsQ3qfPVv63P/lvAjl4ls0/b3C
iuIFyRJMGn4/UMrXkdV4l3wx1CTUXslfUorWfiGKASVVSoBG6rGTzzrcUR5rsKVib7O0//KU/8WcbcS8wqJpysUwiOjkZdtEznIPrH4wp+IuzrotVB5z
SgxKy9fP1P2ovDzOzBIHq6FnVDvv6qru7FPo6UmvuPZEEqY6Wq6fmJY08mZ+/5frIRbU1SK9z9YFvHVpzK2r2Y20igwP1KOpfqoNVftQ7VO176Z9t6N3
XgjvvND+k6PuKVqyQ7DPEoCsn87dz8e+G+fHhwvip6re5DuSYRiGYRiGYRiGYf6KHyXvcExQGAAA
END

# damage NAME OFFSET BYTE: the sound file with one byte changed, found by trying them all.
damage() {
    cp sound.h5 "$1"
    printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
damage segv.h5 1037 '\xff'   # reads outside its memory
damage bus.h5 1466 '\x00'    # the same elsewhere
damage memory.h5 864 '\x10'  # asks for absurd memory
damage endless.h5 2152 '\x00' # turns in circles

# refuses WORDS... -- FILE: one line about that file and exit status 2. (With a sanitizer the child exits by itself.)
refuses() {
    local words=() status=0
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    "$nibble" "${words[@]}" >out 2>message || status=$?
    [ $status -eq 2 ] || fail "nibble ${words[*]}: exit status $status; $(cat message)"
    [ "$(wc -l <message)" -eq 1 ] || fail "nibble ${words[*]}: not one line: $(cat message)"
    grep -qE "^nibble: .*$2: the HDF5 library (crashes on this file \((signal (SEGV|BUS)|exit status [0-9]+)\)|comes to no end with this file \(given up after 10 s\)|asks for absurd amounts of memory for this file): damaged or hostile$" \
        message || fail "nibble ${words[*]}: $(cat message)"
    [ ! -s out ] || fail "nibble ${words[*]}: printed $(cat out)"
}

write_config small.yaml 1
"$nibble" train small.yaml --quiet -o run
for file in segv.h5 bus.h5 memory.h5; do
    refuses inspect $file -- $file
done
refuses train small.yaml --set data.source=segv.h5 -o none -- segv.h5
refuses train small.yaml --set "data.test={source: segv.h5}" -o none -- segv.h5
refuses train small.yaml --set "data.validation={rows: segv.h5:label}" -o none -- segv.h5
refuses train small.yaml --set model.init_from=segv.h5 -o none -- segv.h5
refuses eval segv.h5 -- segv.h5
refuses eval run --data segv.h5 -- segv.h5
refuses predict run --data segv.h5 -o p.npy -- segv.h5
refuses data observables segv.h5 o.h5 -- segv.h5
[ ! -e none ] && [ ! -e p.npy ] && [ ! -e o.h5 ] || fail "a refused file left something behind"

began=$(milliseconds)
refuses inspect endless.h5 -- endless.h5
took=$(($(milliseconds) - began))
[ $took -lt 60000 ] || fail "the endless file took $took ms"

# A signal ends the wait, and the child with it.
env --default-signal=INT "$nibble" inspect endless.h5 2>message &
parent=$!
child=
for ((i = 0; i < 500; i++)); do
    child=$(cat /proc/$parent/task/$parent/children 2>/dev/null || true)
    [ -z "${child// /}" ] || break
    sleep 0.01
done
kill -INT $parent
status=0
wait $parent || status=$?
[ $status -eq 130 ] || fail "SIGINT: exit status $status; $(cat message)"
for ((i = 0; i < 500; i++)); do
    [ -n "${child// /}" ] && kill -0 $child 2>/dev/null || break
    sleep 0.01
done
[ $i -lt 500 ] || fail "the child $child outlives its parent"

# What is sound stays usable, and what is no HDF5 or cut off is refused in the usual words.
"$nibble" inspect sound.h5 >out || fail "the sound file is refused"
grep -q '/label  *4 ' out || fail "the sound file is not shown: $(cat out)"
head -c 3000 sound.h5 >short.h5
cp small.yaml text.h5
for case in "short.h5: truncated: the file should have 6224 bytes and has 3000" "text.h5: not an HDF5 file"; do
    status=0
    "$nibble" inspect "${case%%:*}" 2>message || status=$?
    [ $status -eq 2 ] && [ "$(cat message)" = "nibble: $case" ] || fail "exit status $status: $(cat message)"
done
echo "every hostile file is refused, the endless one after $took ms"
