#!/bin/bash
# Exports to QONNX through onnx's checker and the qonnx package: 0 differing outputs; what it cannot say is refused.
set -euo pipefail
exec bash "$2/tests/conformance/qonnx.sh" "$1"
