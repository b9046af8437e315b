"""Makes the files that test_model_file.c loads as model.init_from would: small models saved by Keras itself.

    keras_weights_golden.py OUT.h5

With TensorFlow 2.15 a weights-only file (save_weights), with Keras 3 a whole model: the two layouts that nibble reads.
Weight number k of layer number l is l + k/64, exact in float.
"""
import importlib.util
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
import numpy as np

keras2 = importlib.util.find_spec("tensorflow") is not None
if keras2:
    from tensorflow import keras
else:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

model = keras.Sequential([
    keras.Input((3,)),
    keras.layers.Dense(4, name="fc1"),
    keras.layers.BatchNormalization(center=False, name="bn1"),
    keras.layers.ReLU(name="relu1"),
    keras.layers.Dropout(0.1, name="drop1"),
    keras.layers.Dense(3, name="logits", activation="softmax"),
])
for number, layer in enumerate(model.layers):
    layer.set_weights([(number + 1 + np.arange(w.size) / 64).reshape(w.shape) for w in layer.get_weights()])
if keras2:
    model.save_weights(sys.argv[1])
else:
    model.save(sys.argv[1])
