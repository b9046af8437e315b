#!/usr/bin/env python3
"""Check model.onnx with the onnx package, execute it with the qonnx package on the golden samples, count differences.

Needs Python 3.10 or later with qonnx (pip install qonnx onnx==1.20.1: qonnx 1.0 executes nodes by an onnxruntime that is
behind the newest onnx). Exit status 1: outputs differ.
"""
import os
import sys

import numpy as np
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx


def set_rows(graph, rows):
    """Tensors [1, width] become [rows, width]: all samples at once. Constants stay."""
    constants = {c.name for c in graph.initializer}
    weights = {n.output[0] for n in graph.node if n.input[0] in constants}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.name not in constants | weights:
            value.type.tensor_type.shape.dim[0].dim_value = rows


def widths(values):
    return [v.type.tensor_type.shape.dim[1].dim_value for v in values]


def split(rows, values):
    """Columns of a table by tensor."""
    return dict(zip((v.name for v in values), np.split(rows, np.cumsum(widths(values))[:-1], axis=1)))


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    onnx.checker.check_model('model.onnx', full_check=True)
    model = ModelWrapper('model.onnx')
    graph = model.graph
    x = np.loadtxt('x.dat', ndmin=2).astype(np.float32)
    y = np.loadtxt('y.dat', ndmin=2)
    set_rows(graph, len(x))
    found = execute_onnx(model, {n: np.ascontiguousarray(v) for n, v in split(x, graph.input).items()})
    bad = 0
    for name, expected in split(y, graph.output).items():
        differ = int((found[name].astype(np.float64) != expected).sum())
        bad += differ
        print(f'output {name}: {differ} of {expected.size} numbers of {len(x)} samples differ')
    print(f'checker passed; {"equal" if bad == 0 else f"{bad} numbers differ"}')
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
