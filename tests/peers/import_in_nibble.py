"""Models that a peer made just now, imported by nibble: its predictions against the peer's own.

    import_in_nibble.py NIBBLE FOLDER     FOLDER: what import_keras2_golden.py or import_keras3_golden.py wrote

Exit status 1 when a prediction is more than 1e-6 off.
"""
import glob
import os
import subprocess
import sys

import h5py
import numpy as np

LIMIT = 1e-6


def files_of(name):
    for files in ([f"{name}.h5"], [f"{name}.keras"], [f"{name}.json", f"{name}-weights.h5"]):
        if all(os.path.exists(f) for f in files):
            return files
    sys.exit(f"{name}: no model")


def main(nibble, folder):
    os.chdir(folder)
    bad = 0
    for path in sorted(glob.glob("*-x.npy")):
        name = path[: -len("-x.npy")]
        with h5py.File("data.h5", "w") as out:
            out["x"] = np.load(path)
        subprocess.run([nibble, "import", *files_of(name), "-o", name, "--quiet"], check=True)
        subprocess.run([nibble, "predict", name, "--data", "data.h5", "-o", f"{name}-nibble.npy", "--quiet"], check=True)
        want, got = np.load(f"{name}-y.npy"), np.load(f"{name}-nibble.npy")
        worst = float(np.abs(want - got).max()) if want.shape == got.shape else np.inf
        bad += not worst <= LIMIT
        print(f"{name:12s} imported from {' and '.join(files_of(name))}: largest difference {worst:.2e}")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2]))
