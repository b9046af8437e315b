#!/usr/bin/env python3
"""Turn this export into an hls4ml project, compile its C++ emulation and compare it with nibble's integers.

  python3 convert.py            convert, compile with g++, run the golden inputs, count differing outputs
  python3 convert.py --trace    the same for every layer whose type is stated
  python3 convert.py --build    then run the synthesis of the back end (its tools must be installed)
  python3 convert.py --write    only write the project (back ends that cannot be compiled here)

Needs Python 3.10 or later with hls4ml 1.2 or later (pip install hls4ml; for the strategy distributed_arithmetic
also da4ml). Neither TensorFlow nor Keras nor QKeras is used. Exit status 1: outputs differ.
"""
import argparse
import os
import sys
import warnings

import h5py
import numpy as np
import yaml


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def read_golden(path):
    """Inputs and expected outputs, in the order of the model's inputs and outputs, and tensors by node."""
    with h5py.File(path) as f:
        fixnet, golden = f['nibble/fixnet'], f['nibble/golden']
        nodes = [text(n) for n in fixnet['nodes'][...]]
        targets = [text(t) for t in fixnet['output/target'][...]]
        inputs = [n for n in nodes if n in golden['input']]
        x = [golden[f'input/{n}/x'][...] for n in inputs]
        y = [golden[f'output/{t}/value'][...] for t in targets]
        tensors = {n: golden[f'tensor/{n}'][...] for n in golden['tensor']} if 'tensor' in golden else {}
        layers = dict(zip((text(n) for n in f['nibble/export/layer'][...]),
                          (text(n) for n in f['nibble/export/node'][...])))
    return inputs, x, targets, y, tensors, layers


def read_config(arguments):
    with open('hls4ml.yml') as f:
        config = yaml.safe_load(f)
    for key, value in (('Backend', arguments.backend), ('IOType', arguments.io_type), ('Part', arguments.part),
                       ('OutputDir', arguments.output)):
        if value is not None:
            config[key] = value
    if arguments.trace:
        config['TraceOutput'] = True
        for layer in config['HLSConfig']['LayerName'].values():
            layer['Trace'] = True
    return config


def convert(config):
    import hls4ml
    # The command `hls4ml convert` of 1.3.0 drops KerasH5 without a word; this call is in every version from 1.2 on.
    to_hls = getattr(hls4ml.converters, 'keras_v2_to_hls', None) or hls4ml.converters.convert_from_config
    return hls4ml.__version__, to_hls(config)


def as_list(y):
    return y if isinstance(y, (list, tuple)) else [y]


def count(names, found, expected, what):
    """Print the differences; how many there are."""
    bad = 0
    for name, y, wanted in zip(names, found, expected):
        y = np.asarray(y, dtype=np.float64).reshape(wanted.shape)
        differ = y != wanted
        n = int(differ.sum())
        bad += n
        print(f'{what} {name}: {n} of {wanted.size} numbers of {len(wanted)} samples differ')
        for row, column in np.argwhere(differ)[:3]:
            print(f'  sample {row}, number {column}: nibble {wanted[row, column]!r}, hls4ml {y[row, column]!r}')
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--trace', action='store_true')
    parser.add_argument('--build', action='store_true')
    parser.add_argument('--write', action='store_true')
    parser.add_argument('--backend', help='instead of hls4ml.yml\'s')
    parser.add_argument('--io-type', help='instead of hls4ml.yml\'s')
    parser.add_argument('--part', help='instead of hls4ml.yml\'s')
    parser.add_argument('--output', help='folder of the project, instead of hls4ml.yml\'s')
    arguments = parser.parse_args()
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    warnings.filterwarnings('ignore')
    config = read_config(arguments)
    inputs, x, targets, y, tensors, layers = read_golden('model.h5')
    version, model = convert(config)
    print(f'hls4ml {version}, {config["Backend"]}, {config["IOType"]}')
    if arguments.write:
        model.write()
        print(f'written to {config["OutputDir"]}')
        return 0
    model.compile()
    # In double, so that outputs of more than 24 bits come back whole.
    x = [np.ascontiguousarray(a, dtype=np.float64) for a in x]
    bad = count(targets, as_list(model.predict(x if len(x) > 1 else x[0])), y, 'output')
    if arguments.trace:
        rows = min((len(t) for t in tensors.values()), default=0)
        few = [a[:rows] for a in x]
        _, traced = model.trace(few if len(few) > 1 else few[0])
        names = [n for n in layers if n in traced and layers[n] in tensors]
        bad += count(names, [traced[n] for n in names], [tensors[layers[n]] for n in names], 'layer')
    print('equal' if bad == 0 else f'{bad} numbers differ')
    if arguments.build:
        print(model.build(csim=False, synth=True))
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
