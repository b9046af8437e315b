#!/bin/bash
# A few exported models through the released hls4ml and g++: 0 differing outputs; one written for oneAPI, whose declarations are
# compared. All of them: tests/conformance/conformance.sh, tests/conformance/oneapi.sh.
set -euo pipefail
bash "$2/tests/conformance/conformance.sh" "$1" quick
exec bash "$2/tests/conformance/oneapi.sh" "$1" bits6
