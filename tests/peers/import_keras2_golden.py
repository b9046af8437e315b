"""Models of tf.keras 2.15, QKeras 0.9.0 and TFMOT 0.8.1 with their predictions, for tests/tools/test_import.c.

    python import_keras2_golden.py WHAT FOLDER      WHAT: keras (requirements-keras2.txt), qkeras
                                                    (requirements-qkeras.txt) or tfmot (requirements-tfmot.txt)

Each model is trained for a few steps, so that moving statistics and masks are not what they begin with. <name>.npy
holds 64 rows of inputs and <name>-y.npy the predictions.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np

if sys.argv[1] == "qkeras":
    import qkeras as q  # in front of Keras: it decides which one that is
from tensorflow import keras

ROWS, WIDTH = 64, 6


def rows(seed):
    return np.random.default_rng(seed).normal(size=(ROWS, WIDTH)).astype(np.float32) * 2


def fit(model, loss, width, callbacks=(), epochs=3):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(512, WIDTH)).astype(np.float32)
    y = rng.integers(0, width, 512) if loss.startswith("sparse") else rng.normal(size=(512, width))
    model.compile(optimizer="adam", loss=loss)
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=0, callbacks=list(callbacks))


def keep(model, folder, name, predict=None):
    x = rows(len(name))
    np.save(f"{folder}/{name}-x.npy", x)
    np.save(f"{folder}/{name}-y.npy", np.asarray((predict or model).predict(x, verbose=0), np.float32))


def chain():
    layers = keras.layers
    return keras.Sequential([
        keras.Input((WIDTH,)),
        layers.Dense(8, activation="relu", name="fc-1"),
        layers.BatchNormalization(name="norm_beta"),
        layers.Dense(7, use_bias=False, name="fc2"),
        layers.BatchNormalization(scale=False, name="norm2"),
        layers.Activation("tanh", name="tanh1"),
        layers.Dropout(0.2, name="drop1"),
        layers.Dense(5, activation="softmax", name="out"),
    ])


def graph():
    layers = keras.layers
    x = keras.Input((WIDTH,), name="input_1")
    a = layers.Dense(6, name="fc1")(x)
    a = layers.LeakyReLU(alpha=0.25, name="leaky1")(a)
    b = layers.Dense(6, activation="sigmoid", name="fc2")(x)
    s = layers.Add(name="sum1")([a, b])
    c = layers.Concatenate(name="cat1")([s, a])
    c = layers.ReLU(name="relu1")(c)
    return keras.Model(x, layers.Dense(3, name="out")(c))


def make_keras(folder):
    keras.utils.set_random_seed(1)
    model = chain()
    fit(model, "sparse_categorical_crossentropy", 5)
    model.save(f"{folder}/chain.h5", include_optimizer=False)
    keep(model, folder, "chain")
    model = graph()
    fit(model, "mse", 3)
    with open(f"{folder}/graph.json", "w") as out:
        out.write(model.to_json())
    model.save_weights(f"{folder}/graph-weights.h5")
    keep(model, folder, "graph")
    model = keras.Sequential([keras.Input((4, WIDTH)), keras.layers.Conv1D(3, 1, name="conv1"),
                              keras.layers.GlobalMaxPooling1D(name="pool1"), keras.layers.Dense(2, name="out")])
    with open(f"{folder}/unknown.json", "w") as out:
        out.write(model.to_json())


def make_qkeras(folder):
    keras.utils.set_random_seed(2)
    x = keras.Input((WIDTH,), name="x")
    a = q.QActivation("quantized_bits(8,3,alpha=1)", name="qx")(x)
    a = q.QDense(8, kernel_quantizer=q.quantized_bits(6, 0, alpha=1), bias_quantizer="quantized_bits(8,2,alpha=1)",
                 name="fc1")(a)
    a = q.QActivation(q.quantized_relu(6, 2), name="relu1")(a)
    a = q.QDense(7, kernel_quantizer="quantized_bits(4,0,alpha='auto_po2')", bias_quantizer=q.quantized_bits(8, 2, alpha=1),
                 activation="quantized_relu(5,2)", name="fc2")(a)
    a = q.QDense(6, kernel_quantizer=q.ternary(alpha=1, threshold=0.1), use_bias=False, name="fc3")(a)
    a = q.QActivation("quantized_tanh(5)", name="tanh1")(a)
    a = q.QDense(3, kernel_quantizer=q.quantized_bits(6, 1, alpha=1), bias_quantizer=q.quantized_bits(6, 1, alpha=1),
                 name="out")(a)
    a = q.QActivation(q.quantized_bits(10, 4, alpha=1), name="qout")(a)
    model = keras.Model(x, a)
    fit(model, "mse", 3)
    model.save(f"{folder}/qgraph.h5", include_optimizer=False)
    keep(model, folder, "qgraph")
    x = keras.Input((WIDTH,), name="x")
    a = q.QDense(8, kernel_quantizer=q.quantized_bits(6, 0, alpha=1), bias_quantizer=q.quantized_bits(8, 2, alpha=1),
                 name="fc1")(x)
    a = q.QBatchNormalization(name="bn1")(a)
    a = q.QActivation(q.quantized_relu(6, 2), name="relu1")(a)
    a = q.QDense(5, kernel_quantizer=q.quantized_bits(6, 0, alpha=1), bias_quantizer=q.quantized_bits(8, 2, alpha=1),
                 name="out")(a)
    model = keras.Model(x, keras.layers.Activation("softmax", name="prob")(a))
    fit(model, "sparse_categorical_crossentropy", 5)
    model.save(f"{folder}/qnorm.h5", include_optimizer=False)
    keep(model, folder, "qnorm")


def make_tfmot(folder):
    import tensorflow_model_optimization as tfmot
    keras.utils.set_random_seed(3)
    pruning = tfmot.sparsity.keras
    model = pruning.prune_low_magnitude(chain(), pruning.PolynomialDecay(0.0, 0.75, 0, 30, frequency=5))
    fit(model, "sparse_categorical_crossentropy", 5, [pruning.UpdatePruningStep()])
    model.save(f"{folder}/wrapped.h5", include_optimizer=False)
    keep(model, folder, "wrapped")
    model = pruning.strip_pruning(model)
    model.save(f"{folder}/stripped.h5", include_optimizer=False)
    keep(model, folder, "stripped")


{"keras": make_keras, "qkeras": make_qkeras, "tfmot": make_tfmot}[sys.argv[1]](sys.argv[2])
