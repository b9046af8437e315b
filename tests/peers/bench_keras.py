"""tf.keras' fit on one thread. TensorFlow flushes denormals in its own threads."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import tensorflow as tf

import bench_worker


class Keras:
    portion = 50000

    def __init__(self, net, batch, x, y):
        tf.keras.utils.set_random_seed(1)
        hidden = [tf.keras.layers.Dense(width, activation="relu") for width in net[1:-1]]
        self.model = tf.keras.Sequential(hidden + [tf.keras.layers.Dense(net[-1])])
        self.model.compile(tf.keras.optimizers.Adam(), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.x, self.y, self.batch = x, y, batch

    def train(self, rows):
        self.model.fit(self.x[:rows], self.y[:rows], batch_size=self.batch, epochs=1, verbose=0)


tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
bench_worker.serve(Keras)
