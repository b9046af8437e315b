"""A .keras file of Keras 3 with its predictions, for tests/tools/test_import.c.

    KERAS_BACKEND=jax python import_keras3_golden.py FOLDER      (requirements-keras3.txt)
"""
import sys

import keras
import numpy as np

keras.utils.set_random_seed(4)
layers = keras.layers
x = keras.Input((6,), name="x")
a = layers.Dense(6, activation="relu", name="fc1")(x)
b = layers.BatchNormalization(name="bn1")(layers.Dense(6, use_bias=False, name="fc2")(x))
s = layers.Add(name="sum1")([a, b])
c = layers.Concatenate(name="cat1")([s, a])
c = layers.LeakyReLU(negative_slope=0.125, name="leaky1")(c)
model = keras.Model(x, layers.Dense(4, activation="softmax", name="out")(c))
rng = np.random.default_rng(5)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
model.fit(rng.normal(size=(512, 6)).astype("f4"), rng.integers(0, 4, 512), epochs=3, batch_size=32, verbose=0)
model.compile()
model.save(f"{sys.argv[1]}/three.keras")
x = rng.normal(size=(64, 6)).astype(np.float32) * 2
np.save(f"{sys.argv[1]}/three-x.npy", x)
np.save(f"{sys.argv[1]}/three-y.npy", np.asarray(model.predict(x, verbose=0), np.float32))
