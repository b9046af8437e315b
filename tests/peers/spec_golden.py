"""Golden numbers of quantizers that no released peer here has: quantized_linear (QKeras after 0.9.0) and learned_scale
(Brevitas), by an independent Python of their definitions. NOT numbers of a peer.

    spec_golden.py OUT.h5        write the file that tests/quant/test_spec_golden.c reads
    spec_golden.py --check FILE  make the numbers again and compare them with the file

Environment: numpy and h5py. The file holds /points [n, 1] and /weights [64, 32], and for each of them, and for each
kind (linear, learned), <input>_<kind>_cases, a line of text for each case, and <input>_<kind>_y_dx [cases, 2 n]: y, and
dx for dy = 1 + (element mod 3) / 2. learned has <input>_learned_scales [cases, channels] and _ds, too: the scales and
their gradients; scales of one per tensor stand in the first column.

quantized_linear: s = alpha 2^(integer - bits + keep_negative); levels -2^u + symmetric (0: unsigned) to 2^u - 1 with
u = bits - keep_negative; v = clip(x / s) before rounding half to even; one signed bit: -1/2 and 1/2. Gradient 1 where
x / s is within the levels. auto: s = 2 max|x| / (last - first level), unsigned max x / last level, at least 1e-7, for each
column; auto_po2: that as a power of two, then up to 5 (signed one bit: 1) rounds of s = 2^round(log2(<x q> / <q q>)).
learned_scale: y = s clip(round(x / s)); in range (rounded) dx = dy, ds += dy (round(x/s) - x/s); else 0, dy * end.
"""
import sys

import h5py
import numpy as np

F = np.float32
EPSILON = 1e-7


def inputs():
    chance = np.random.default_rng(20240919)
    ties = np.concatenate([(np.arange(-32, 32) + 0.5) * 2.0 ** -f for f in (-2, 0, 2, 3, 5)])
    ends = 2.0 ** np.arange(-20, 8)
    exact = np.concatenate([ties, ends, -ends, [0]]).astype(F)
    beside = [np.nextafter(exact[exact != 0], F(limit)) for limit in (-np.inf, np.inf)]
    points = np.concatenate([exact, *beside, chance.normal(0, 1, 700), chance.normal(0, 8, 300)]).astype(F)[:, None]
    weights = chance.normal(0, 0.3, (64, 32)) * 2.0 ** chance.uniform(-3, 3, 32)
    weights[:, 3] = np.abs(weights[:, 3])
    weights[:, 4] = -0.5
    weights[:, 5] = np.where(np.arange(64) == 7, 1.0, 0.0)
    weights[::2, 6] = 0
    return {"points": points, "weights": weights.astype(F)}


def slopes(x):
    return (1 + np.arange(x.size) % 3 / 2).reshape(x.shape)


def power_of_two(v):
    return 2.0 ** np.rint(np.log2(v + EPSILON))


def linear(x, bits=8, integer=0, symmetric=1, keep_negative=1, alpha=None, per="channel"):
    u = bits - keep_negative
    is_sign = keep_negative and bits == 1
    first, last = (-2.0 ** u + symmetric if keep_negative else 0.0, 2.0 ** u - 1) if not is_sign else (-0.5, 0.5)
    axis = (0, 1) if per == "tensor" else 0

    def levels(s):
        v = (x / s.astype(F)).astype(F)
        return np.where(x < 0, -0.5, 0.5) if is_sign else np.rint(np.clip(v, F(first), F(last))).astype(np.float64)

    if alpha in ("auto", "auto_po2"):
        size = np.abs(x) if keep_negative else x
        largest = np.max(size, axis=axis, keepdims=True)
        s = np.maximum(F(2 if keep_negative else 1) * np.maximum(largest, 0) / F(last - first), F(EPSILON)).astype(F)
        if alpha == "auto_po2":
            s = power_of_two(s.astype(np.float64)).astype(F)
            for _ in range(1 if is_sign else 5):
                before, q = s, levels(s)
                fit = np.mean(x.astype(np.float64) * q, axis=axis, keepdims=True)
                fit /= np.mean(q * q, axis=axis, keepdims=True) + EPSILON
                s = power_of_two(fit).astype(F)
                s = np.where(s == before, before, s)
    else:
        s = np.full((1, 1), F(alpha or 1.0) * F(2.0 ** (integer - u)), F)
    v = (x / s).astype(F)
    y = s * levels(s).astype(F)
    return y.astype(F), slopes(x) * ((v >= F(first)) & (v <= F(last)))


