"""Loads a model that nibble wrote with Keras' own load_model and compares predictions on the same rows.

    load_in_keras.py BEST.h5 DATA.h5 DATASET PREDICTIONS.npy

DATA.h5:DATASET are raw inputs [rows, features]; the preprocessing stored in BEST.h5 is applied here in double and rounded
once to float, as nibble does. PREDICTIONS.npy is what `nibble predict` made of the same rows. Runs in an environment with
TensorFlow 2.15 (tf.keras) or with Keras 3 (jax). Exit status 1 when a probability is more than 1e-6 off.
"""
import importlib.util
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import h5py
import numpy as np

LIMIT = 1e-6

if importlib.util.find_spec("tensorflow"):
    import tensorflow as tf
    load_model, name = tf.keras.models.load_model, f"tf.keras of TensorFlow {tf.__version__}"
else:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    load_model, name = keras.models.load_model, f"Keras {keras.__version__}"


def main(model_path, data_path, dataset, predictions_path):
    with h5py.File(data_path) as data, h5py.File(model_path) as file:
        raw = data[dataset][()].astype(np.float64)
        inputs = list(file["nibble/data"].keys())
        group = file[f"nibble/data/{next(i for i in inputs if i != 'classes')}/preprocess"]
        x = ((raw - group["shift"][()]) / group["divisor"][()]).astype(np.float32)
    model = load_model(model_path, compile=False)
    got = np.asarray(model.predict(x, verbose=0, batch_size=256))
    want = np.load(predictions_path)
    if got.shape != want.shape:
        sys.exit(f"{model_path}: {name} predicts {got.shape}, nibble {want.shape}")
    difference = np.abs(got.astype(np.float64) - want).max()
    print(f"{os.path.basename(os.path.dirname(model_path)):12s} {name:34s} {len(model.layers):2d} layers, {len(x)} rows: "
          f"largest difference {difference:.2e}, probabilities {want.min():.3f} to {want.max():.3f}")
    if not difference <= LIMIT or want.max() - want.min() < 0.1:
        sys.exit(f"{model_path}: more than {LIMIT} apart, or predictions that say nothing")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
