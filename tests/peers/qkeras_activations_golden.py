"""Golden numbers of activations, powers of two, sampling quantizers when evaluated, and blends: forward and gradient of
QKeras 0.9.0.

    qkeras_activations_golden.py OUT.h5        write the file that tests/quant/test_qkeras_activations.c reads
    qkeras_activations_golden.py --check FILE  make the numbers again and compare them with the file

Environment: requirements-qkeras.txt. The inputs are those of qkeras_golden.py. For /points and for /weights there
is a text <input>_cases with a line for each case, "SHARE QUANTIZER", SHARE being 1 - qnoise_factor, and <input>_y_dx
[cases, 2 n]: y, and dx for dy = 1. y of a blend (share > 0) is what QKeras returns; else it is taken with
use_ste=False, or as the nearest multiple of the scale, because QKeras returns x + (y - x).
"""
import sys

import h5py
import numpy as np
import tensorflow as tf
import qkeras.quantizers as qk

from qkeras_golden import inputs

USE_STE = ("quantized_bits", "quantized_relu", "quantized_po2", "quantized_relu_po2")
# Text of nibble; of QKeras where it differs; the global sigmoid; the input.
POINTS = [
    *[(f"quantized_tanh({a})",) for a in ("8", "4", "6,symmetric=1", "2", "1", "12", "8,use_real_tanh=1",
                                          "5,use_real_tanh=True,symmetric=True", "12,use_real_tanh=1")],
    *[(f"quantized_sigmoid({a})",) for a in ("8", "4", "6,symmetric=1", "1", "2", "12", "8,use_real_sigmoid=1",
                                             "5,use_real_sigmoid=True,symmetric=True", "12,use_real_sigmoid=1")],
    *[(f"{name}({bits},sigmoid={kind})", f"{name}({bits})", kind) for name in ("quantized_tanh", "quantized_sigmoid")
      for bits in (4, 8) for kind in ("smooth", "real")],
    *[(f"quantized_relu({a})",) for a in (
        "6,2,1", "4,0,1", "3,-1,use_sigmoid=1", "8,3,use_sigmoid=True", "6,2,1,0.25", "4,1,1,0.125", "6,1,0,0.0625",
        "8,2,0,0.5", "5,1,0,1.0", "6,3,0,0.0,False,6.0,False", "6,3,relu_upper_bound=6.0", "6,2,is_quantized_clip=False",
        "4,2,relu_upper_bound=1.3,is_quantized_clip=False", "6,3,0,0.25,relu_upper_bound=6.0,is_quantized_clip=False",
        "16,4", "3,3", "4,6", "12,-3")],
    ("quantized_relu(6,2,1,sigmoid=smooth)", "quantized_relu(6,2,1)", "smooth"),
    ("quantized_relu(6,2,1,0.25,sigmoid=real)", "quantized_relu(6,2,1,0.25)", "real"),
    *[(f"quantized_po2({a})",) for a in ("4,quadratic_approximation=1", "5,2.0,quadratic_approximation=True",
                                         "4,log2_rounding='floor'", "6,0.7,log2_rounding='floor'", "7", "3,8.0")],
    *[(f"quantized_relu_po2({a})",) for a in ("4", "3,1.0", "5,2.0", "4,None,0.25", "3,4.0,0.5", "2", "1", "6",
                                              "4,quadratic_approximation=1", "4,log2_rounding='floor'")],
    *[(f"stochastic_binary({a})",) for a in ("", "alpha=0.75", "alpha=2.0,temperature=3.0")],
]
FITTED = [f"{name}(alpha='{alpha}')" for alpha in ("auto", "auto_po2") for name in ("stochastic_binary", "stochastic_ternary")]
FITTED += ["stochastic_ternary(alpha='auto',number_of_unrolls=2)"]
BLENDS = ["quantized_bits(4,1,1,alpha=1.0)", "quantized_bits(6,0,0)", "quantized_bits(1,0,alpha=0.5)", "quantized_relu(4,2)",
          "quantized_relu(6,1,0,0.25)", "quantized_relu(6,3,0,0.0,False,6.0,False)", "quantized_po2(4)",
          "quantized_relu_po2(3,2.0,0.5)"]


def evaluate(text, x):
    """y and dy/dx of a quantizer of QKeras as it stands."""
    quantizer = eval("qk." + text)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantizer(x)
    return y.numpy(), tape.gradient(y, x).numpy(), quantizer


def with_argument(text, argument):
    return text[:-1] + ("" if text.endswith("()") else ",") + argument + ")"


def negative_integer(text):
    """TensorFlow raises integers to positive powers only."""
    name, rest = text.split("(", 1)
    arguments = rest[:-1].split(",")
    if name in USE_STE and len(arguments) > 1 and arguments[1].startswith("-"):
        arguments[1] = f"tf.constant({arguments[1]}.0)"
    return f"{name}({','.join(arguments)})"


def call(text, x):
    name, text = text.split("(")[0], negative_integer(text)
    y, gradient, quantizer = evaluate(text, x)
    if name in USE_STE:
        y = evaluate(with_argument(text, "use_ste=False"), x)[0]
    elif name.startswith("stochastic"):
        scale = np.float32(1) * np.asarray(quantizer.scale, np.float32)
        y = np.rint(y / np.where(scale == 0, 1, scale)) * scale
    return y, gradient


def cases():
    points, weights = inputs()
    tf.keras.backend.set_learning_phase(0)
    for text, *other in POINTS:
        peer, kind = other if other else (text, "hard")
        qk.set_internal_sigmoid(kind)
        yield text, "points", 0.0, *call(peer, points)
    qk.set_internal_sigmoid("hard")
    for text in FITTED:
        yield text, "weights", 0.0, *call(text, weights)
    for text in BLENDS:
        for share, ste in (0.25, True), (0.75, True), (0.25, False):
            full = with_argument(text, f"use_ste={ste}")
            yield full, "points", share, *evaluate(with_argument(full, f"qnoise_factor={1 - share}"), points)[:2]


def main(arguments):
    check = "--check" in arguments
    path, = [argument for argument in arguments if argument != "--check"]
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "track_times": False}
    lines, numbers = {"points": [], "weights": []}, {"points": [], "weights": []}
    for text, name, share, y, dx in cases():
        assert np.isfinite(y).all() and np.isfinite(dx).all(), text
        lines[name].append(f"{share} {text}\n")
        numbers[name].append(np.concatenate([y.ravel(), dx.ravel()]).astype(np.float32))
    bad = 0
    with h5py.File(path, "r" if check else "w", libver=("v110", "v110")) as file:
        for name, x in zip(("points", "weights"), inputs()):
            rows = np.stack(numbers[name])
            if check:
                bad += not (np.array_equal(file[f"{name}_y_dx"], rows) and np.array_equal(file[name], x)
                            and file[f"{name}_cases"][()].decode() == "".join(lines[name]))
                continue
            file.create_dataset(name, data=x, **packed)
            file.create_dataset(f"{name}_cases", data=np.bytes_("".join(lines[name])), track_times=False)
            file.create_dataset(f"{name}_y_dx", data=rows, chunks=(1, rows.shape[1]), **packed)
    print(f"{sum(map(len, lines.values()))} cases{f', {bad} inputs differ' if check else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
