"""Golden numbers of fixed-point types: forward and gradient of HGQ2 0.2.0.

    hgq2_golden.py OUT.h5        write the file that tests/quant/test_hgq2_golden.c reads
    hgq2_golden.py --check FILE  make the numbers again and compare them with the file

Environment: requirements-hgq2.txt. HGQ2 runs in float64, but Keras' floor rounds to float32 first, so floor(v + 0.5) is 1
for 0.49999997: the test leaves out the points where v + 0.5 is no float. The file has /points [n], /cases, a line for each case "TRAINING QUANTIZER" (1: as HGQ2 trains, where WRAP only rounds), and
/y_dx [cases, 2 n]: y, and dx for dy = 1.
"""
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import h5py
import jax
import keras
import numpy as np

keras.config.set_floatx("float64")

from hgq.quantizer import Quantizer, QuantizerConfig

# k (1: signed), i (the sign not counted), f
WIDTHS = [(1, 0, 3), (1, 1, 2), (1, 2, 5), (1, -1, 5), (1, 5, -2), (0, 0, 6), (0, 2, 2), (0, 3, -1), (1, 7, 8), (1, 0, 1)]
MODES = [(rounding, overflow) for rounding in ("RND", "RND_CONV", "TRN") for overflow in ("SAT", "SAT_SYM", "WRAP")]


def points():
    chance = np.random.default_rng(20240918)
    ties = np.concatenate([(np.arange(-40, 40) + 0.5) * 2.0 ** -f for f in (-2, 0, 1, 2, 3, 5, 6, 8)])
    ends = 2.0 ** np.arange(-12, 10)
    exact = np.concatenate([ties, ends, -ends, [0]]).astype(np.float32)
    exact = np.unique(exact)
    beside = [np.nextafter(exact[exact != 0], np.float32(limit)) for limit in (-np.inf, np.inf)]
    return np.concatenate([exact, *beside, chance.normal(0, 1, 300), chance.normal(0, 20, 300)]).astype(np.float32)


def text_of(k, i, f, rounding, overflow):
    return f"{'' if k else 'u'}fixed<{k + i + f},{k + i},{rounding},{overflow}>"


def cases():
    x = points().astype(np.float64)
    for k, i, f in WIDTHS:
        for rounding, overflow in MODES:
            config = QuantizerConfig("kif", "weight", k0=k, i0=i, f0=f, round_mode=rounding, overflow_mode=overflow,
                                     trainable=False, heterogeneous_axis=(), homogeneous_axis=None, ic=None, fc=None)
            quantizer = Quantizer(config, dtype="float64")
            quantizer.build(x.shape)
            gradient = jax.grad(lambda v: quantizer(v, training=True).sum())(x)
            text = text_of(k, i, f, rounding, overflow)
            yield f"0 {text}", np.asarray(quantizer(x, training=False)), np.asarray(gradient)
            if overflow == "WRAP":
                yield f"1 fixed('{text}', wrap_in_training=False)", np.asarray(quantizer(x, training=True)), np.asarray(gradient)


def main(arguments):
    check = "--check" in arguments
    path, = [argument for argument in arguments if argument != "--check"]
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "track_times": False}
    lines, rows = [], []
    for line, y, dx in cases():
        assert np.isfinite(y).all() and np.array_equal(y, y.astype(np.float32)), line
        lines.append(line + "\n")
        rows.append(np.concatenate([y, dx]).astype(np.float32))
    bad = 0
    with h5py.File(path, "r" if check else "w", libver=("v110", "v110")) as file:
        if check:
            bad = not (np.array_equal(file["y_dx"], np.stack(rows)) and np.array_equal(file["points"], points())
                       and file["cases"][()].decode() == "".join(lines))
        else:
            file.create_dataset("points", data=points(), **packed)
            file.create_dataset("cases", data=np.bytes_("".join(lines)), track_times=False)
            file.create_dataset("y_dx", data=np.stack(rows), chunks=(1, len(rows[0])), **packed)
    print(f"{len(lines)} cases of {len(points())} points{', NOT the same' if bad else ', the same' if check else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
