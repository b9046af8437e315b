"""Golden numbers of quantizers: forward and gradient of QKeras 0.9.0.

    qkeras_golden.py OUT.h5        write the file that tests/quant/test_qkeras_golden.c reads
    qkeras_golden.py --check FILE  make the numbers again and compare them with the file

Environment: requirements-qkeras.txt. The file holds /points (floats with ties, ends and the floats beside them) and
/weights [64, 32] (four of the columns special); and under /cases/<number> the text of a nibble quantizer (config), the
name of its input, and y_dx: y, and dx for dy = 1. QKeras returns x + (y - x), which is not y in floats: y is taken with
use_ste=False where the quantizer has it, else it is the nearest multiple of the scale.
"""
import os
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py
import numpy as np
import tensorflow as tf
from qkeras import binary, quantized_bits, quantized_po2, quantized_relu, ternary

STE = {"quantized_bits", "quantized_relu", "quantized_po2"}
POINTS = [
    "quantized_bits(4,1,1,alpha=1.0)", "quantized_bits(4,1,0,alpha=1.0)", "quantized_bits(8,0)", "quantized_bits(6,2,1)",
    "quantized_bits(2,0,alpha=0.5)", "quantized_bits(3,-1,1,alpha=3.0)", "quantized_bits(16,6)", "quantized_bits(4,6)",
    "quantized_bits(6,1,keep_negative=0)", "quantized_bits(1,0,keep_negative=False)", "quantized_bits(1,0)",
    "quantized_bits(1,1,alpha=0.25)", "quantized_relu(6)", "quantized_relu(4,2)", "quantized_relu(8,-1)",
    "quantized_relu(1,1)", "quantized_relu(12,3)", "quantized_relu(6,1,negative_slope=0.25)",
    "quantized_relu(3,0,negative_slope=0.125)", "binary()", "binary(use_01=1)", "binary(alpha=0.75)",
    "binary(1,alpha=2.0)", "ternary()", "ternary(threshold=0.5)", "ternary(alpha=1.0)", "ternary(alpha=0.3,threshold=1.0)",
    "quantized_po2(4)", "quantized_po2(3,1.0)", "quantized_po2(5,2.0)", "quantized_po2(8)", "quantized_po2(2)",
    "quantized_po2(6,0.3)", "quantized_po2(4,None)",
]
FITTED = [f"{name}alpha='{alpha}')" for alpha in ("auto", "auto_po2")
          for name in ("quantized_bits(2,0,", "quantized_bits(4,1,", "quantized_bits(6,0,", "quantized_bits(3,-2,",
                       "quantized_bits(8,2,", "binary(", "binary(1,", "ternary(", "ternary(number_of_unrolls=2,")]


def inputs():
    chance = np.random.default_rng(20240917)
    ties = np.concatenate([(np.arange(-24, 24) + 0.5) * 2.0 ** -f for f in (-3, 0, 2, 3, 5)])
    ends = 2.0 ** np.arange(-24, 8)
    exact = np.concatenate([ties, ends, -ends, [0]]).astype(np.float32)
    beside = [np.nextafter(exact[exact != 0], np.float32(limit)) for limit in (-np.inf, np.inf)]
    filling = 2100 - 3 * len(exact)
    points = np.concatenate([exact, *beside, chance.normal(0, 1, filling), chance.normal(0, 8, 300)]).astype(np.float32)
    weights = chance.normal(0, 0.3, (64, 32)) * 2.0 ** chance.uniform(-3, 3, 32)
    weights[:, 3] = np.abs(weights[:, 3])
    weights[:, 4] = -0.5
    weights[:, 5] = np.where(np.arange(64) == 7, 1.0, 0.0)
    weights[::2, 6] = 0
    return points, weights.astype(np.float32)


def call(text, x):
    """y and dy/dx of a quantizer of QKeras."""
    name = text.split("(")[0]
    text = re.sub(r",-(\d+)", r",tf.constant(-\1.0)", text)  # TensorFlow raises integers to positive powers only
    quantizer = eval(text)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantizer(x)
    gradient = tape.gradient(y, x).numpy()
    if name in STE:
        comma = "" if text.endswith("()") else ","
        return eval(text[:-1] + comma + "use_ste=False)")(x).numpy(), gradient
    scale = np.float32(1) * np.asarray(quantizer.scale, np.float32)
    return np.rint(y.numpy() / np.where(scale == 0, 1, scale)) * scale, gradient


def cases():
    points, weights = inputs()
    for text in POINTS:
        yield text, "points", *call(text, points)
    for text in FITTED:
        yield text, "weights", *call(text, weights)
        y, gradient = call(text, weights.reshape(-1, 1))
        yield text[:-1] + ",per=tensor)", "weights", y.reshape(weights.shape), gradient.reshape(weights.shape)


def main(arguments):
    check = "--check" in arguments
    path, = [argument for argument in arguments if argument != "--check"]
    points, weights = inputs()
    with h5py.File(path, "r" if check else "w", libver=("v110", "v110")) as file:
        bad = count = 0
        if not check:
            packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "track_times": False}
            file.create_dataset("points", data=points, **packed)
            file.create_dataset("weights", data=weights, **packed)
        for count, (text, name, y, dx) in enumerate(cases(), 1):
            assert np.isfinite(y).all() and np.isfinite(dx).all(), text
            if check:
                group = file[f"cases/{count:02}"]
                same = np.array_equal(group["y_dx"], np.stack([y.ravel(), dx.ravel()]).astype(np.float32))
                bad += not (same and group["config"][()].decode() == text)
                continue
            group = file.create_group(f"cases/{count:02}")
            group.create_dataset("config", data=np.bytes_(text), track_times=False)
            group.create_dataset("input", data=np.bytes_(name), track_times=False)
            group.create_dataset("y_dx", data=np.stack([y.ravel(), dx.ravel()]).astype(np.float32), **packed)
    print(f"{count} cases{f', {bad} differ' if check else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
