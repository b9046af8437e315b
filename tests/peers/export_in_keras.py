"""Loads an exported model.h5 with Keras' own load_model and compares predictions with a float forward of the exported weights.

    export_in_keras.py MODEL.h5 [NIBBLE]

Keras knows nothing of types, so neither do the references here. One is the fixed-point network's integers times their steps,
in double, with every cast left out. The other, with NIBBLE, is nibble's own float forward: the Keras part of the file alone,
imported, predicts the golden inputs. Runs in an environment with TensorFlow 2.15 (tf.keras) or with Keras 3 (jax). Exit status
1 when an output is more than 1e-6 of the largest off.
"""
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

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


def array(group):
    w, i = group["type"][:, 0], group["type"][:, 1]
    code = group["code"][...].astype(np.float64)
    step = np.where(w > 0, 2.0 ** (i - w).astype(np.float64), 0)
    return code * (step.reshape(code.shape) if step.size == code.size else step)


def forward(fixnet, x):
    """Outputs by target, in the order of the file."""
    value = {}
    for node in (n.decode() for n in fixnet["nodes"][...]):
        op = fixnet[f"op/{node}"]
        kind = op["kind"][()].decode()
        read = [value[n.decode()] for n in op["inputs"][...]] if "inputs" in op else []
        if kind == "input":
            value[node] = x[node]
        elif kind == "dense":
            value[node] = read[0] @ array(op["kernel"]) + (array(op["bias"]) if "bias" in op else 0)
        elif kind == "relu":
            value[node] = np.maximum(read[0], 0)
        elif kind == "leaky_relu":
            value[node] = np.where(read[0] > 0, read[0], read[0] * 2.0 ** -int(op["shift"][()]))
        elif kind == "add":
            value[node] = sum(read)
        elif kind == "concat":
            value[node] = np.concatenate(read, axis=-1)
        elif kind == "cast":
            value[node] = read[0]
        elif kind == "scale":
            value[node] = read[0] * array(op["scale"]) + array(op["shift"])
        else:
            sys.exit(f"{node}: {kind} has no float form here")
    return [value[n.decode()] for n in fixnet["output/node"][...]]


def nibble_forward(nibble, path, x):
    """What nibble's float forward makes of the weights in the Keras part: a copy without nibble's group is imported."""
    with tempfile.TemporaryDirectory() as folder:
        plain, data, run, out = (f"{folder}/{n}" for n in ("plain.h5", "data.h5", "run", "y.npy"))
        shutil.copy(path, plain)
        with h5py.File(plain, "a") as file:
            del file["nibble"]
        with h5py.File(data, "w") as file:
            file["x"] = x
        subprocess.run([nibble, "import", plain, "-o", run, "--quiet"], check=True)
        subprocess.run([nibble, "predict", run, "--data", data, "-o", out, "--quiet"], check=True)
        return np.load(out)


def main(path, nibble=None):
    with h5py.File(path) as file:
        x = {n: file[f"nibble/golden/input/{n}/x"][...] for n in file["nibble/golden/input"]}
        want = forward(file["nibble/fixnet"], {n: v.astype(np.float64) for n, v in x.items()})
        order = [n.decode() for n in file["nibble/fixnet/nodes"][...] if n.decode() in x]
    model = load_model(path, compile=False)
    inputs = [x[n] for n in order]
    got = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0, batch_size=256)
    got = [np.asarray(g) for g in (got if isinstance(got, (list, tuple)) else [got])]
    if nibble:
        own = nibble_forward(nibble, path, inputs[0])
        worst = float(np.abs(got[0] - own).max() / np.abs(own).max())
        print(f"{os.path.dirname(path) or path}: {name} predicts what nibble's float forward does within {worst:.1e} of its "
              f"largest output")
        if not worst <= LIMIT:
            return True
    worst = max(float(np.abs(g - w).max() / np.abs(w).max()) for g, w in zip(got, want))
    print(f"{os.path.dirname(path) or path}: {name} predicts the exported model within {worst:.1e} of its largest output")
    return worst > LIMIT or len(got) != len(want)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
