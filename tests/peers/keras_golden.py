"""Golden numbers of training: 100 steps of small nets in tf.keras 2.15 for every loss and every optimizer.

    keras_golden.py OUT.h5        write the file that tests/train/test_keras_golden.c reads
    keras_golden.py --check FILE  make the numbers again and compare them with the file

The file holds, under /data, the rows (shared by all cases); under /initial/<net>/<layer>/<var>, the initial weights;
under /cases/<case>, the nibble config that says the same as the Keras model here (config), the name of its net
(initial), the losses of the first 20 steps (loss) and the weights after the last (final/<layer>/<var>).

Batches are rows 0..15, 16..31, ... in order, ten times over the data: 150 rows make nine batches of 16 and one of 6, so
the short last batch is in the numbers as well. Every case is run in float64 too: the distance between the two says how
far rounding alone carries a result, and a case where that is no small part of the tolerance is refused.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py
import numpy as np
import tensorflow as tf

ROWS, BATCH, EPOCHS = 150, 16, 10
FEATURES, OUTPUTS = 6, 3
SEED = 20240917
ROUNDING_LIMIT = 3e-6  # of the largest element of a tensor; the C test allows 1e-5

LAYERS = tf.keras.layers


# ---------------------------------------------------------------- the nets, in nibble's words and in Keras'

class Net:
    """Layers as (kind, name, options) rows, read twice: into a config and into a Keras model."""

    def __init__(self, *rows):
        self.rows = rows

    def yaml(self):
        lines = ["model:", "  layers:"]
        for kind, name, options in self.rows:
            items = ", ".join(f"{key}: {yaml_value(value)}" for key, value in {"name": name, **options}.items())
            lines.append(f"    - {kind}: {{{items}}}")
        lines.append("  outputs: {y: logits}")
        return lines

    def keras(self):
        made = {}
        last = x = tf.keras.Input((FEATURES,), name="x")
        for kind, name, options in self.rows:
            options = dict(options)
            sources = options.pop("from", None)
            inputs = [made[source] if source != "x" else x for source in sources] if sources else last
            if sources and len(sources) == 1:
                inputs = inputs[0]
            last = made[name] = keras_layer(kind, name, options)(inputs)
        return tf.keras.Model(x, last)


def yaml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(yaml_value(v) for v in value) + "]"
    return repr(value) if isinstance(value, float) else str(value)


def keras_layer(kind, name, o):
    if kind == "dense":
        return LAYERS.Dense(
            o["units"], name=name, use_bias=o.get("use_bias", True),
            kernel_regularizer=tf.keras.regularizers.L1L2(o.get("l1", 0.0), o.get("l2", 0.0)),
            bias_regularizer=tf.keras.regularizers.L1L2(o.get("bias_l1", 0.0), o.get("bias_l2", 0.0)))
    if kind in ("relu", "tanh", "sigmoid"):
        return LAYERS.Activation(kind, name=name)
    if kind == "leaky_relu":
        return LAYERS.LeakyReLU(alpha=o.get("negative_slope", 0.3), name=name)
    if kind == "batch_norm":
        return LAYERS.BatchNormalization(name=name, **o)
    if kind == "add":
        return LAYERS.Add(name=name)
    if kind == "concat":
        return LAYERS.Concatenate(name=name)
    raise ValueError(kind)


def plain(**regularizers):
    return Net(("dense", "fc1", {"units": 8, **regularizers}), ("relu", "relu1", {}),
               ("dense", "fc2", {"units": 5, **regularizers}), ("tanh", "tanh1", {}),
               ("dense", "logits", {"units": OUTPUTS}))


NETS = {
    "plain": plain(),
    "regularized": plain(l1=2e-3, l2=1e-2, bias_l1=1e-3, bias_l2=2e-2),
    # Batch norm behind the activations: a shift straight before one has a gradient of zero but for rounding, which Adam
    # would turn into whole steps.
    "normed": Net(("dense", "fc1", {"units": 8}), ("relu", "relu1", {}), ("batch_norm", "bn1", {}),
                  ("dense", "fc2", {"units": 5, "use_bias": False}), ("tanh", "tanh1", {}),
                  ("batch_norm", "bn2", {"momentum": 0.9, "epsilon": 0.01}),
                  ("dense", "logits", {"units": OUTPUTS})),
    "branched": Net(("dense", "fc1", {"units": 8}), ("leaky_relu", "leaky1", {"negative_slope": 0.1}),
                    ("dense", "fc2", {"units": 8, "from": ["leaky1"]}), ("sigmoid", "sigmoid1", {}),
                    ("add", "add1", {"from": ["leaky1", "sigmoid1"]}),
                    ("concat", "concat1", {"from": ["add1", "x"]}),
                    ("dense", "logits", {"units": OUTPUTS})),
}

# ---------------------------------------------------------------- losses and optimizers: config text, Keras object

K = tf.keras.losses
O = tf.keras.optimizers

LOSSES = {
    "categorical_crossentropy": ("label", "categorical_crossentropy",
                                 lambda: K.SparseCategoricalCrossentropy(from_logits=True)),
    "binary_crossentropy": ("binary", "binary_crossentropy", lambda: K.BinaryCrossentropy(from_logits=True)),
    "mse": ("value", "mse", lambda: K.MeanSquaredError()),
    "mae": ("value", "mae", lambda: K.MeanAbsoluteError()),
    "huber": ("value", "{huber: {delta: 0.6}}", lambda: K.Huber(delta=0.6)),
}


def adamw_kernels(clip):
    optimizer = O.AdamW(0.01, weight_decay=0.05, **clip)
    # What `decay: kernels` spares; Keras itself decays all (adamw_all).
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


OPTIMIZERS = {
    "sgd": ("{sgd: {lr: 0.1}}", lambda clip: O.SGD(0.1, **clip)),
    "momentum": ("{sgd: {lr: 0.02, momentum: 0.9}}", lambda clip: O.SGD(0.02, momentum=0.9, **clip)),
    "nesterov": ("{sgd: {lr: 0.02, momentum: 0.9, nesterov: true}}",
                 lambda clip: O.SGD(0.02, momentum=0.9, nesterov=True, **clip)),
    "rmsprop": ("{rmsprop: {lr: 0.005}}", lambda clip: O.RMSprop(0.005, **clip)),
    "rmsprop_momentum": ("{rmsprop: {lr: 0.002, momentum: 0.8}}",
                         lambda clip: O.RMSprop(0.002, momentum=0.8, **clip)),
    "rmsprop_centered": ("{rmsprop: {lr: 0.002, centered: true}}",
                         lambda clip: O.RMSprop(0.002, centered=True, **clip)),
    "rmsprop_centered_momentum": ("{rmsprop: {lr: 0.001, momentum: 0.5, centered: true}}",
                                  lambda clip: O.RMSprop(0.001, momentum=0.5, centered=True, **clip)),
    "adam": ("{adam: {lr: 0.01}}", lambda clip: O.Adam(0.01, **clip)),
    "amsgrad": ("{adam: {lr: 0.01, amsgrad: true}}", lambda clip: O.Adam(0.01, amsgrad=True, **clip)),
    "adamw": ("{adamw: {lr: 0.01, weight_decay: 0.05, decay: kernels}}", adamw_kernels),
    "adamw_all": ("{adamw: {lr: 0.01, weight_decay: 0.05}}", lambda clip: O.AdamW(0.01, weight_decay=0.05, **clip)),
}


class Case:
    def __init__(self, net="plain", loss="mse", optimizer="sgd", *, loss_text=None, keras_loss=None, weighted=False,
                 class_weight=None, train=(), clip=None, one_hot=False):
        self.net, self.optimizer = net, optimizer
        self.target, text, make = LOSSES[loss]
        self.loss_text, self.make_loss = loss_text or text, keras_loss or make
        self.weighted, self.class_weight, self.one_hot = weighted, class_weight, one_hot
        self.train, self.clip = train, clip or {}

    def yaml(self):
        target = {"label": "data/label", "binary": "data/binary", "value": "data/value"}[self.target]
        return "\n".join([
            "data:", "  source: {file: keras_steps.h5}", "  inputs: {x: {path: data/x, preprocess: none}}",
            f"  targets: {{y: {target}}}", "  validation: {fraction: 0}", *(["  weight: data/weight"] if self.weighted else []),
            *NETS[self.net].yaml(),
            "train:", f"  epochs: {EPOCHS}", f"  batch: {BATCH}", "  shuffle: false", "  monitor: loss",
            f"  optimizer: {OPTIMIZERS[self.optimizer][0]}", f"  loss: {{y: {self.loss_text}}}",
            *[f"  {line}" for line in self.train], ""])


SMOOTHED = dict(loss="categorical_crossentropy", one_hot=True,
                loss_text="{categorical_crossentropy: {label_smoothing: 0.1}}",
                keras_loss=lambda: K.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))
CLASS_WEIGHT = [0.5, 1.0, 2.5]
CLASSED = dict(loss="categorical_crossentropy", class_weight=CLASS_WEIGHT,
               loss_text="{categorical_crossentropy: {class_weight: [0.5, 1.0, 2.5]}}")

CASES = {f"{loss}-{optimizer}": Case(loss=loss, optimizer=optimizer) for loss in LOSSES for optimizer in OPTIMIZERS}
CASES |= {
    "label_smoothing": Case(**SMOOTHED, optimizer="adam"),
    "class_weight": Case(**CLASSED, optimizer="adam"),
    "class_and_sample_weight": Case(**CLASSED, optimizer="momentum", weighted=True),
    "clip_norm": Case(loss="categorical_crossentropy", optimizer="sgd", train=["clip_norm: 0.2"],
                      clip={"global_clipnorm": 0.2}),
    "clip_norm-adam": Case(loss="mse", optimizer="adam", train=["clip_norm: 0.2"], clip={"global_clipnorm": 0.2}),
    "clip_value": Case(loss="categorical_crossentropy", optimizer="momentum", train=["clip_value: 0.03"],
                       clip={"clipvalue": 0.03}),
}
for loss in LOSSES:
    CASES[f"sample_weight-{loss}"] = Case(loss=loss, optimizer="adam", weighted=True)
for optimizer in ("sgd", "momentum", "rmsprop", "adam", "adamw"):
    CASES[f"regularized-{optimizer}"] = Case("regularized", "categorical_crossentropy", optimizer)
    CASES[f"normed-{optimizer}"] = Case("normed", "categorical_crossentropy", optimizer)
CASES["normed-mse"] = Case("normed", "mse", "adam")
CASES["normed-weighted"] = Case("normed", "categorical_crossentropy", "adam", weighted=True)
CASES["branched-sgd"] = Case("branched", "categorical_crossentropy", "sgd")
CASES["branched-adam"] = Case("branched", "binary_crossentropy", "adam")


# ---------------------------------------------------------------- numbers

def make_data():
    """Rows of a small teacher, in float32 for good: all cases and both precisions see the same numbers."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(ROWS, FEATURES))
    hidden = np.tanh(x @ rng.normal(size=(FEATURES, 4)))
    score = hidden @ rng.normal(size=(4, OUTPUTS)) + 0.3 * rng.normal(size=(ROWS, OUTPUTS))
    return {
        "x": x.astype(np.float32),
        "label": score.argmax(1).astype(np.int32),
        "binary": (score > 0).astype(np.float32),
        "value": (0.5 * score).astype(np.float32),
        "weight": rng.uniform(0.2, 2.0, ROWS).astype(np.float32),
    }


