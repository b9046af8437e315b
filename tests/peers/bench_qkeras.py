"""QKeras' fit on one thread: kernels of 6 bits, biases of 8, activations of 6, inputs of 8, as in `nibble bench`."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import tensorflow as tf
from qkeras import QActivation, QDense

import bench_worker


class QKeras:
    portion = 50000

    def __init__(self, net, batch, x, y):
        tf.keras.utils.set_random_seed(1)
        layers = [tf.keras.Input((net[0],)), QActivation("quantized_bits(8, 1, alpha=1)")]
        for place, width in enumerate(net[1:]):
            layers.append(
                QDense(
                    width,
                    kernel_quantizer="quantized_bits(6, 0, alpha=1)",
                    bias_quantizer="quantized_bits(8, 1, alpha=1)",
                )
            )
            if place < len(net) - 2:
                layers.append(QActivation("quantized_relu(6, 3)"))
        self.model = tf.keras.Sequential(layers)
        self.model.compile(tf.keras.optimizers.Adam(), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.x, self.y, self.batch = x, y, batch

    def train(self, rows):
        self.model.fit(self.x[:rows], self.y[:rows], batch_size=self.batch, epochs=1, verbose=0)


tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
bench_worker.serve(QKeras)