def learned(x, scales, bits=8, signed=1, narrow=1, per="tensor", snap=False):
    first = -2.0 ** (bits - 1) + narrow if signed else 0.0
    last = 2.0 ** (bits - 1) - 1 if signed else 2.0 ** bits - 1 - narrow
    s, slope = scales.astype(F)[None, :], 1.0
    if snap:
        used = (2.0 ** np.rint(np.log2(s.astype(np.float64)))).astype(F)
        slope, s = used.astype(np.float64) / s, used
    v = (x / s).astype(F)
    code, dy = np.rint(v), slopes(x)
    below, above = code < first, code > last
    y = s * np.clip(code, first, last).astype(F)
    each = dy * slope * np.where(below, first, np.where(above, last, (code - v).astype(F).astype(np.float64)))
    ds = each.sum(keepdims=True).ravel() if per == "tensor" else each.sum(axis=0)
    return y.astype(F), dy * ~(below | above), ds


LINEAR = {
    "points": [dict(bits=4, integer=1), dict(), dict(bits=6, integer=2, symmetric=0), dict(bits=2), dict(bits=1, integer=1),
               dict(bits=1, keep_negative=0), dict(bits=5, integer=2, keep_negative=0), dict(bits=3, integer=-1, alpha=3.0),
               dict(bits=4, integer=1, alpha=0.25), dict(bits=12, integer=3), dict(bits=4, integer=6),
               dict(bits=6, integer=0, symmetric=0, alpha=0.3), dict(bits=1, alpha=0.7), dict(bits=16, integer=4)],
    "weights": [dict(bits=bits, alpha=alpha, **more) for alpha in ("auto", "auto_po2")
                for bits, more in ((4, {}), (8, {}), (2, {}), (1, {}), (6, dict(symmetric=0)), (4, dict(keep_negative=0)),
                                   (3, dict(per="tensor")), (1, dict(per="tensor")))],
}
LEARNED = {
    "points": [(dict(bits=4), 0.25), (dict(bits=4, narrow=0), 0.37), (dict(bits=8), 0.0371), (dict(bits=2), 1.0),
               (dict(bits=3, signed=0, narrow=0), 0.5), (dict(bits=6, signed=0), 0.11), (dict(bits=4, snap=True), 0.3),
               (dict(bits=5, snap=True), 0.0442)],
    "weights": [(dict(bits=4, per="channel"), None), (dict(bits=3, narrow=0, per="channel"), None),
                (dict(bits=6, per="channel", snap=True), None), (dict(bits=4), 0.07),
                (dict(bits=4, signed=0, narrow=0, per="channel"), None)],
}


def text_of(name, options):
    words = {"narrow": "narrow_range", "snap": "snap"}
    shown = [f"{words.get(key, key)}={'po2' if value is True else value}" for key, value in options.items()]
    return f"{name}({', '.join(shown)})"


def datasets():
    made = {}
    for name, x in inputs().items():
        made[name] = x
        rows = [np.concatenate([part.ravel() for part in linear(x, **options)]) for options in LINEAR[name]]
        made[f"{name}_linear_cases"] = "".join(text_of("quantized_linear", options) + "\n" for options in LINEAR[name])
        made[f"{name}_linear_y_dx"] = np.stack(rows).astype(F)
        rows, all_scales, all_ds = [], [], []
        for options, scale in LEARNED[name]:
            channels = x.shape[1]
            per_channel = options.get("per") == "channel"
            scales = (0.02 * 1.21 ** np.arange(channels) if per_channel else np.array([scale])).astype(F)
            y, dx, ds = learned(x, scales, **options)
            rows.append(np.concatenate([y.ravel(), dx.ravel()]))
            all_scales.append(np.resize(scales, channels))
            all_ds.append(np.resize(ds, channels))
        made[f"{name}_learned_cases"] = "".join(text_of("learned_scale", options) + "\n" for options, _ in LEARNED[name])
        made[f"{name}_learned_y_dx"] = np.stack(rows).astype(F)
        made[f"{name}_learned_scales"] = np.stack(all_scales).astype(F)
        made[f"{name}_learned_ds"] = np.stack(all_ds).astype(F)
    return made


def main(arguments):
    check = "--check" in arguments
    path, = [argument for argument in arguments if argument != "--check"]
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "track_times": False}
    bad = count = 0
    with h5py.File(path, "r" if check else "w", libver=("v110", "v110")) as file:
        for name, data in datasets().items():
            text = isinstance(data, str)
            count += data.count("\n") if text else 0
            if check:
                bad += file[name][()].decode() != data if text else not np.array_equal(file[name], data)
            elif text:
                file.create_dataset(name, data=np.bytes_(data), track_times=False)
            else:
                assert np.isfinite(data).all(), name
                file.create_dataset(name, data=data, **packed)
    print(f"{count} cases{f', {bad} datasets differ' if check else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