def make_initial(model):
    """Initial weights by layer/var. Biases are not zero: a tensor's largest element is what errors are measured by."""
    rng = np.random.default_rng(SEED + 1)
    initial = {}
    for layer in model.layers:
        for weight in layer.weights:
            var = weight.name.split("/")[-1].split(":")[0]
            shape = tuple(weight.shape)
            if var == "kernel":
                value = rng.normal(size=shape) * np.sqrt(1.0 / shape[0])
            elif var in ("gamma", "moving_variance"):
                value = rng.uniform(0.8, 1.2, shape)
            else:
                value = rng.uniform(-0.4, 0.4, shape)
            initial[f"{layer.name}/{var}"] = value.astype(np.float32)
    return initial


def named_weights(model):
    return {f"{layer.name}/{weight.name.split('/')[-1].split(':')[0]}": weight
            for layer in model.layers for weight in layer.weights}


def run(case, data, initial, floatx):
    """100 steps; the losses of the steps and the final weights."""
    tf.keras.backend.clear_session()
    tf.keras.backend.set_floatx(floatx)
    model = NETS[case.net].keras()
    for name, weight in named_weights(model).items():
        weight.assign(initial[name].astype(floatx))
    optimizer = OPTIMIZERS[case.optimizer][1](case.clip)
    loss = case.make_loss()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y, weight):
        with tf.GradientTape() as tape:
            total = tf.add_n([loss(y, model(x, training=True), sample_weight=weight), *model.losses])
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return total

    y = data[case.target]
    if case.one_hot:
        y = np.eye(OUTPUTS)[y]
    weight = data["weight"].astype(floatx) if case.weighted else np.ones(ROWS, floatx)
    if case.class_weight:  # as Model.fit does with class_weight
        weight = (weight * np.asarray(case.class_weight, floatx)[data["label"]]).astype(floatx)
    losses = []
    for _ in range(EPOCHS):
        for first in range(0, ROWS, BATCH):
            part = slice(first, min(first + BATCH, ROWS))
            losses.append(float(step(tf.constant(data["x"][part], floatx),
                                     tf.constant(y[part], tf.int32 if y.dtype == np.int32 else floatx),
                                     tf.constant(weight[part]))))
    return np.array(losses, np.float32), {name: w.numpy() for name, w in named_weights(model).items()}


