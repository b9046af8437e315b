#!/usr/bin/env python3
"""Exact EBOPs of three nets as HGQ 0.2.6 computes them, for tests/quant/test_cost.c.

    hgq_ebops.py FILE            write
    hgq_ebops.py --check FILE    make them again and compare

HGQ's rule (its trace_minmax): the sum over layers of sum_ij bits(x_i) bits(w_ij), where bits(x) are those of the calibrated
activation, its sign included unless a relu made it, and bits(w) those between the highest and the lowest set bit of the
quantized weight. The nets differ in what shares a width: every weight and activation its own; a layer one; sets of eight
elements. Weights are random and some of them too small for a bit, which prunes them.

File: lines `net NAME EBOPS`, then for each layer `layer NAME positions inputs outputs EBOPS`, `x` with the bits of every input,
`w fraction` with the integers of the kernel, row by row."""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from HGQ import HDense, HQuantize, trace_minmax
from HGQ.utils import utils

tf.get_logger().setLevel("ERROR")
RANDOM = np.random.default_rng(5)
FRACTION = 24


def configure(kernel_shares, data_shares, kernel_bits, data_bits):
    """shares: axes of the tensor over which one width holds."""
    utils.set_default_kq_conf(dict(utils.get_default_kq_conf(), init_bw=kernel_bits, skip_dims=kernel_shares))
    utils.set_default_paq_conf(dict(utils.get_default_paq_conf(), init_bw=data_bits, skip_dims=data_shares))


def spread(layers):
    """Widths that differ where they may."""
    for layer in layers:
        for variable in layer.weights:
            if variable.name.endswith("_bw:0") or "bw" in variable.name:
                variable.assign(tf.round(variable + RANDOM.integers(-3, 3, variable.shape)))


def bits_of(layer):
    return np.broadcast_to(layer.act_bw_exact, (1,) + tuple(layer.output_shape[1:])).astype(int)


def net(name, shape, widths, shares, bits):
    configure(*shares, *bits)
    layers = [HQuantize(beta=0, name="input_q")]
    layers += [HDense(n, activation="relu" if k < len(widths) - 1 else None, beta=0, name=f"fc{k + 1}", use_bias=True)
               for k, n in enumerate(widths)]
    model = tf.keras.Sequential([tf.keras.Input(shape)] + layers)
    for layer in layers[1:]:
        layer.kernel.assign(RANDOM.normal(0, 0.4, layer.kernel.shape))
        layer.bias.assign(RANDOM.normal(0, 0.2, layer.bias.shape))
    spread(layers)
    data = RANDOM.normal(0, 1, (1000,) + shape).astype(np.float32)
    total = trace_minmax(model, data, verbose=False)
    lines = []
    for before, layer in zip(layers, layers[1:]):
        x = bits_of(before).reshape(-1)
        w = np.asarray(layer.fused_qkernel) * 2.0**FRACTION
        assert np.all(w == np.round(w)), "a weight has more than 24 bits of fraction"
        w = w.astype(np.int64)
        shift = 0
        while shift < FRACTION and np.all(w % 2 == 0):
            w, shift = w // 2, shift + 1
        n_in, n_out = w.shape
        lines.append(f"layer {layer.name} {len(x) // n_in} {n_in} {n_out} {int(layer.compute_exact_bops)}")
        lines.append("x " + " ".join(map(str, x)))
        lines.append(f"w {FRACTION - shift} " + " ".join(map(str, w.reshape(-1))))
    return [f"net {name} {int(total)}"] + lines


def make():
    lines = net("each_its_own", (16,), (24, 5), (None, (0,)), (4, 5))
    lines += net("one_for_a_layer", (16,), (32, 16, 5), ((0, 1), (0, 1)), (5, 6))
    lines += net("sets_of_eight", (8, 3), (12, 4), ((0, 1), (0, 1, 2)), (3, 4))
    return "\n".join(lines) + "\n"


def main():
    tf.keras.utils.set_random_seed(1)
    text = make()
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2]) as file:
            same = file.read() == text
        print("the same" if same else "differs")
        return 0 if same else 1
    with open(sys.argv[1], "w") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
