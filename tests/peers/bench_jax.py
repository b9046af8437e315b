"""The strongest that Python has: a whole epoch in one jitted jax.lax.scan, the gather and Adam inside, on one thread.

bench_jax.py         everything in JAX: the shuffle is jax.random.permutation, within the same jitted function
bench_jax.py numpy   the order of the rows comes from NumPy: on a CPU JAX's shuffle, a sort, takes longer than the training
bench_jax.py numpy bits  fake-quantized inputs, kernels, biases and activations as well, with the types of `nibble bench`
"""

import os
import sys

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import functools

import jax
import jax.numpy as jnp
import numpy as np

import bench_worker

LR, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


QUANTIZED = "bits" in sys.argv[1:]


def fake(x, bits, fraction, signed=True):
    """On the grid of fixed<bits, bits - fraction, RND_CONV, SAT>; the gradient passes within the range."""
    if not QUANTIZED:
        return x
    scale = 2.0**fraction
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    inside = jnp.clip(x, lo / scale, hi / scale)
    return inside + jax.lax.stop_gradient(jnp.round(inside * scale) / scale - inside)


def loss_of(weights, x, y):
    x = fake(x, 8, 6)
    for w, b in weights[:-1]:
        x = fake(jnp.maximum(x @ fake(w, 6, 5) + fake(b, 8, 6), 0), 6, 3, signed=False)
    w, b = weights[-1]
    logits = x @ fake(w, 6, 5) + fake(b, 8, 6)
    chosen = jnp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - chosen)


def step(x, y, state, index):
    weights, m, v, t = state
    loss, gradients = jax.value_and_grad(loss_of)(weights, x[index], y[index])
    t = t + 1
    alpha = LR * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
    m = jax.tree.map(lambda a, g: a + (g - a) * (1 - BETA_1), m, gradients)
    v = jax.tree.map(lambda a, g: a + (g * g - a) * (1 - BETA_2), v, gradients)
    weights = jax.tree.map(lambda w, a, b: w - a * alpha / (jnp.sqrt(b) + EPSILON), weights, m, v)
    return (weights, m, v, t), loss


@functools.partial(jax.jit, donate_argnums=0)
def epoch(state, x, y, order):
    state, losses = jax.lax.scan(functools.partial(step, x, y), state, order)
    return state, jnp.mean(losses)


@functools.partial(jax.jit, donate_argnums=0, static_argnums=(4, 5))
def shuffled_epoch(state, x, y, key, steps, batch):
    key, now = jax.random.split(key)
    order = jax.random.permutation(now, x.shape[0])[: steps * batch].reshape(steps, batch)
    return *epoch(state, x, y, order), key


class Jax:
    def __init__(self, net, batch, x, y, shuffle_in_jax):
        self.key = jax.random.key(1) if shuffle_in_jax else None
        self.rng = np.random.default_rng(1)
        weights = []
        for inputs, outputs in zip(net, net[1:]):
            limit = np.sqrt(6 / (inputs + outputs))
            w = self.rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
            weights.append((jnp.asarray(w), jnp.zeros(outputs)))
        zeros = lambda: jax.tree.map(jnp.zeros_like, weights)
        self.state = (weights, zeros(), zeros(), jnp.zeros(()))
        self.x, self.y, self.batch = jnp.asarray(x), jnp.asarray(y), min(batch, len(x))

    def train(self, rows):
        """Whole batches only: the short last one would be a second program."""
        steps = rows // self.batch
        if self.key is not None:
            self.state, loss, self.key = shuffled_epoch(self.state, self.x, self.y, self.key, steps, self.batch)
        else:
            order = self.rng.permutation(len(self.x)).astype(np.int32)[: steps * self.batch]
            self.state, loss = epoch(self.state, self.x, self.y, order.reshape(steps, self.batch))
        loss.block_until_ready()


bench_worker.serve(lambda *what: Jax(*what, shuffle_in_jax="numpy" not in sys.argv[1:]))