def distance(a, b):
    """The largest difference of a tensor over its largest element, of the worst tensor."""
    return max(np.abs(a[name].astype(np.float64) - b[name]).max() / np.abs(b[name]).max() for name in b)


def write_text(group, name, text):
    data = text.encode()
    group.create_dataset(name, data=np.array(data, dtype=f"S{len(data)}"))


def make(path):
    data = make_data()
    initial = {name: make_initial(net.keras()) for name, net in NETS.items()}
    worst = refused = 0
    with h5py.File(path, "w", libver=("v108", "v108")) as out:
        for name, value in data.items():
            out[f"data/{name}"] = value
        for net, weights in initial.items():
            for name, value in weights.items():
                out[f"initial/{net}/{name}"] = value
        for name, case in CASES.items():
            losses, final = run(case, data, initial[case.net], "float32")
            _, exact = run(case, data, initial[case.net], "float64")
            rounding = distance(final, exact)
            worst = max(worst, rounding)
            refused += rounding > ROUNDING_LIMIT
            moved = distance(final, initial[case.net])
            print(f"{name:45s} loss {losses[0]:8.5f} -> {losses[-1]:8.5f}  moved {moved:8.2e}  rounding {rounding:8.2e}"
                  f"{'  REFUSED' if rounding > ROUNDING_LIMIT else ''}", flush=True)
            group = out.create_group(f"cases/{name}")
            write_text(group, "config", case.yaml())
            write_text(group, "initial", case.net)
            group["loss"] = losses[:20]
            for weight, value in final.items():
                group[f"final/{weight}"] = value
    print(f"{len(CASES)} cases, {EPOCHS * -(-ROWS // BATCH)} steps each; rounding carries the worst by {worst:.2e}")
    return refused


def check(path):
    data = make_data()
    worst = 0
    with h5py.File(path, "r") as golden:
        for name, value in data.items():
            assert np.array_equal(value, golden[f"data/{name}"][()]), f"data/{name} differs"
        if sorted(golden["cases"]) != sorted(CASES):
            print(f"the cases differ: {sorted(set(golden['cases']) ^ set(CASES))}")
            return 1
        for name, case in CASES.items():
            assert golden[f"cases/{name}/config"][()].decode() == case.yaml(), f"{name}: config differs"
            initial = {w: golden[f"initial/{case.net}/{w}"][()] for w in named_weights(NETS[case.net].keras())}
            _, final = run(case, data, initial, "float32")
            worst = max(worst, distance({w: golden[f"cases/{name}/final/{w}"][()] for w in final}, final))
    print(f"{len(CASES)} cases made again: the largest difference to {path} is {worst:.2e} of a tensor's largest element")
    return int(worst > ROUNDING_LIMIT)


if __name__ == "__main__":
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        sys.exit(1 if make(sys.argv[1]) else 0)
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        sys.exit(check(sys.argv[2]))
    sys.exit(__doc__)
