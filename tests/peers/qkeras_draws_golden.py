"""Golden counts of quantizers that round or sample at random: 100 000 draws for each value, of QKeras 0.9.0 in its
learning phase where it stays on the grid, else probabilities from the definition.

    qkeras_draws_golden.py OUT.txt        write the file that tests/quant/test_draws.c reads
    qkeras_draws_golden.py --check FILE   draw again (another seed) and compare by chi-square; at inference the forms that
                                          round at random must give what those without chance give

Environment: requirements-qkeras.txt. A line "peer QUANTIZER" or "definition QUANTIZER" is followed by a line for each
value x, "X Y COUNT Y COUNT ...", COUNT of 100 000 draws (definition: their expectation). The tensor has one column, in
which the values of the case follow each other again and again, so that all of them share one scale and one deviation.
QKeras rounds relu, tanh and sigmoid at random to half steps, which is off their own grid: definition, as quantized_linear.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

DRAWS = 100_000
CURVE = [-2.3, -0.9, -0.31, -0.05, 0.0, 0.12, 0.4, 0.77, 1.3, 3.0]
GRID = [-3.1, -1.77, -0.61, -0.125, 0.0, 0.06, 0.3125, 0.9, 1.6, 2.4]
PEER = [(f"{name}({arguments})", CURVE) for name in ("stochastic_binary", "bernoulli")
        for arguments in ("", "alpha=0.5", "temperature=2.0", "alpha='auto'", "alpha='auto_po2'",
                          "alpha='auto_po2',temperature=1.5,use_real_sigmoid=False")]
PEER += [(f"stochastic_ternary({arguments})", CURVE) for arguments in
         ("alpha='auto'", "alpha='auto_po2'", "alpha='auto_po2',temperature=3.0", "alpha='auto',use_real_sigmoid=False")]
PEER += [(f"quantized_bits({arguments},use_stochastic_rounding=True)", GRID)
         for arguments in ("4,1", "4,1,1", "6,0,0,False", "3,2", "4,1,alpha=0.5")]
PEER += [(f"quantized_po2({arguments})", GRID) for arguments in ("4,use_stochastic_rounding=True", "5,2.0,True")]
PEER += [(f"quantized_relu_po2({arguments})", GRID) for arguments in ("4,use_stochastic_rounding=True", "4,4.0,0.5,True")]


def grid_levels(v, first, last, step):
    """Level and probability of v steps, rounded at random and then clipped."""
    low = np.floor(v)
    levels = {}
    for level, p in ((low, 1 - (v - low)), (low + 1, v - low)):
        level = float(np.clip(level, first, last)) * step
        levels[level] = levels.get(level, 0) + p
    return levels


def relu(x, bits, integer):
    return grid_levels(max(x, 0) * 2.0 ** (bits - integer), 0, 2 ** bits - 1, 2.0 ** (integer - bits))


def tanh(x, bits, real):
    p = np.tanh(x) if real else np.clip(x, -1, 1)
    return grid_levels(p * 2.0 ** (bits - 1), -2 ** (bits - 1), 2 ** (bits - 1) - 1, 2.0 ** (1 - bits))


def sigmoid(x, bits, real):
    p = 1 / (1 + np.exp(-x)) if real else np.clip(x / 2 + 0.5, 0, 1)
    return grid_levels(p * 2.0 ** bits, 0, 2 ** bits - 1, 2.0 ** -bits)


def linear(x, bits, integer):
    step, last = 2.0 ** (integer - bits + 1), 2 ** (bits - 1) - 1
    return grid_levels(np.clip(x / step, -last, last), -last, last, step)


DEFINITION = [
    ("quantized_relu(4,1,use_stochastic_rounding=True)", GRID, lambda x: relu(x, 4, 1)),
    ("quantized_relu(6,0,0,0.0,True)", GRID, lambda x: relu(x, 6, 0)),
    ("quantized_tanh(4,True)", CURVE, lambda x: tanh(x, 4, False)),
    ("quantized_tanh(5,True,use_real_tanh=True)", CURVE, lambda x: tanh(x, 5, True)),
    ("quantized_sigmoid(4,use_stochastic_rounding=True)", CURVE, lambda x: sigmoid(x, 4, False)),
    ("quantized_sigmoid(6,False,True,True)", CURVE, lambda x: sigmoid(x, 6, True)),
    ("quantized_linear(4,1,use_stochastic_rounding=True)", GRID, lambda x: linear(x, 4, 1)),
]


def draw(text, values):
    """Counts of what QKeras returns for each value."""
    import qkeras.quantizers as qk
    import tensorflow as tf
    tf.keras.backend.set_learning_phase(1)
    x = np.tile(np.array(values, np.float32), DRAWS)[:, None]
    quantizer = eval("qk." + text)
    y = quantizer(tf.constant(x)).numpy()
    # QKeras returns x + (y - x): back to the levels. Powers of two are far apart.
    if "po2(" in text.split("alpha")[0]:
        y = np.sign(y) * 2.0 ** np.rint(np.log2(np.abs(y)))
    else:
        step = 0.5 if "ternary" in text or "binary" in text or "bernoulli" in text else 2.0 ** -10
        scale = float(np.ravel(quantizer.scale)[0]) * step
        y = np.rint(y / scale) * scale
    y = y.astype(np.float32).reshape(DRAWS, len(values))
    return [{float(level): int(count) for level, count in zip(*np.unique(column, return_counts=True))} for column in y.T]


def lines(seed):
    import tensorflow as tf
    tf.random.set_seed(seed)
    for text, values in PEER:
        yield "peer", text, values, draw(text, values)
    for text, values, levels in DEFINITION:
        counts = [{y: p * DRAWS for y, p in levels(float(np.float32(x))).items() if p > 0} for x in values]
        yield "definition", text, values, counts


def write(path):
    with open(path, "w") as out:
        for kind, text, values, counts in lines(20240920):
            out.write(f"{kind} {text}\n")
            for x, count in zip(values, counts):
                shown = " ".join(f"{y!r} {n:.10g}" for y, n in sorted(count.items()))
                out.write(f"{float(np.float32(x))!r} {shown}\n")
    return 0


def read(path):
    found, text = {}, None
    for line in open(path):
        words = line.split()
        if words[0] in ("peer", "definition"):
            text = words[1]
            found[text] = []
        else:
            numbers = [float(word) for word in words[1:]]
            found[text].append(dict(zip(numbers[::2], numbers[1::2])))
    return found


INFERENCE = [("quantized_bits(4,1,use_stochastic_rounding=True)", "quantized_bits(4,1)"),
             ("quantized_bits(6,0,0,False,use_stochastic_rounding=True)", "quantized_bits(6,0,0,False)"),
             ("quantized_relu(4,1,use_stochastic_rounding=True)", "quantized_relu(4,1)"),
             ("quantized_tanh(4,True)", "quantized_tanh(4)"),
             ("quantized_sigmoid(4,use_stochastic_rounding=True)", "quantized_sigmoid(4)"),
             ("quantized_po2(4,use_stochastic_rounding=True)", "quantized_po2(4)"),
             ("quantized_relu_po2(4,4.0,0.5,True)", "quantized_relu_po2(4,4.0,0.5)"),
             ("stochastic_binary(alpha=0.5)", "binary(alpha=0.5)")]


def check_inference():
    """QKeras without chance: tests/quant/test_draws.c demands the same of nibble."""
    import qkeras.quantizers as qk
    import tensorflow as tf
    tf.keras.backend.set_learning_phase(0)
    x = tf.constant(np.concatenate([np.arange(-512, 513) / 128, np.random.default_rng(3).normal(0, 1.5, 1500)]), tf.float32)
    bad = 0
    for chance, plain in INFERENCE:
        a, b = [eval("qk." + text, {"qk": qk})(x[:, None]).numpy() for text in (chance, plain)]
        if not np.array_equal(a, b):
            bad += 1
            print(chance, "at inference is not", plain, np.sum(a != b), "of", a.size)
    print(f"{len(INFERENCE)} at inference, {bad} differ")
    return bad


def check(path):
    """Two samples of one distribution: the sum of (a - b)^2 / (a + b) is below 40 for the few levels here."""
    found, bad = read(path), 0
    for kind, text, _, counts in lines(7):
        for a, b in zip(counts, found[text]):
            levels = set(a) | set(b)
            statistic = sum((a.get(y, 0) - b.get(y, 0)) ** 2 / (a.get(y, 0) + b.get(y, 0)) for y in levels)
            if statistic > (40 if kind == "peer" else 1e-6):
                bad += 1
                print(text, a, b, statistic)
    print(f"{len(found)} cases, {bad} values differ")
    return bad + check_inference()


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    sys.exit((check if "--check" in sys.argv else write)(*arguments))
