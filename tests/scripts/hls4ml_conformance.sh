#!/bin/bash
# A few exported models through the released hls4ml and g++: 0 differing outputs. All of them: tests/conformance/conformance.sh.
set -euo pipefail
exec bash "$2/tests/conformance/conformance.sh" "$1" quick
