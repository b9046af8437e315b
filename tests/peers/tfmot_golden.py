"""Golden numbers of pruning: masks and schedules of TFMOT 0.8.1.

    tfmot_golden.py OUT.h5        write the file that tests/prune/test_tfmot_golden.c reads
    tfmot_golden.py --check FILE  make the numbers again and compare them with the file

Environment: requirements-tfmot.txt. In the file:

    /masks          for every case the criterion and its options as nibble writes them, a row of the table (sparsity,
                    rows, cols), and the weights and the mask, all cases one after the other
    /counts         n, s and k: how many of n different weights the mask of ConstantSparsity(s) keeps
    /runs/<number>  a real training run of two layers with prune_low_magnitude: schedule, criterion and their options,
                    target, kept [steps, layers] weights after every step, and for every step that made masks: step, and
                    per layer the weights it saw and the mask it made
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl

sparsity = tfmot.sparsity.keras


def mask_of(weights, s, block=(1, 1), pool="AVG", m_by_n=None):
    schedule = sparsity.ConstantSparsity(s, 0, frequency=1)
    pruning = pruning_impl.Pruning(training_step_fn=lambda: tf.constant(1), pruning_vars=[], pruning_schedule=schedule,
                                   block_size=list(block), block_pooling_type=pool, sparsity_m_by_n=m_by_n)
    return pruning._maybe_update_block_mask(tf.constant(weights))[1].numpy()


def weights_of(rng, shape, levels):
    """Normal weights; with `levels` rounded to that step, so that many are equal and many are zero."""
    w = rng.normal(size=shape).astype(np.float32)
    return w if not levels else (np.round(w / levels) * levels).astype(np.float32)


def mask_cases():
    rng = np.random.default_rng(6)
    for w, s in [([[.1, -.2, .2, .2, -.5, .05, .3, .2]], .5), ([[0, 0, 0, 1]], .25), ([[.1, .2, .3, .4, .5]], .5),
                 ([[.1, .2, .3]], .99)]:
        w = np.array(w, np.float32)
        yield "magnitude", "", s, w, mask_of(w, s)
    for shape in [(16, 64), (64, 32), (7, 5), (1, 10)]:
        for s in (0.0, 0.1, 0.5, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99):
            for levels in (None, 0.25, 1.0):
                w = weights_of(rng, shape, levels)
                yield "magnitude", "", s, w, mask_of(w, s)
    for shape in [(16, 12), (13, 7), (9, 10)]:
        for block in [(4, 1), (1, 4), (2, 2), (3, 4)]:
            for pool in ("AVG", "MAX"):
                for s in (0.5, 0.75, 0.9):
                    w = weights_of(rng, shape, None)
                    options = f"{{rows: {block[0]}, cols: {block[1]}, pool: {'max' if pool == 'MAX' else 'average'}}}"
                    yield "block", options, s, w, mask_of(w, s, block, pool)
    for shape in [(16, 12), (13, 7), (5, 3)]:
        for zeros, group in [(2, 4), (1, 4), (3, 4), (1, 2), (4, 8)]:
            for levels in (None, 0.5):
                w = weights_of(rng, shape, levels)
                yield "n_m", f"{{group: {group}}}", zeros / group, w, mask_of(w, 0.5, m_by_n=(zeros, group))


def counts():
    rows = []
    for n in [*range(1, 41), 50, 100, 160, 512, 1000, 1024, 2048]:
        w = np.arange(1, n + 1, dtype=np.float32)[None, :]
        rows += [(n, s, int(mask_of(w, s).sum())) for s in (0.15, 0.25, 0.5, 0.65, 0.85, 0.95)]
    return np.array(rows, np.float64)


class Recorder(tf.keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.kept, self.step, self.weights, self.masks = [], [], [], []
        self.last = None

    def layers(self):
        return [layer for layer in self.model.layers if hasattr(layer, "pruning_vars") and layer.pruning_vars]

    def on_train_batch_begin(self, batch, logs=None):
        self.before = [layer.pruning_vars[0][0].numpy() for layer in self.layers()]

    def on_train_batch_end(self, batch, logs=None):
        masks = [layer.pruning_vars[0][1].numpy() for layer in self.layers()]
        thresholds = [float(layer.pruning_vars[0][2].numpy()) for layer in self.layers()]
        self.kept.append([int(m.sum()) for m in masks])
        if self.last is None or thresholds != self.last:  # made anew: the threshold moves with the weights
            self.step.append(len(self.kept))
            self.weights.append(self.before)
            self.masks.append(masks)
        self.last = thresholds


def train(schedule, steps, **kwargs):
    rng = np.random.default_rng(8)
    tf.keras.utils.set_random_seed(3)
    x = rng.normal(size=(640, 12)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    net = tf.keras.Sequential([tf.keras.layers.Dense(20, activation="relu", input_shape=(12,)), tf.keras.layers.Dense(4)])
    net = sparsity.prune_low_magnitude(net, pruning_schedule=schedule, **kwargs)
    net.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    recorder = Recorder()
    net.fit(x, y, batch_size=32, epochs=-(-steps // 20), shuffle=False, verbose=0,
            callbacks=[sparsity.UpdatePruningStep(), recorder])
    if all(m.all() for m in recorder.masks[0]):  # the thresholds before the first update are no update
        for part in (recorder.step, recorder.weights, recorder.masks):
            part.pop(0)
    return recorder


def runs():
    def constant(s, begin, frequency, end=-1):
        return sparsity.ConstantSparsity(s, begin, end, frequency=frequency)

    for schedule, options, criterion, its_options, target, made, extra in [
            ("polynomial", "{begin: 0, end: 60, frequency: 4}", "magnitude", "", .8,
             sparsity.PolynomialDecay(0.0, .8, 0, 60, frequency=4), {}),
            ("polynomial", "{begin: 3, end: 50, frequency: 10, initial: 0.25, power: 1}", "magnitude", "", .9,
             sparsity.PolynomialDecay(.25, .9, 3, 50, power=1, frequency=10), {}),
            ("constant", "{begin: 10, frequency: 15}", "magnitude", "", .75, constant(.75, 10, 15), {}),
            ("constant", "{begin: 0, end: 30, frequency: 7}", "magnitude", "", .95, constant(.95, 0, 7, 30), {}),
            ("constant", "{begin: 5, frequency: 20}", "block", "{rows: 3, cols: 2, pool: max}", .6, constant(.6, 5, 20),
             {"block_size": (3, 2), "block_pooling_type": "MAX"}),
            ("constant", "{begin: 5, frequency: 20}", "n_m", "{group: 4}", .5, constant(.6, 5, 20),
             {"sparsity_m_by_n": (2, 4)})]:
        yield schedule, options, criterion, its_options, target, train(made, 80, **extra)


def collect():
    """Everything by path."""
    made = {}
    cases = list(mask_cases())
    made["masks/criterion"] = np.array([c[0] for c in cases], "S")
    made["masks/options"] = np.array([c[1] or "{}" for c in cases], "S")
    made["masks/table"] = np.array([(c[2], *c[3].shape) for c in cases], np.float64)
    made["masks/weights"] = np.concatenate([c[3].ravel() for c in cases]).astype(np.float32)
    made["masks/mask"] = np.concatenate([c[4].ravel() for c in cases]).astype(np.float32)
    made["counts"] = counts()
    for count, (schedule, options, criterion, its_options, target, recorder) in enumerate(runs(), 1):
        path = f"runs/{count}"
        made[f"{path}/text"] = np.array([schedule, options, criterion, its_options or "{}"], "S")
        made[f"{path}/target"] = np.array([target], np.float64)
        made[f"{path}/kept"] = np.array(recorder.kept, np.float64)
        made[f"{path}/step"] = np.array(recorder.step, np.float64)
        for layer in range(2):
            made[f"{path}/{layer}/shape"] = np.array(recorder.weights[0][layer].shape, np.float64)
            made[f"{path}/{layer}/weights"] = np.stack([w[layer].ravel() for w in recorder.weights]).astype(np.float32)
            made[f"{path}/{layer}/masks"] = np.stack([m[layer].ravel() for m in recorder.masks]).astype(np.float32)
    return made


def main(arguments):
    check = arguments[0] == "--check"
    made = collect()
    bad = 0
    with h5py.File(arguments[-1], "r" if check else "w", libver=("v108", "v110")) as file:
        for path, value in made.items():
            if check:
                bad += path not in file or not np.array_equal(np.asarray(file[path][()]), np.asarray(value))
            else:
                # The index of a chunked dataset takes more room than a small one itself.
                packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if np.asarray(value).nbytes > 4096 else {}
                file.create_dataset(path, data=value, track_times=False, **packed)
    print(f"{len(made)} numbers and arrays{f', {bad} differ' if check else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
