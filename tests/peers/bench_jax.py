"""The strongest that Python has: a whole epoch in one jitted jax.lax.scan, the gather and Adam inside, on one thread."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import functools

import jax
import jax.numpy as jnp
import numpy as np

import bench_worker

LR, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


def loss_of(weights, x, y):
    for w, b in weights[:-1]:
        x = jnp.maximum(x @ w + b, 0)
    w, b = weights[-1]
    logits = x @ w + b
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


class Jax:
    def __init__(self, net, batch, x, y):
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
        order = self.rng.permutation(len(self.x)).astype(np.int32)[: rows // self.batch * self.batch]
        self.state, loss = epoch(self.state, self.x, self.y, order.reshape(-1, self.batch))
        loss.block_until_ready()


bench_worker.serve(Jax)
