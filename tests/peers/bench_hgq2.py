"""HGQ2's fit (Keras 3 on JAX) on one thread, its defaults: the bits of kernels, biases and inputs of layers are learned."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import keras
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDense

import bench_worker


class Hgq2:
    portion = 50000

    def __init__(self, net, batch, x, y):
        keras.utils.set_random_seed(1)
        with QuantizerConfigScope(default_q_type="kbi"), LayerConfigScope(enable_ebops=True, beta0=1e-6):
            layers = [QDense(width, activation="relu") for width in net[1:-1]] + [QDense(net[-1])]
            self.model = keras.Sequential([keras.Input((net[0],)), *layers])
        self.model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.x, self.y, self.batch = x, y, batch

    def train(self, rows):
        self.model.fit(self.x[:rows], self.y[:rows], batch_size=self.batch, epochs=1, verbose=0)


bench_worker.serve(Hgq2)
